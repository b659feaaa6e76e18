"""Models that are not whole, and text as nobody would write it."""

from __future__ import annotations

import json
import math
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.slack.incoming import parse_message
from classifier.contract import BrokenModel
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import load_model_directory, save_model_directory
from classifier.model.integrity import verify
from tests.factories.tiny_bert import tiny_bert, tiny_model
from tests.factories.world import HELP, SAM, TEAM

LONG = pytest.mark.long
Measured = Callable[[str], None]

ODD = (
    "\x00", "\ud800", "\udfff", "\u202e", "\u2066", "\ufeff", "\u200b", "\u200d", "\u0335", "\U000e0041",
    "\uffff", "\x1b[31m", "\r", "\u2028", "\U0001f469\u200d\U0001f4bb", "我", "لا", "ß", "ﬃ", "<!channel>",
    "<@U1>", "&amp;", "```", "`", "<", "|>", "http://x", ":bug:", "password", " ", "vpn", "1", "-", "{", "}",
    "%s", "\\", "\n", "\t", "İ",
)  # fmt: skip


@pytest.mark.drill("half-written")
def test_a_model_that_was_cut_anywhere_is_refused(tmp_path: Path, measured: Measured):
    save_model_directory(tiny_model(tiny_bert(tmp_path / "base")), tmp_path / "whole")
    draw, refused = random.Random(5), 0  # noqa: S311 - where, not how safe
    files = sorted(file for file in (tmp_path / "whole").iterdir() if file.stat().st_size)
    for number in range(100):
        cut = tmp_path / f"cut-{number}"
        shutil.copytree(tmp_path / "whole", cut)
        file = cut / files[number % len(files)].name
        with file.open("r+b") as stream:
            stream.truncate(draw.randrange(file.stat().st_size))
        with pytest.raises(BrokenModel):
            load_model_directory(cut)
        refused += 1
        shutil.rmtree(cut)
    verify(tmp_path / "whole")
    measured(f"cut at 100 places in {len(files)} files: {refused} refused")


@pytest.mark.drill("odd-text")
@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=[LONG, pytest.mark.timeout(1800)])])
def test_odd_text_gets_an_answer(tmp_path: Path, count: int, measured: Measured):
    predictor = TorchPredictor(tiny_model(tiny_bert(tmp_path / "base")))
    draw = random.Random(9)  # noqa: S311 - which, not how safe
    for begin in range(0, count, 50):
        texts = ["".join(draw.choices(ODD, k=draw.randrange(1, 60))) for _ in range(min(50, count - begin))]
        read = [parse_message(event(text)) for text in texts]
        for prediction in predictor.predict([message.text for message in read if message is not None]):
            assert math.isfinite(prediction.confidence)
            json.dumps([word.text for word in prediction.words]).encode()
    began = time.perf_counter()
    huge = parse_message(event("password " * 120_000))
    assert huge is not None
    predictor.predict([huge.text])
    took = time.perf_counter() - began
    measured(f"{count:,} texts: 0 crashes; a megabyte in {took:.2f} s")


def event(text: str) -> dict[str, object]:
    return {
        "team_id": TEAM,
        "event": {"type": "message", "channel": HELP, "user": SAM, "ts": "1700000000.000100", "text": text},
    }
