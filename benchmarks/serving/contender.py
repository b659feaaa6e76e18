"""`python -m benchmarks.serving.contender`: one contender in a process of its own.

JSON, one object a line. The first line on standard input is a turns.Spec; the answer says how many seconds
it took to be ready. Each further line is a command, {"do": "turn" | "answers" | "open_loop", "texts": name of
a set, ...}, and gets one line back. Between commands the process waits on standard input and does nothing, so
that many may be open while one is measured. Standard output belongs to the protocol: what libraries print
goes to standard error. The end of standard input ends the process.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

from benchmarks.turns import Contender, Spec
from classifier.contract import ClassifierError, InvalidInput


def main() -> int:
    """Serve commands until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(content: dict[str, Any]) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    line = sys.stdin.readline()
    if not line:
        return 0
    spec = Spec(**json.loads(line))
    began = time.perf_counter()
    try:
        contender = open_contender(spec)
    except ClassifierError as error:
        say({"error": str(error)})
        return 1
    say({"ready_seconds": time.perf_counter() - began, **contender.notes()})
    for line in sys.stdin:
        try:
            say(obey(contender, spec, json.loads(line)))
        except ClassifierError as error:
            say({"error": str(error)})
    contender.close()
    return 0


def open_contender(spec: Spec) -> Contender:
    """Load the class that the Spec names, and make one."""
    module = importlib.import_module(f"benchmarks.serving.{spec.module}")
    found: Contender = getattr(module, spec.name)(spec)
    return found


def obey(contender: Contender, spec: Spec, command: dict[str, Any]) -> dict[str, Any]:
    """Carry one command out.

    Raises:
        InvalidInput: there is no such command.
    """
    what, texts = command.pop("do"), spec.texts[command.pop("texts")]
    if what == "turn":
        return contender.turn(texts, **command)
    if what == "answers":
        return contender.answers(texts)
    if what == "open_loop":
        return contender.open_loop(texts, **command)
    raise InvalidInput(f"no command {what!r}: turn, answers or open_loop")


if __name__ == "__main__":
    sys.exit(main())
