"""Explanations that were measured before, or are being measured."""

import asyncio
from dataclasses import replace

import pytest

from classifier.contract import ClassifierUnavailable
from classifier.serving.explanations import Explanations
from classifier.testing import ScriptedClassifier


class Seconds:
    """A clock that stands still until it is moved."""

    now = 0.0

    def __call__(self):
        return self.now


class Measure:
    """Counts measurements, which wait for a gate."""

    def __init__(self, *, cut_short=False, error=None):
        self.count, self.gate, self.cut_short, self.error = 0, asyncio.Event(), cut_short, error
        self.gate.set()

    async def __call__(self):
        self.count += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return replace(await ScriptedClassifier({"vpn": "network"}).explain("vpn"), cut_short=self.cut_short)


@pytest.fixture
def clock():
    return Seconds()


async def test_an_equal_question_is_measured_once(clock):
    known, measure = Explanations(clock), Measure()
    measure.gate.clear()
    asked = [asyncio.create_task(known.of("v1", "leave_one_out", "vpn", measure)) for _ in range(3)]
    await asyncio.sleep(0)
    measure.gate.set()
    first, second, third = await asyncio.gather(*asked)
    assert first is second is third
    assert await known.of("v1", "leave_one_out", "vpn", measure) is first
    assert measure.count == 1


@pytest.mark.parametrize(
    "other",
    [("v2", "leave_one_out", "vpn"), ("v1", "attention", "vpn"), ("v1", "leave_one_out", "vpn\ud800")],
)
async def test_another_model_method_or_text_is_another_question(clock, other):
    known, measure = Explanations(clock), Measure()
    await known.of("v1", "leave_one_out", "vpn", measure)
    await known.of(*other, measure)
    assert measure.count == 2


@pytest.mark.parametrize(("cut_short", "kept"), [(False, 500), (True, 20)])
async def test_one_that_was_cut_short_is_forgotten_sooner(clock, cut_short, kept):
    known, measure = Explanations(clock), Measure(cut_short=cut_short)
    for seconds, count in ((0, 1), (kept, 1), (200, 2)):
        clock.now += seconds
        await known.of("v1", "leave_one_out", "vpn", measure)
        assert measure.count == count


async def test_only_so_many_are_kept(clock):
    known, measure = Explanations(clock), Measure()
    for number in range(200):
        await known.of("v1", "leave_one_out", str(number), measure)
    await known.of("v1", "leave_one_out", "199", measure)
    assert measure.count == 200
    await known.of("v1", "leave_one_out", "0", measure)
    assert measure.count == 201


async def test_a_failure_is_not_kept_and_who_goes_away_takes_nothing_from_others(clock):
    known, failing = Explanations(clock), Measure(error=ClassifierUnavailable("no"))
    with pytest.raises(ClassifierUnavailable):
        await known.of("v1", "leave_one_out", "vpn", failing)
    measure = Measure()
    measure.gate.clear()
    gone, stays = [asyncio.create_task(known.of("v1", "leave_one_out", "vpn", measure)) for _ in range(2)]
    await asyncio.sleep(0)
    gone.cancel()
    measure.gate.set()
    assert (await stays).prediction.category == "network"
    assert measure.count == 1
