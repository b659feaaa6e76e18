"""The classifier contract over HTTP. Imports no torch."""
