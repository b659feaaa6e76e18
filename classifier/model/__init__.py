"""What a model is: its network, its parts, its directory on disk, and the registry of versions."""
