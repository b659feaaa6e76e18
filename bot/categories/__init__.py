"""`/categories`: rules, dialogs and changes."""
