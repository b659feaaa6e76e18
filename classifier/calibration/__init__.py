"""Logits to probabilities that mean what they say: temperature, thresholds, prediction sets. No torch."""
