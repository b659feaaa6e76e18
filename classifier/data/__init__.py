"""Examples with their labels: files, manifests, what teaches and what judges."""
