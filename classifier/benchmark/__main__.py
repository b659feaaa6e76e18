"""`python -m classifier.benchmark starter [--results DIR]`: prints a table, writes JSON and Markdown."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from classifier.benchmark import starter

BEGIN, END = "<!-- starter: written by make bench -->", "<!-- end of starter -->"


def main() -> int:
    """Run the benchmark that is named."""
    parser = argparse.ArgumentParser(prog="python -m classifier.benchmark")
    parser.add_argument("name", choices=["starter"])
    parser.add_argument(
        "--results", type=Path, help="folder with results.md; results.json is written beside it"
    )
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    measured = starter.measure(arguments.seed)
    text = starter.table(measured)
    sys.stdout.write(text + "\n")
    if arguments.results:
        _write(arguments.results, measured, text)
    return 0


def _write(folder: Path, measured: dict[str, object], text: str) -> None:
    (folder / "results.json").write_text(json.dumps({"starter": measured}, indent=2) + "\n", encoding="utf-8")
    page = folder / "results.md"
    old = page.read_text(encoding="utf-8")
    before, _, rest = old.partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
