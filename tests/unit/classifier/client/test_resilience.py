import pytest

from classifier.client.resilience import CircuitBreaker, Retries, Transient
from classifier.contract import (
    ClassifierOverloaded,
    ClassifierTimeout,
    ClassifierUnavailable,
    InvalidInput,
)


class Time:
    """Goes on only while somebody sleeps."""

    def __init__(self):
        self.now = 100.0
        self.slept = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time():
    return Time()


def failing(*errors):
    """A call that fails with these, then succeeds; counts its attempts."""
    left = list(errors)

    async def attempt():
        attempt.count += 1
        if left:
            raise left.pop(0)
        return "answer"

    attempt.count = 0
    return attempt


def retries(time, draw=1.0, **changes):
    return Retries(clock=time, sleep=time.sleep, draw=lambda: draw, **changes)


UNAVAILABLE = ClassifierUnavailable("gone")


async def test_a_call_that_succeeds_is_made_once(time):
    attempt = failing()
    assert await retries(time).run(attempt, time.now + 10) == "answer"
    assert (attempt.count, time.slept) == (1, [])


async def test_pauses_double_up_to_the_longest_and_are_spread(time):
    errors = [Transient(UNAVAILABLE)] * 5
    await retries(time, attempts=6, base=0.1, cap=0.5).run(failing(*errors), time.now + 60)
    assert time.slept == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5])
    time.slept.clear()
    await retries(time, 0.25, attempts=6, base=0.1, cap=0.5).run(failing(*errors), time.now + 60)
    assert time.slept == pytest.approx([0.025, 0.05, 0.1, 0.125, 0.125])


async def test_what_the_other_side_asks_for_is_waited_for(time):
    await retries(time, base=0.1).run(failing(Transient(UNAVAILABLE, 3.0)), time.now + 60)
    assert time.slept == pytest.approx([3.1])


async def test_after_the_last_attempt_its_error_is_told(time):
    attempt = failing(*[Transient(ClassifierUnavailable(str(number))) for number in range(9)])
    with pytest.raises(ClassifierUnavailable, match="2"):
        await retries(time, attempts=3).run(attempt, time.now + 60)
    assert attempt.count == 3


async def test_nothing_is_waited_for_that_would_come_after_the_deadline(time):
    attempt = failing(Transient(UNAVAILABLE, 5.0))
    with pytest.raises(ClassifierUnavailable, match="gone"):
        await retries(time).run(attempt, time.now + 5)
    assert (attempt.count, time.slept) == (1, [])


@pytest.mark.parametrize("error", [InvalidInput(), ClassifierTimeout(), ClassifierUnavailable(), KeyError()])
async def test_what_no_other_attempt_may_mend_is_not_repeated(time, error):
    attempt = failing(error)
    with pytest.raises(type(error)):
        await retries(time).run(attempt, time.now + 60)
    assert attempt.count == 1


def breaker(time, draw=0.5, **changes):
    return CircuitBreaker(3, 4.0, clock=time, draw=lambda: draw, **changes)


def call(breaker, error=None):
    with breaker.call():
        if error is not None:
            raise error


def fail(breaker, error=UNAVAILABLE, times=1):
    for _ in range(times):
        with pytest.raises(type(error)):
            call(breaker, error)


@pytest.mark.parametrize("error", [UNAVAILABLE, Transient(UNAVAILABLE), ClassifierTimeout()])
def test_failures_in_a_row_open_the_circuit(time, error):
    circuit = breaker(time)
    fail(circuit, error, times=2)
    assert not circuit.open
    fail(circuit, error)
    assert circuit.open
    with pytest.raises(ClassifierUnavailable, match="left alone") as refused:
        call(circuit)
    assert refused.value.retry_after == pytest.approx(4.0)


def test_a_success_between_failures_keeps_it_closed(time):
    circuit = breaker(time)
    for _ in range(3):
        fail(circuit, times=2)
        call(circuit)
    assert not circuit.open


@pytest.mark.parametrize("error", [InvalidInput(), ClassifierOverloaded(), Transient(ClassifierOverloaded())])
def test_an_answer_is_no_failure_even_where_it_is_a_no(time, error):
    circuit = breaker(time)
    fail(circuit, error, times=9)
    assert not circuit.open


def test_after_the_pause_one_call_tries_and_closes_it(time):
    circuit = breaker(time)
    fail(circuit, times=3)
    time.now += 3.9
    with pytest.raises(ClassifierUnavailable, match="left alone"):
        call(circuit)
    time.now += 0.2
    with circuit.call(), pytest.raises(ClassifierUnavailable, match="left alone"):
        call(circuit)  # a second one meanwhile
    assert not circuit.open
    call(circuit)


def test_a_trial_that_fails_opens_it_for_another_pause(time):
    circuit = breaker(time)
    fail(circuit, times=3)
    time.now += 4.1
    fail(circuit)
    assert circuit.open
    with pytest.raises(ClassifierUnavailable, match="left alone"):
        call(circuit)
    time.now += 4.1
    call(circuit)
    assert not circuit.open


def test_a_trial_that_is_cancelled_leaves_the_trial_to_the_next_call(time):
    circuit = breaker(time)
    fail(circuit, times=3)
    time.now += 4.1
    with pytest.raises(KeyboardInterrupt):
        call(circuit, KeyboardInterrupt())
    assert circuit.open
    call(circuit)
    assert not circuit.open


def test_pauses_are_spread_so_that_not_all_callers_try_at_once(time):
    early, late = breaker(time, 0.0), breaker(time, 1.0)
    fail(early, times=3)
    fail(late, times=3)
    time.now += 2.1
    call(early)
    with pytest.raises(ClassifierUnavailable):
        call(late)
    time.now += 4.0
    call(late)
