"""Whose fault a failure is, in words for admins, and how long what failed waits. Pure."""

from __future__ import annotations

import traceback

from bot.errors import SlackUnavailable
from bot.slack.answers import ABOUT_US
from classifier.contract import ClassifierError, InvalidInput
from storage.errors import RowNotFound, StorageError

BACKOFF_CAP_SECONDS = 60.0
BACKOFF_SECONDS = (1.0, 5.0, 30.0, 60.0)
"""After the attempts of an event that fails by itself."""

_JITTER = 0.25


class Stuck(Exception):
    """The work on an event did not come to an end."""


def is_temporary(error: Exception) -> bool:
    """Say whether the trouble is with what we work with, not with the event: it passes, the event waits."""
    if isinstance(error, SlackUnavailable):
        return not error.permanent or error.code in ABOUT_US
    if isinstance(error, RowNotFound | InvalidInput):
        return False
    return isinstance(error, ClassifierError | StorageError | TimeoutError | ConnectionError)


def reason_of(error: Exception) -> str:
    """Describe an error for admins. Of an unexpected one only where it was: its text may quote a message."""
    if is_temporary(error) or isinstance(error, SlackUnavailable):
        return f"{type(error).__name__}: {error}"[:500]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def wait_seconds(error: Exception, age: float, attempts: int, jitter: float, *, passes: bool) -> float:
    """Return for how many seconds an event waits.

    Args:
        error: what it failed with; what Slack or the classifier asked for is obeyed.
        age: of the event, in seconds. Trouble that passes is not counted, so half of the age is waited.
        attempts: that count, this one included.
        jitter: 0..1.
        passes: whether the trouble passes by itself.
    """
    if passes:
        step = min(max(age / 2, 1.0), BACKOFF_CAP_SECONDS / (1 + _JITTER))
    else:
        step = BACKOFF_SECONDS[min(attempts, len(BACKOFF_SECONDS)) - 1]
    asked = float(getattr(error, "retry_after", None) or 0.0)
    return max(asked, step) * (1 + jitter * _JITTER)
