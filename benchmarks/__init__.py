"""Benchmarks that need nothing but the classifier's core: `python -m benchmarks NAME`."""
