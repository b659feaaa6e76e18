"""What waits for the network, and who takes which part of it."""

import asyncio
from types import SimpleNamespace

import pytest

from classifier.contract import ClassifierOverloaded, ClassifierUnavailable
from classifier.serving.queue import MOST_EXPLANATIONS, Admission, Job, ReadyModel


def ready(predictors=2, most=32):
    return ReadyModel(SimpleNamespace(predictors=tuple(range(predictors))), most)


def job(model, *texts, measurement=None):
    return Job(texts, model, asyncio.get_running_loop().create_future(), measurement)


def explanation(model, text, *, overdue=False):
    return job(model, text, measurement=SimpleNamespace(overdue=overdue))


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


async def test_a_share_holds_texts_of_one_model():
    queue, active, shadow = Admission(100), ready(1), ready(1)
    queue.add(job(active, "a"))
    queue.add(job(shadow, "b"))
    first, second = queue.take(), queue.take()
    assert (texts_of(first), first.model) == (["a"], active)
    assert (texts_of(second), second.model) == (["b"], shadow)


def rounds(queue, count, *, again=()):
    """What one worker takes, turn by turn; explanations of `again` are not finished by a turn."""
    taken = []
    for _ in range(count):
        share = queue.take()
        taken += [texts_of(share)]
        queue.give_back(share, again=share.items[0][0] in again)
    return taken


async def test_messages_overtake_explanations_which_take_turns():
    queue, model = Admission(100), ready(1)
    asked = [explanation(model, "why a"), explanation(model, "why b")]
    for one in asked:
        queue.add(one)
    queue.add(job(model, "message"))
    assert queue.waiting == 3
    assert rounds(queue, 4, again=asked) == [["message"], ["why a"], ["why b"], ["why a"]]
    queue.add(job(model, "later message"))
    assert rounds(queue, 2, again=asked) == [["later message"], ["why b"]]


async def test_where_messages_come_one_worker_is_kept_for_them():
    now = [0.0]
    queue, model = Admission(100, lambda: now[0]), ready(2)
    queue.add(job(model, "message"))
    queue.give_back(queue.take())
    for text in ("why a", "why b", "why c"):
        queue.add(explanation(model, text))
    first = queue.take()
    free = asyncio.create_task(asyncio.to_thread(queue.take))
    await asyncio.sleep(0)
    queue.add(job(model, "the next message"))
    message = await free
    assert (texts_of(first), texts_of(message)) == (["why a"], ["the next message"])
    queue.give_back(message)
    now[0] = 60.0
    assert texts_of(queue.take()) == ["why b"]


async def test_an_explanation_whose_time_is_over_takes_turns_with_messages():
    queue, model = Admission(100), ready(1, most=1)
    due = explanation(model, "why", overdue=True)
    queue.add(due)
    for text in "abcd":
        queue.add(job(model, text))
    assert rounds(queue, 5, again=[due]) == [["why"], ["a"], ["why"], ["b"], ["why"]]


async def test_explanations_are_refused_where_too_many_are_under_way():
    queue, model = Admission(1000), ready(1)
    asked = [explanation(model, "why") for _ in range(MOST_EXPLANATIONS)]
    for one in asked:
        queue.add(one)
    running = queue.take()
    with pytest.raises(ClassifierOverloaded):
        queue.add(explanation(model, "one too many"))
    queue.add(job(model, "messages are welcome"))
    queue.give_back(running)
    queue.add(explanation(model, "one more"))
    for one in asked:
        one.future.cancel()
    rounds(queue, 2)
    for _ in asked[1:]:
        queue.add(explanation(model, "again"))


async def test_an_explanation_under_way_is_given_back_by_a_queue_that_closed():
    queue, model = Admission(100), ready(1)
    queue.add(explanation(model, "why"))
    waiting = explanation(model, "why not")
    queue.add(waiting)
    share = queue.take()
    assert queue.close() == [waiting]
    assert not queue.give_back(share, again=True)


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
