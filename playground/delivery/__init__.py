"""What reaches the app, and how it may answer."""
