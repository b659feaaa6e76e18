"""A search for better options of a training."""
