"""The demo's whole story, headless: with the real encoder, and with one that learns in a moment."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.factories.tiny_bert import tiny_bert


async def play(folder: Path, **changes: str) -> tuple[int | None, dict, str]:
    """Return the exit status, the record of the story and what was said."""
    record = folder / "story.json"
    environment = os.environ | {"HF_HUB_OFFLINE": "1"} | changes
    program = Path(sys.executable).with_name("fingerpost")
    arguments = ("demo", "--check", "--json", str(record), "--home", str(folder / "home"))
    process = await asyncio.create_subprocess_exec(
        program, *arguments, env=environment, cwd=folder, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    return process.returncode, json.loads(record.read_text(encoding="utf-8")), said.decode()


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_the_demo_plays_its_whole_story(tmp_path: Path):
    status, story, said = await play(tmp_path)
    assert status == 0, (story.get("reason"), said)
    names = [step["name"] for step in story["steps"]]
    assert names[-3:] == ["retrain", "post again", "post a paraphrase"]
    assert story["ok"] is True
    assert all(step["answered"] for step in story["steps"])


@pytest.mark.timeout(900)
async def test_with_an_encoder_that_knows_nothing_the_demo_answers_and_hears_corrections(tmp_path: Path):
    options = tmp_path / "options.json"
    quick = {"epochs": 1, "sharpness": 0, "soup": 1, "word_scorer": 0, "baselines": False, "int8_check": 0}
    options.write_text(json.dumps(quick), encoding="utf-8")
    status, story, said = await play(
        tmp_path,
        FINGERPOST_CLASSIFIER_BASE_MODEL=str(tiny_bert(tmp_path / "base")),
        FINGERPOST_CLASSIFIER_MAX_TOKENS="32",
        FINGERPOST_CLASSIFIER_OPTIONS=str(options),
        FINGERPOST_CLASSIFIER_THREADS="1",
    )
    names = [step["name"] for step in story["steps"]]
    assert names[0] == "fine-tuned model live"
    assert "why last" in names, (story.get("reason"), said)
    assert all(step["answered"] for step in story["steps"])
    # whether it learns the lesson is its own affair: the story says so
    assert story["ok"] is (status == 0) is ("reason" not in story)
