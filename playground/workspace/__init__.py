"""What a workspace holds: people, channels, messages, files, views."""
