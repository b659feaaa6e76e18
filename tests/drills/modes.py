"""The ways in which a system of this kind fails, and what each must hold: the rows of the page of drills."""

from __future__ import annotations

from typing import NamedTuple


class Mode(NamedTuple):
    """One row: how it fails, and the figure that must hold."""

    mode: str
    must: str


MODES = {
    "duplicates": Mode("an event comes twice", "10,000 events, 30% again: 10,000 tickets, 0 answered twice"),
    "unacknowledged": Mode("lost before it is kept", "database away: not acknowledged, 0 lost"),
    "auth": Mode("Slack knows us not for a while", "`auth.test` fails, 100 events: 100 tickets, 100 answers"),
    "kills": Mode("killed between reading and answering", "200 kills: 0 lost, 0 twice"),
    "answers": Mode("an answer of Slack is lost", "300 posts, one and three replicas: 0 twice, 0 missing"),
    "rate-limits": Mode("Slack asks to wait", "20% of calls: 0 lost, no call before its time"),
    "outage": Mode("Slack is away", "an hour, in each of its ways: 0 lost, 0 given up, 0 twice"),
    "downtime": Mode("we are away", "30 minutes, 200 messages, 5 channels: 200 found, 0 twice"),
    "locks": Mode("writers of SQLite meet", "8 writers, 10 minutes: 0 times locked"),
    "backends": Mode("Postgres ends connections", "50 times: 0 lost, answers within 10 s"),
    "slots": Mode("two schedulers", "3 of them, 1,000 slots: 1,000 runs"),
    "retraining": Mode(
        "a retraining is killed", "at 50 points: the model that answers stays, the next works"
    ),
    "half-written": Mode("a model is half written", "cut at 100 places: 100 refused"),
    "worse": Mode("a model is worse", "20 of them: 0 promoted"),
    "rollback": Mode("back to the model before", "under 10 s, 0 requests fail"),
    "swap": Mode("another model under load", "0 requests fail"),
    "poison": Mode("a message that breaks its worker", "1 of 100: 99 answered, 1 given up and shown"),
    "odd-text": Mode("odd and huge text", "10,000 texts: 0 crashes; a megabyte in a second"),
    "mentions": Mode("mentions in what we quote", "500 payloads: 0 live"),
    "forged": Mode("forged and stale requests", "10,000 altered: 0 accepted; 299 s pass, 301 s do not"),
    "response-url": Mode("an answer is aimed elsewhere", "30 addresses: 0 calls"),
    "roles": Mode("somebody does what they may not", "every cell of the table of roles"),
    "workspaces": Mode("workspaces mixed up", "two of them, each other's ids: 0 rows"),
    "redaction": Mode("personal data and secrets", "200 planted strings: 98% absent, secrets 100%"),
    "logs": Mode("secrets in logs", "a run at DEBUG: 0"),
    "pickle": Mode("code in a model", "refused"),
    "deleted": Mode("words of a deleted message come again", "20 paraphrases: 20 answers"),
    "flood": Mode("a flood of `/why`", "40 asked for, 60 messages: all answered"),
}
