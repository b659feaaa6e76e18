"""A local Slack workspace in Python, for the demo and the tests: Web API, events, Socket Mode, a page."""

from playground.delivery.requests import CommandResult
from playground.errors import NoSuchThing, NotLoopback, PlaygroundError, SlackError, WaitTimeout
from playground.server import Playground
from playground.workspace.people import UploadedFile

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
