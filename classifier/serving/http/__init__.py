"""The classifier service: its routes, wire format and metrics."""
