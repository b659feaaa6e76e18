"""A model's answers: tokens in, logits and vectors out, by the fastest backend that keeps them."""
