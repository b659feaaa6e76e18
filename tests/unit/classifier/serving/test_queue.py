"""What waits for the network, and who takes which part of it."""

import asyncio
from types import SimpleNamespace

import pytest

from classifier.contract import ClassifierOverloaded, ClassifierUnavailable
from classifier.serving.queue import Admission, Job, ReadyModel


def ready(predictors=2, most=32):
    return ReadyModel(SimpleNamespace(predictors=tuple(range(predictors))), most)


def job(model, *texts, method=None):
    return Job(texts, model, asyncio.get_running_loop().create_future(), method)


def texts_of(share):
    return [one.texts[place] for one, place in share.items]


async def test_free_workers_share_by_length_and_short_texts_go_together():
    queue, model = Admission(100), ready()
    queue.add(job(model, "a" * 100, "b", "c", "d" * 100))
    first, second = queue.take(), queue.take()
    assert texts_of(first) == ["b", "c", "a" * 100]
    assert texts_of(second) == ["d" * 100]
    assert first.predictor != second.predictor
    assert queue.waiting == 0


async def test_a_share_is_no_larger_than_suits_the_model():
    queue, model = Admission(100), ready(predictors=1, most=2)
    queue.add(job(model, "a", "b", "c"))
    share = queue.take()
    assert texts_of(share) == ["a", "b"]
    queue.give_back(share)
    assert texts_of(queue.take()) == ["c"]


async def test_a_share_holds_texts_of_one_model_and_an_explanation_stands_alone():
    queue, active, shadow = Admission(100), ready(1), ready(1)
    queue.add(job(active, "a"))
    queue.add(job(active, "why", method="attention"))
    queue.add(job(shadow, "b"))
    share = queue.take()
    assert (texts_of(share), share.model) == (["a"], active)
    queue.give_back(share)
    explanation, other = queue.take(), queue.take()
    assert (texts_of(explanation), texts_of(other), other.model) == (["why"], ["b"], shadow)


async def test_what_nobody_waits_for_any_more_is_left_out():
    queue, model = Admission(100), ready(1)
    gone = job(model, "gone")
    queue.add(gone)
    gone.future.cancel()
    queue.add(job(model, "here"))
    assert texts_of(queue.take()) == ["here"]


async def test_a_full_queue_refuses_and_a_closed_one_gives_back_what_waited():
    queue, model = Admission(2), ready(1)
    large = job(model, "a", "b", "c")
    queue.add(large)  # nothing waited
    with pytest.raises(ClassifierOverloaded):
        queue.add(job(model, "d"))
    assert queue.close() == [large]
    assert queue.take() is None
    with pytest.raises(ClassifierUnavailable):
        queue.add(job(model, "e"))


async def test_a_text_is_alone_only_a_while_after_others_overlapped():
    now = [0.0]
    queue, model = Admission(100, lambda: now[0]), ready()
    queue.add(job(model, "a"))
    alone = queue.take()
    assert queue.alone()
    queue.add(job(model, "b"))
    assert not queue.alone()
    beside = queue.take()
    queue.give_back(beside)
    assert not queue.alone()
    now[0] = 1.0
    assert queue.alone()
    queue.give_back(alone)
