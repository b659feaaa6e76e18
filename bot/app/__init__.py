"""The composition root: settings to objects to a running process."""
