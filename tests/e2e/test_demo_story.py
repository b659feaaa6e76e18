"""The demo's whole story, headless, with the real encoder."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_the_demo_plays_its_whole_story(tmp_path: Path):
    record = tmp_path / "story.json"
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    program = Path(sys.executable).with_name("fingerpost")
    arguments = ("demo", "--check", "--json", str(record), "--home", str(tmp_path / "home"))
    process = await asyncio.create_subprocess_exec(
        program, *arguments, env=environment, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    story = json.loads(record.read_text(encoding="utf-8"))
    assert process.returncode == 0, (story.get("reason"), said.decode())
    names = [step["name"] for step in story["steps"]]
    assert names[-3:] == ["retrain", "post again", "post a paraphrase"]
    assert story["ok"] is True
    assert all(step["answered"] for step in story["steps"])
