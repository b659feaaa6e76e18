import asyncio
import json
import subprocess
import threading

import pytest

from classifier.contract import BrokenModel, ClassifierOverloaded, ClassifierUnavailable
from classifier.model.registry import Registry
from classifier.serving.engine import EngineSettings, LocalClassifier
from classifier.serving.registry_watcher import RegistryWatcher
from tests.factories.tiny_bert import tiny_bert, tiny_model


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    base = tiny_bert(tmp_path_factory.mktemp("base"))
    return tiny_model(base, epochs=4), tiny_model(base, epochs=4, seed=1)


@pytest.fixture
def registry(models, tmp_path):
    registry = Registry(tmp_path)
    for model in models:
        registry.publish(model)
    return registry


class Gate:
    """A backend that waits for a gate, and notes the sizes of its batches."""

    def __init__(self, inner, wait):
        self.inner, self.open, self.entered, self.sizes = inner, threading.Event(), threading.Event(), []
        self.wait = wait or (lambda: self.open.wait(30))

    def forward(self, batch):
        self.entered.set()
        self.wait()
        self.sizes.append(len(batch))
        return self.inner.forward(batch)


def gated(classifier, wait=None):
    predictors = classifier._active.loaded.predictors
    gate = Gate(predictors[0].backend, wait)
    for predictor in predictors:
        predictor.backend = gate
    return gate


async def test_what_waits_becomes_one_batch(models):
    classifier = LocalClassifier(models[0])
    gate = gated(classifier)
    first = asyncio.create_task(classifier.classify(["vpn"]))
    await asyncio.to_thread(gate.entered.wait)
    rest = [asyncio.create_task(classifier.classify([text])) for text in ("refund", "code", "wifi")]
    await asyncio.sleep(0)
    gate.open.set()
    await asyncio.gather(first, *rest)
    assert gate.sizes == [1, 3]
    await classifier.close()


async def test_a_full_queue_refuses_at_once(models):
    classifier = LocalClassifier(models[0], EngineSettings(queue_size=2))
    gate = gated(classifier)
    running = asyncio.create_task(classifier.classify(["vpn"]))
    await asyncio.to_thread(gate.entered.wait)
    waiting = asyncio.create_task(classifier.classify(["a", "b"]))
    await asyncio.sleep(0)
    with pytest.raises(ClassifierOverloaded):
        await classifier.classify(["one too many"])
    gate.open.set()
    assert len(await waiting) == 2
    await running
    await classifier.close()


async def test_a_caller_that_goes_away_costs_nothing(models):
    classifier = LocalClassifier(models[0])
    gate = gated(classifier)
    running = asyncio.create_task(classifier.classify(["vpn"]))
    await asyncio.to_thread(gate.entered.wait)
    gone = asyncio.create_task(classifier.classify(["gone"]))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    gate.open.set()
    await running
    await classifier.classify(["still here"])
    assert gate.sizes == [1, 1]
    await classifier.close()


async def test_closing_finishes_what_runs_and_refuses_what_waits(models):
    classifier = LocalClassifier(models[0], EngineSettings(batch_texts=1))
    gate = gated(classifier)
    running = asyncio.create_task(classifier.classify(["vpn"]))
    await asyncio.to_thread(gate.entered.wait)
    closing = asyncio.create_task(classifier.close())
    await asyncio.sleep(0)
    gate.open.set()
    await closing
    assert len(await running) == 1
    with pytest.raises(ClassifierUnavailable):
        await classifier.classify(["late"])


async def test_a_failing_batch_leaves_the_classifier_working(models, caplog):
    classifier = LocalClassifier(models[0])
    [predictor] = classifier._active.loaded.predictors
    backend, predictor.backend = predictor.backend, None
    with pytest.raises(ClassifierUnavailable):
        await classifier.classify(["vpn"])
    predictor.backend = backend
    assert len(await classifier.classify(["vpn"])) == 1
    await classifier.close()


@pytest.mark.drill("swap")
async def test_no_request_fails_while_models_are_swapped(registry, measured):
    first, second = (registry.path(version) for version in registry.list())
    classifier = await LocalClassifier.open(first)
    done = asyncio.Event()
    seen = []

    async def ask():
        while not done.is_set():
            seen.extend(
                prediction.model_version for prediction in await classifier.classify(["vpn", "refund"])
            )

    askers = [asyncio.create_task(ask()) for _ in range(4)]
    for path in (second, first, second):
        assert await classifier.swap(path) == path.name
    done.set()
    await asyncio.gather(*askers)
    assert set(seen) <= {first.name, second.name}
    assert (await classifier.classify(["vpn"]))[0].model_version == second.name
    await classifier.close()
    measured(f"3 swaps under {len(seen)} answers: 0 requests failed")


async def test_the_watcher_follows_the_active_version(registry):
    old, new = registry.list()
    registry.activate(old)
    classifier = await LocalClassifier.open(registry.path(old))
    watcher = asyncio.create_task(RegistryWatcher(registry, classifier, 0.01).run())

    async def until(version):
        async with asyncio.timeout(30):
            while (await classifier.model()).version != version:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    registry.activate(new)
    await until(new)
    registry.rollback()
    await until(old)
    watcher.cancel()
    await asyncio.gather(watcher, return_exceptions=True)
    await classifier.close()


async def test_a_broken_new_version_leaves_the_old_one_answering(registry, caplog):
    old, new = registry.list()
    registry.activate(old)
    classifier = await LocalClassifier.open(registry.path(old))
    registry.activate(new)
    (registry.path(new) / "head.safetensors").write_bytes(b"")
    with pytest.raises(BrokenModel):
        await classifier.swap(registry.path(new))
    watcher = RegistryWatcher(registry, classifier)
    assert await watcher.look() is None
    assert await watcher.look() is None
    assert sum("cannot be loaded" in record.message for record in caplog.records) == 1
    assert (await classifier.model()).version == old
    await classifier.close()


async def test_workers_side_by_side_share_one_request(registry):
    path = registry.path(registry.list()[0])
    classifier = await LocalClassifier.open(path, EngineSettings(backend="onnx-fp32", threads=2))
    gate = gated(classifier, threading.Barrier(2, timeout=30).wait)  # only two side by side get through
    texts = ["vpn", "code", "wifi", "login"]
    answers = await classifier.classify(texts)
    assert sorted(gate.sizes) == [1, 3]
    gate.wait = lambda: None
    alone = [(await classifier.classify([text]))[0] for text in texts]
    assert [answer.category for answer in answers] == [answer.category for answer in alone]
    await classifier.close()


async def test_a_backend_that_cannot_be_chosen_falls_back_to_the_reference(
    registry, monkeypatch, caplog, tmp_path
):
    monkeypatch.setattr("classifier.inference.loading._TOO_SMALL_TO_RACE", 0)
    monkeypatch.setattr("sys.executable", str(tmp_path / "nothing"))
    classifier = await LocalClassifier.open(registry.path(registry.list()[0]))
    assert classifier.backend == "onnx-fp32"
    assert "could not be run" in caplog.text
    await classifier.close()


SPEEDS = {"side_by_side": 20.0, "together": 8.0, "alone": 5.0, "alone_narrow": 4.0}
SLOWER = {mode: rate / 2 for mode, rate in SPEEDS.items()}


async def test_a_start_answers_before_the_race_which_waits_for_a_quiet_moment(
    registry, monkeypatch, tmp_path
):
    raced = []

    def run(command, **_options):
        raced.append(command)
        found = {"speeds": {"onnx-fp32": SLOWER, "onnx-int8": SPEEDS}, "refused": {}}
        return subprocess.CompletedProcess(command, 0, json.dumps(found), "")

    monkeypatch.setattr("classifier.inference.loading._TOO_SMALL_TO_RACE", 0)
    monkeypatch.setattr("subprocess.run", run)
    path = registry.path(registry.list()[0])
    settings = EngineSettings(threads=2, cache=tmp_path / "races", race_later=True)
    classifier = await LocalClassifier.open(path, settings)
    assert (classifier.backend, raced) == ("onnx-fp32", [])
    racing = asyncio.create_task(classifier.race(quiet=0.2))
    before = await classifier.classify(["vpn"])
    await racing
    assert (classifier.backend, len(raced)) == ("onnx-int8", 1)
    after = await classifier.classify(["vpn"])
    assert (after[0].category, after[0].model_version) == (before[0].category, before[0].model_version)
    await classifier.close()
    again = await LocalClassifier.open(path, settings)
    await again.race(quiet=3600)  # there is nothing to wait for
    assert (again.backend, len(raced)) == ("onnx-int8", 1)
    await again.close()


async def test_an_explanation_that_time_cuts_short_is_whole_again_later(registry):
    path = registry.path(registry.list()[0])
    text = "please help my vpn is not working again since friday"
    classifier = await LocalClassifier.open(path, EngineSettings(backend="onnx-fp32", threads=1))
    short = await classifier.explain(text * 40, seconds=1e-9)
    assert short.cut_short
    assert short.tried == 4 < short.read
    assert len(short.words) == 4
    whole = await classifier.explain(text)
    assert not whole.cut_short
    assert whole.tried == whole.read == len(whole.words)
    assert await classifier.explain(text) is whole
    await classifier.close()


async def test_messages_overtake_an_explanation_that_is_under_way(models):
    classifier = LocalClassifier(models[0], EngineSettings(batch_texts=1, explain_seconds=60))
    gate = gated(classifier)
    asking = asyncio.create_task(classifier.explain("please help my vpn is not working again since friday"))
    await asyncio.to_thread(gate.entered.wait)
    message = asyncio.create_task(classifier.classify(["refund"]))
    await asyncio.sleep(0)
    gate.open.set()
    await message
    assert not asking.done()
    assert (await asking).tried > 4
    await classifier.close()
