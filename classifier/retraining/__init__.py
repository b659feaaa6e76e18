"""Labels to the next model. The only package here that imports the storage."""
