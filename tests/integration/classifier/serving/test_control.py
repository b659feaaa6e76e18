"""Another version answers: over HTTP, with a real registry and real models, while requests run."""

import asyncio
import shutil
from contextlib import asynccontextmanager

import httpx
import pytest

from classifier.client.client import RemoteClassifier
from classifier.contract import (
    BrokenModel,
    ClassifierError,
    ClassifierUnavailable,
    InvalidInput,
    ModelControl,
    UnknownVersion,
    Versions,
)
from classifier.model.registry import Registry
from classifier.serving.control import RegistryControl
from classifier.serving.engine import LocalClassifier
from classifier.serving.http.asgi import create_service
from classifier.serving.registry_watcher import RegistryWatcher
from tests.factories.tiny_bert import tiny_bert, tiny_model


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A registry with two models."""
    base = tiny_bert(tmp_path_factory.mktemp("base"))
    registry = Registry(tmp_path_factory.mktemp("home"))
    for seed in (0, 1):
        registry.publish(tiny_model(base, seed=seed, epochs=1))
    return registry


@pytest.fixture
def registry(published, tmp_path):
    shutil.copytree(published.home, tmp_path / "home")
    own = Registry(tmp_path / "home")
    own.activate(own.list()[0])
    return own


TOKEN = "secret"


@asynccontextmanager
async def controlled(registry, token: str | None = TOKEN):
    """A service over the registry's active model, with a watcher that looks all the time."""
    engine = await LocalClassifier.open(registry.active_path())
    watcher = RegistryWatcher(registry, engine, 0.001)
    control = RegistryControl(registry, engine, watcher)
    watching = asyncio.create_task(watcher.run())
    service = create_service(engine, token, control)
    remote = RemoteClassifier("http://c", token, transport=httpx.ASGITransport(service), timeout=60)
    try:
        yield engine, remote
    finally:
        await remote.close()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await engine.close()


async def test_both_sides_of_the_network_control_models(registry):
    async with controlled(registry) as (engine, remote):
        assert isinstance(remote, ModelControl)
        assert isinstance(RegistryControl(registry, engine, RegistryWatcher(registry, engine)), ModelControl)


async def test_no_request_fails_while_versions_change(registry):
    old, new = registry.list()
    seen, done = set(), asyncio.Event()
    async with controlled(registry) as (engine, remote):

        async def ask():
            while not done.is_set():
                seen.update(answer.model_version for answer in await remote.classify(["vpn", "refund"]))

        askers = [asyncio.create_task(ask()) for _ in range(4)]
        assert await remote.versions() == Versions((old, new), old)
        assert await remote.activate(new) == new
        assert (await remote.classify(["vpn"]))[0].model_version == new
        assert await remote.rollback() == old
        assert (await remote.classify(["vpn"]))[0].model_version == old
        assert await remote.activate(new) == new
        done.set()
        await asyncio.gather(*askers)
        assert seen == {old, new}
        assert await remote.versions() == Versions((old, new), new)
        # the watcher saw every change, and had nothing to do
        assert engine.swaps == 3
    assert registry.active() == new


async def test_activating_the_version_that_answers_loads_nothing(registry):
    async with controlled(registry) as (engine, remote):
        assert await remote.activate(registry.active()) == registry.active()
        assert engine.swaps == 0


async def test_a_broken_version_changes_nothing(registry):
    old, new = registry.list()
    (registry.path(new) / "head.safetensors").write_bytes(b"")
    async with controlled(registry) as (engine, remote):
        with pytest.raises(BrokenModel):
            await remote.activate(new)
        assert (await remote.model()).version == old
        assert await remote.versions() == Versions((old, new), old)
        assert engine.swaps == 0


@pytest.mark.parametrize("version", ["20200101T000000Z-000000", "../../etc", ""])
async def test_a_version_that_is_not_there_is_named(registry, version):
    async with controlled(registry) as (_, remote):
        with pytest.raises(UnknownVersion):
            await remote.activate(version)


async def test_without_an_earlier_version_there_is_no_way_back(registry):
    async with controlled(registry) as (_, remote):
        with pytest.raises(InvalidInput, match="no earlier version"):
            await remote.rollback()


async def test_without_a_token_nothing_is_changed(registry):
    old, new = registry.list()
    async with controlled(registry, token=None) as (_, remote):
        assert (await remote.versions()).active == old
        with pytest.raises(ClassifierError, match="FINGERPOST_CLASSIFIER_TOKEN"):
            await remote.activate(new)
    assert registry.active() == old


async def test_a_registry_that_cannot_be_written_leaves_the_old_model(registry, monkeypatch):
    old, new = registry.list()

    def full(*_):
        raise OSError(28, "No space left on device")

    async with controlled(registry) as (engine, remote):
        monkeypatch.setattr(registry, "_replace", full)
        with pytest.raises(ClassifierUnavailable, match="No space left"):
            await remote.activate(new)
        assert (await engine.model()).version == old


async def test_a_change_that_began_is_finished_although_its_caller_left(registry, monkeypatch):
    new = registry.list()[1]
    engine = await LocalClassifier.open(registry.active_path())
    watcher = RegistryWatcher(registry, engine)  # the only one: another would hold a lock of its own
    control = RegistryControl(registry, engine, watcher)
    begun, swap = asyncio.Event(), engine.swap

    async def noticed(path):
        begun.set()
        return await swap(path)

    monkeypatch.setattr(engine, "swap", noticed)
    try:
        changing = asyncio.create_task(control.activate(new))
        await begun.wait()
        changing.cancel()
        await asyncio.gather(changing, return_exceptions=True)
        async with watcher.changing:  # is free when the change is done
            assert registry.active() == new
            assert (await engine.model()).version == new
    finally:
        await engine.close()


async def test_a_rollback_follows_what_another_process_activated_meanwhile(registry, monkeypatch):
    old, new = registry.list()
    registry.activate(new)
    async with controlled(registry) as (engine, remote):
        write = registry.rollback

        def rolled_back_and_forth():
            write()
            registry.activate(new)

        monkeypatch.setattr(registry, "rollback", rolled_back_and_forth)
        assert await remote.rollback() == new
        assert (await engine.model()).version == new
    assert old != new
