"""`python -m tests.drills NAME [--short]`: run the drills of a row; without a name, list the rows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.drills.modes import MODES

TESTS = Path(__file__).parents[1]


class Only:
    """Leaves out every test but the drills of one row."""

    def __init__(self, name: str) -> None:
        self._name = name

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the row's drills."""
        wanted = [item for item in items if any(m.args[0] == self._name for m in item.iter_markers("drill"))]
        config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
        items[:] = wanted


def main(arguments: list[str]) -> int:
    """Run pytest on one row."""
    names = [each for each in arguments if not each.startswith("-")]
    if len(names) != 1 or names[0] not in MODES:
        rows = (f"  {name:15} {row.mode}: {row.must}\n" for name, row in MODES.items())
        sys.stdout.write("Usage: python -m tests.drills NAME [--short]\n\n" + "".join(rows))
        return 2
    marks = "drill and not long" if "--short" in arguments else "drill"
    return int(pytest.main(["-m", marks, "-v", "-n0", str(TESTS)], plugins=[Only(names[0])]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
