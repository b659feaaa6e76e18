"""What is learned from simulated staff, beside simpler systems."""
