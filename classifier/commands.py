"""Commands: train, evaluate, classify, explain."""

from __future__ import annotations

import typer

commands = typer.Typer(no_args_is_help=True)
"""Typer app with `train`, `evaluate`, `classify` and `explain`; the product's command line mounts it."""
