"""Runs, versions, shadows and drift."""
