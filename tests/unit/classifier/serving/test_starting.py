"""A classifier that is asked before its model is loaded."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from classifier.contract import BrokenModel, Classifier, ClassifierUnavailable, ModelControl, Versions
from classifier.serving.starting import StartingClassifier, starting
from classifier.testing import ScriptedClassifier


class Control:
    async def activate(self, version):
        return version

    async def rollback(self):
        return "before"

    async def versions(self):
        return Versions(("v",), "v")


class Load:
    """Loads a scripted model when its gate is opened, or fails; says whether it was left."""

    def __init__(self, error=None):
        self.gate, self.left, self.error = asyncio.Event(), False, error

    @asynccontextmanager
    async def __call__(self):
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        yield ScriptedClassifier({"vpn": "network"}), Control()
        self.left = True


async def test_questions_wait_for_the_model_and_its_context_is_left_at_the_end():
    load = Load()
    async with starting(load()) as classifier:
        assert isinstance(classifier, Classifier)
        assert isinstance(classifier, ModelControl)
        asked = [
            asyncio.create_task(work)
            for work in (classifier.classify(["vpn"]), classifier.explain("vpn"), classifier.rollback())
        ]
        await asyncio.sleep(0)
        assert not any(task.done() for task in asked)
        load.gate.set()
        [prediction], explanation, version = await asyncio.gather(*asked)
        assert prediction.category == explanation.prediction.category == "network"
        assert (version, await classifier.activate("v2")) == ("before", "v2")
        assert (await classifier.versions()).active == "v"
        assert (await classifier.picture("vpn", seconds=1.0)).png
        assert (await classifier.model()).kind == "scripted"
        await classifier.loaded()
        assert not load.left
    assert load.left


async def test_a_question_does_not_wait_for_ever():
    waiting = StartingClassifier(asyncio.get_running_loop().create_future(), patience=0.01)
    with pytest.raises(ClassifierUnavailable, match="being loaded"):
        await waiting.classify(["vpn"])


async def test_a_model_that_cannot_be_loaded_is_the_starts_own_failure():
    load = Load(BrokenModel("cut"))
    async with starting(load()) as classifier:
        load.gate.set()
        with pytest.raises(BrokenModel, match="cut"):
            await classifier.loaded()
        with pytest.raises(ClassifierUnavailable):
            await classifier.classify(["vpn"])


async def test_leaving_before_the_model_is_there_does_not_wait_for_it():
    async with asyncio.timeout(10), starting(Load()()):
        pass
