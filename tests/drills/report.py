"""Collects what the drills measured, and writes the page: `make drills`.

A drill is a test with the mark `drill`, of a row of `modes.py`. Its fixture `measured` keeps a figure. Where
a drill has a long form (the mark `long`), the page shows that one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drills.modes import MODES

_FIGURE = "measured"
_HEAD = """# Reliability

`make drills` writes this page. `python -m tests.drills NAME` runs the drills of one row, `--short` in the
form that `make test` runs. They talk to this machine alone, end by themselves, and fail where a figure
misses what it must be.

| how it fails | must hold | measured |
| --- | --- | --- |
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--drills PAGE`."""
    parser.addoption("--drills", metavar="PAGE", help="write what the drills measured to this page")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tie each drill to its row.

    Raises:
        pytest.UsageError: a drill of a row that is not there.
    """
    for item in items:
        for mark in item.iter_markers("drill"):
            if mark.args[0] not in MODES:
                raise pytest.UsageError(f"{item.nodeid}: no row {mark.args[0]!r} in tests/drills/modes.py")
            item.user_properties.append(("drill", mark.args[0]))
        item.user_properties.append(("long", item.get_closest_marker("long") is not None))


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keeps what a drill measured, in words: "10,000 events: 10,000 tickets, 0 twice"."""

    def keep(figure: str) -> None:
        request.node.user_properties.append((_FIGURE, figure))

    return keep


class Page:
    """Hears of each test's end, in the process that started them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, list[tuple[bool, str]]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the figures of a drill, or that it failed."""
        said = dict(report.user_properties)
        if "drill" not in said or (report.when != "call" and report.passed):
            return
        figures = [str(value) for name, value in report.user_properties if name == _FIGURE]
        outcome = "held" if report.passed else f"**{report.outcome}**: {report.nodeid.rpartition('::')[2]}"
        for row in (str(value) for name, value in report.user_properties if name == "drill"):
            for figure in figures if report.passed and figures else [outcome]:
                self._found[row].append((bool(said["long"]), figure))

    def pytest_sessionfinish(self) -> None:
        """Write the page."""
        rows = [f"| {row.mode} | {row.must} | {self._cell(name)} |" for name, row in MODES.items()]
        in_long_form = any(is_long for found in self._found.values() for is_long, _ in found)
        said = "" if in_long_form else "\nThese are the short forms; the long ones were not run with them.\n"
        self._path.write_text(_HEAD + "\n".join(rows) + "\n" + said, encoding="utf-8")

    def _cell(self, name: str) -> str:
        found = self._found.get(name, [])
        longest = any(is_long for is_long, _ in found)
        return (
            "<br>".join(dict.fromkeys(figure for is_long, figure in found if is_long == longest)) or "not run"
        )


def pytest_configure(config: pytest.Config) -> None:
    """Listen where the page is asked for; under xdist its workers do not write it."""
    page = config.getoption("--drills")
    if page and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Page(Path(page)))
