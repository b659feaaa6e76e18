"""The commands that work with models and labels."""
