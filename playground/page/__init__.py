"""The page and its addresses."""
