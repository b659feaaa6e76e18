"""Which words decided, and whether that is true."""
