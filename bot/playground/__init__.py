"""A local Slack workspace in Python, for the demo and the tests: Web API, events, Socket Mode, a page."""

from bot.playground.errors import NoSuchThing, NotLoopback, PlaygroundError, SlackError, WaitTimeout
from bot.playground.people import UploadedFile
from bot.playground.requests import CommandResult
from bot.playground.server import Playground

__all__ = [
    "CommandResult",
    "NoSuchThing",
    "NotLoopback",
    "Playground",
    "PlaygroundError",
    "SlackError",
    "UploadedFile",
    "WaitTimeout",
]
