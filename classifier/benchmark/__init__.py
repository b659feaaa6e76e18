"""Benchmarks that need nothing but the classifier's core: `python -m classifier.benchmark NAME`."""
