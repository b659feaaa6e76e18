"""The training's child process: its memory, its parent, what ends it, and what its end says."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from classifier.inference.torch_predictor import TorchPredictor
from classifier.retraining import child_limits
from classifier.retraining.child_process import (
    Heartbeat,
    RetrainingCancelled,
    RetrainingFailed,
    Silence,
    run_child,
)
from classifier.retraining.reporter import Reporter
from classifier.retraining.run_job import main, speak_of_passes
from tests.factories.retraining_process import alive
from tests.factories.tiny_bert import tiny_bert, tiny_model

SPEAK = "import json, sys; sys.stdin.read(); print(json.dumps({'result': {'version': 'v' * 300000}}))"
SLEEP = 'import sys, time; print(\'{"progress": {"pid": 1}}\', flush=True); time.sleep(600)'


def command(program: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program)


async def ours(_progress: dict[str, Any]) -> None:
    """The run is still ours."""


async def child(program: str, heartbeat: Heartbeat = ours, patience: float = 600) -> dict[str, Any]:
    return await run_child(command(program), b"{}", 600, heartbeat, {}, Silence(patience))


async def test_a_result_may_be_long():
    assert (await child(SPEAK))["version"] == "v" * 300_000


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ('import sys; sys.stdout.write(\'{"result": {"ver\'); sys.exit(3)', "code 3"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "code -9 .perhaps for lack of memory: it may use 600 MiB",
        ),
        ("raise MemoryError", "more than 600 MiB of memory: set FINGERPOST_CLASSIFIER_RETRAIN_MEMORY_MIB"),
        ('import os; os.write(2, b"what(): std::bad_alloc\\n"); os.abort()', "more than 600 MiB"),
    ],
)
async def test_the_end_of_a_child_says_why(program: str, said: str):
    with pytest.raises(RetrainingFailed, match=said):
        await child(program)


async def test_the_real_child_that_needs_more_memory_ends_with_what_to_do():
    program = (
        "import sys, torch; from classifier.retraining import job, run_job\n"
        "job.RetrainJob.decode = lambda content: None\n"
        "sys.exit(run_job.main(work=lambda job, reporter: torch.ones(1 << 30)))"
    )
    with pytest.raises(
        RetrainingFailed, match="more than 1500 MiB of memory: set FINGERPOST_CLASSIFIER_RETR"
    ):
        await run_child(command(program), b"{}", 1500, ours, {}, Silence(600))


async def test_a_cancelled_or_lost_run_ends_its_child():
    for end, said in (
        (RetrainingCancelled("U1"), "U1 cancelled it"),
        (RetrainingFailed("Another trainer took this run over."), "took this run over"),
    ):

        async def heartbeat(progress: dict[str, Any], end: Exception = end) -> None:
            if "pid" in progress:
                raise end

        with pytest.raises(RetrainingFailed, match=said):
            await child(SLEEP, heartbeat)


async def test_a_child_that_hangs_is_ended_and_one_that_goes_on_slowly_is_not():
    hangs = f"{SLEEP.replace('600', '1')}; import time; time.sleep(600)"
    with pytest.raises(RetrainingFailed, match=r"made no progress for 0\.02 minutes and was ended"):
        await child(hangs, patience=1.2)
    slow = (
        "import json, time\n"
        "for step in range(8):\n"
        "    print(json.dumps({'progress': {'step': step}}), flush=True); time.sleep(0.3)\n"
        "print(json.dumps({'result': {'version': 'v1'}}))"
    )
    assert (await child(slow, patience=1.2))["version"] == "v1"


def test_a_batch_that_goes_through_the_network_breaks_the_silence(tmp_path: Path):
    said = io.StringIO()
    end = speak_of_passes(Reporter(said))
    try:
        model = tiny_model(tiny_bert(tmp_path), epochs=1)
        before = said.getvalue()
        TorchPredictor(model).predict(["hello"])
    finally:
        end()
    assert json.loads(before) == {"passed": {}}  # once in ten seconds, however many there were
    assert said.getvalue() == before


def test_time_in_which_the_parent_did_not_run_is_hardly_counted():
    now = 0.0
    silence = Silence(60, lambda: now)
    for elapsed in (3600, 40):
        now += elapsed
        silence.listen()
    for _ in range(49):
        now += 1
        silence.listen()
    now += 1
    with pytest.raises(RetrainingFailed, match="no progress for 1 minutes"):
        silence.listen()
    silence.broken()
    silence.listen()


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
async def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path):
    inner = (
        "import os, sys, time; from classifier.retraining.child_limits import end_with_parent; "
        "end_with_parent(os.getppid()); print(os.getpid(), flush=True); time.sleep(600)"
    )
    outer = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {inner!r}]).wait()"
    process = await asyncio.create_subprocess_exec(*command(outer), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    pid = int(await process.stdout.readline())
    assert alive(pid)
    process.kill()
    await process.wait()
    async with asyncio.timeout(30):
        while alive(pid):  # noqa: ASYNC110 - the kernel ends it
            await asyncio.sleep(0.02)


def test_a_child_whose_parent_is_gone_already_ends_at_once():
    program = (
        "from classifier.retraining.child_limits import end_with_parent; end_with_parent(1); print('on')"
    )
    done = subprocess.run(command(program), capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")


def test_a_limit_refuses_memory_to_this_process_alone():
    program = (
        "from classifier.retraining.child_limits import limit_memory\n"
        "limit_memory(200)\n"
        "try: b'x' * (400 * 1024 * 1024)\n"
        "except MemoryError: print('refused')"
    )
    done = subprocess.run(command(program), capture_output=True, check=True)
    assert done.stdout == b"refused\n"


def test_the_default_is_three_quarters_of_the_smallest_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole = child_limits.default_memory_mib()
    assert whole >= child_limits.FEWEST_MIB
    group = tmp_path / "memory.max"
    monkeypatch.setattr(child_limits, "_limit_files", lambda _root, _groups: [group, tmp_path / "none"])
    group.write_text("max\n")
    assert child_limits.default_memory_mib() >= whole
    group.write_text(str(3 * 1024 * 1024 * 1024))
    assert child_limits.default_memory_mib() == 2304
    group.write_text(str(512 * 1024 * 1024))
    assert child_limits.default_memory_mib() == child_limits.FEWEST_MIB
    group.write_text(str(1 << 63))
    assert child_limits.default_memory_mib() >= whole


def test_the_files_of_a_limit_are_the_roots_and_the_groups_own():
    files = child_limits._limit_files(Path("/c"), {"": "/a", "memory": "/b"})
    names = [str(path) for path in files]
    assert "/c/a/memory.max" in names
    assert "/c/memory/b/memory.limit_in_bytes" in names


def test_a_terminals_interrupt_is_the_parents_business(monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr(signal, "signal", lambda number, handler: asked.append((number, handler)))
    monkeypatch.setattr(os, "nice", lambda _by: (_ for _ in ()).throw(InterruptedError))
    with pytest.raises(InterruptedError):
        main([])
    assert asked == [(signal.SIGINT, signal.SIG_IGN)]
