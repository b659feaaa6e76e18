"""What a column of one of a few values may be."""

from __future__ import annotations

from enum import StrEnum


class InboxState(StrEnum):
    """Where an event from Slack is."""

    PENDING = "pending"
    WORKING = "working"
    DONE = "done"
    DEAD = "dead"


class TicketState(StrEnum):
    """`new` until the policy has decided."""

    NEW = "new"
    ROUTED = "routed"
    ASKED = "asked"
    OUT_OF_SCOPE = "out_of_scope"


class ReplyState(StrEnum):
    """`sending` may or may not have reached Slack: look at the thread before posting again."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class LabelRole(StrEnum):
    """Who gave a label; the order of trust is admin, owner, staff, import."""

    ADMIN = "admin"
    OWNER = "owner"
    STAFF = "staff"
    IMPORT = "import"


class LabelKind(StrEnum):
    """What a label says about the prediction."""

    CONFIRMATION = "confirmation"
    CORRECTION = "correction"
    NONE_OF_THESE = "none_of_these"
    IMPORTED = "imported"


class LabelSource(StrEnum):
    """How a label was given."""

    REACTION = "reaction"
    BUTTON = "button"
    MENU = "menu"
    IMPORT = "import"
    QUESTION = "question"
    REVIEW = "review"
    CATEGORIES = "categories"


class CategoryState(StrEnum):
    """A retired category keeps its labels and is offered no more."""

    ACTIVE = "active"
    RETIRED = "retired"


class ModelKind(StrEnum):
    """The starter model, one trained on this workspace's labels, or one with a new head alone."""

    DAY_ONE = "day_one"
    FINE_TUNE = "fine_tune"
    HEAD = "head"


class ModelState(StrEnum):
    """At most one version a team is active."""

    CANDIDATE = "candidate"
    ACTIVE = "active"
    RETIRED = "retired"
    REFUSED = "refused"
    SHADOW = "shadow"


class RunState(StrEnum):
    """At most one run a team is queued or running."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunSource(StrEnum):
    """What asked for a retraining."""

    COMMAND = "command"
    CRON = "cron"
    FIRST_START = "first_start"
    LABELS = "labels"
    CATEGORY = "category"
