"""What can go wrong on the Slack side.

BotError
├── ConfigurationError   a setting or a token is missing or wrong; the process does not start
├── UserError            the person who asked reads this text in Slack
│   ├── NotAllowed
│   ├── UnknownMessage
│   ├── UnknownCategory
│   ├── RetrainingRefused
│   └── CategoryRefused
└── SlackUnavailable     Slack refused or did not answer; carries when to try again
"""

from __future__ import annotations


class BotError(Exception):
    """Something went wrong in the bot."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class ConfigurationError(BotError):
    """The configuration is incomplete. Run `fingerpost doctor` to see what is missing."""


class UserError(BotError):
    """That did not work."""


class NotAllowed(UserError):
    """Only admins may do that. Ask a workspace admin."""


class UnknownMessage(UserError):
    """I do not know that message. Copy the link of a message in a support channel, or say `/why last`."""


class UnknownCategory(UserError):
    """That category no longer exists. Pick another one."""


class RetrainingRefused(UserError):
    """A retraining cannot start now."""


class CategoryRefused(UserError):
    """That change of the categories is not possible."""


class SlackUnavailable(BotError):
    """Slack did not take the call.

    Attributes:
        retry_after: seconds that Slack asked to wait, or None where it did not say.
        permanent: whether the same call can never work (no such channel, not in it, invalid blocks).
        code: Slack's own error name.
        sent: False where Slack certainly did not act on the call; True where it may have.
        silent: whether Slack did not answer at all, or said that it is out of order.
    """

    def __init__(
        self,
        code: str,
        *,
        retry_after: float | None = None,
        permanent: bool = False,
        sent: bool = False,
        silent: bool = False,
    ) -> None:
        super().__init__(f"Slack answered: {code}")
        self.code = code
        self.retry_after = retry_after
        self.permanent = permanent
        self.sent = sent
        self.silent = silent
