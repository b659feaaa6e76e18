"""Another head on the same encoder, so that a new category works without a fine-tune."""
