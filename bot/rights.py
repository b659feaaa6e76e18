"""Who may do what: one table, which the handlers ask and `docs/operating.md` shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.blocks.action_ids import ActionId
from bot.slack.people import Role


class Deed(StrEnum):
    """What a person can ask of the bot, in the words of the table."""

    EXPLAIN = "see why a ticket was decided as it was"
    PICTURE = "put the picture of its words into its thread"
    LABEL = "say what a ticket is about"
    SETTLE = "settle a ticket of the review queue"
    LIST = "see the categories"
    FIGURES = "see the figures in the Home tab"
    CHANGE = "change the categories, settle proposals"
    RETRAIN = "retrain, roll back, see how models fare"


class Reach(StrEnum):
    """How far a right goes."""

    NO = "no"
    OWN = "own tickets, in channels that they are in"
    READABLE = "tickets that they may read"
    YES = "yes"


@dataclass(frozen=True, slots=True)
class Right:
    """A row of the table.

    Attributes:
        reach: how far it goes for each role.
        surfaces: commands and elements that ask for it: a command, "emoji", or an `ActionId`.
        refusal: what a person is told who may not.
    """

    reach: Mapping[Role, Reach]
    surfaces: tuple[str, ...]
    refusal: str


def _reach(admin: Reach, owner: Reach, staff: Reach, outsider: Reach) -> dict[Role, Reach]:
    return dict(zip(Role, (admin, owner, staff, outsider), strict=True))


_EVERYBODY = _reach(Reach.YES, Reach.YES, Reach.YES, Reach.YES)
_STAFF = _reach(Reach.YES, Reach.YES, Reach.YES, Reach.NO)
_ADMINS = _reach(Reach.YES, Reach.NO, Reach.NO, Reach.NO)
_READERS = _reach(Reach.READABLE, Reach.READABLE, Reach.READABLE, Reach.OWN)

RIGHTS: Mapping[Deed, Right] = {
    Deed.EXPLAIN: Right(_READERS, ("/why", ActionId.WHY), "You cannot see that message."),
    Deed.PICTURE: Right(_READERS, (ActionId.PICTURE,), "You cannot see that message."),
    Deed.LABEL: Right(
        _reach(Reach.READABLE, Reach.READABLE, Reach.READABLE, Reach.NO),
        ("emoji", ActionId.CONFIRM, ActionId.CORRECT, ActionId.CHOOSE, ActionId.ANSWER),
        "Only members of this workspace can correct me.",
    ),
    Deed.SETTLE: Right(
        # An owner's word ends it only where no owner or admin spoke: `may_settle`.
        _reach(Reach.READABLE, Reach.READABLE, Reach.NO, Reach.NO),
        (ActionId.SETTLE,),
        "Only admins and the owning team may settle that one.",
    ),
    Deed.LIST: Right(_EVERYBODY, ("/categories list",), ""),
    Deed.FIGURES: Right(_STAFF, ("Home tab",), ""),
    Deed.CHANGE: Right(
        _ADMINS,
        (
            "/categories add, rename, emoji, destination, merge, split, retire, owner, disown",
            ActionId.CATEGORY_ADD,
            ActionId.CATEGORY_CHANGE,
            ActionId.CATEGORY_RESTORE,
            ActionId.PROPOSAL_ACCEPT,
            ActionId.PROPOSAL_DISMISS,
        ),
        "Only admins may change the categories. Ask a workspace admin.",
    ),
    Deed.RETRAIN: Right(_ADMINS, ("/retrain",), "Only admins may retrain me. Ask a workspace admin."),
}


def reach(deed: Deed, role: Role) -> Reach:
    """Return how far a person of this role may go."""
    return RIGHTS[deed].reach[role]


def rights_table() -> str:
    """Return the table in Markdown, as the documentation shows it."""
    head = "| who wants to | by | " + " | ".join(role.value for role in Role) + " |"
    rows = [
        f"| {deed.value} | {', '.join(f'`{surface}`' for surface in right.surfaces)} | "
        + " | ".join(right.reach[role].value for role in Role)
        + " |"
        for deed, right in RIGHTS.items()
    ]
    return "\n".join([head, "| --- " * (2 + len(Role)) + "|", *rows])
