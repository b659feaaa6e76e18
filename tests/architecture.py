"""`python -m tests.architecture`, a part of `make check`: no import circles, no crowded folders.

Imports for type checkers alone count too: who reads a module reads those as well.
"""

from __future__ import annotations

import sys
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp

PACKAGES = ("bot", "classifier", "storage", "migrations", "playground", "benchmarks")
MOST_MODULES = 20
"""In a folder; a newcomer reads no longer list."""


def circle() -> list[str]:
    """Modules that import each other in a circle; empty where there is none."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    arrows = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def crowded() -> dict[str, int]:
    """Folders with more modules than a folder may have."""
    files = (file for package in PACKAGES for file in Path(package).rglob("*.py"))
    folders = Counter(str(file.parent) for file in files if file.name != "__init__.py")
    return {folder: modules for folder, modules in folders.items() if modules > MOST_MODULES}


def main() -> int:
    """Print what is wrong; exit code 1 where something is."""
    found = circle()
    if found:
        sys.stdout.write(f"import circle: {' <- '.join(found)}\n")
    full = crowded()
    for folder, modules in full.items():
        sys.stdout.write(f"{folder} holds {modules} modules, at most {MOST_MODULES}: make rooms in it\n")
    return int(bool(found or full))


if __name__ == "__main__":
    sys.exit(main())
