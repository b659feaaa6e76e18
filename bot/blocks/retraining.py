"""The one message of a retraining: how far it is. What came of it is in retrain_result.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.blocks.common import Card, bar, card, counted, escape, plain, section, small_print, title
from storage.models import RetrainRun, RunState

STAGES = {
    "queued": "Waiting for the trainer",
    "prepare": "Reading starter messages and labels",
    "embed": "Reading the messages",
    "train": "Learning from the messages",
    "refit": "Learning from all messages",
    "calibrate": "Calibrating",
    "evaluate": "Measuring on messages it never saw",
    "done": "Finishing",
    "publish": "Publishing",
}
REASON_LENGTH = 500
SUBCOMMANDS = (
    ("start", "learns now; so does `/retrain` alone"),
    ("status", "shows how far it is, or what was and what comes"),
    ("cancel", "ends the retraining that is under way, or the silence of a new model"),
    ("history", "lists the last ten"),
    ("rollback [version]", "goes back to the model before, or to the one that you name"),
    ("dry-run", "learns and judges, and changes nothing"),
    ("help", "shows this"),
)


def progress_card(progress: Mapping[str, Any], requested_by: str, *, dry_run: bool = False) -> Card:
    """Show stage, bar, epoch and the time that is left.

    Args:
        progress: `stage`, `fraction` 0..1, `epoch`, `epochs`, `eta_seconds`, as the run's row holds them.
        requested_by: a user id, or a word for the schedule.
        dry_run: whether the model stays as it is in any case.
    """
    stage = title(STAGES.get(str(progress.get("stage", "queued")), str(progress.get("stage", ""))))
    fraction = min(1.0, max(0.0, float(progress.get("fraction") or 0.0)))
    done = f"{round(100 * fraction)}%"
    details = []
    if progress.get("epochs"):
        details.append(f"epoch {progress.get('epoch', 0)} of at most {progress['epochs']}")
    if progress.get("eta_seconds") is not None:
        details.append(f"about {duration(float(progress['eta_seconds']))} left")
    if int(progress.get("attempt") or 1) > 1:
        details.append("taken up again after a restart")
    what = "Dry run" if dry_run else "Retraining"
    body = f":hourglass_flowing_sand: *{what}:* {stage[:1].lower()}{stage[1:]}\n`{bar(fraction, 20)}` {done}"
    small = " · ".join([*details, f"asked by {who(requested_by)}"])
    return card(
        f"{what}: {stage[:1].lower()}{stage[1:]}, {done}",
        [section(body), small_print(small[0].upper() + small[1:])],
    )


def duration(seconds: float) -> str:
    """Say a number of seconds as a person would."""
    whole = max(0, round(seconds))
    if whole < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60:02d} s"


def who(requested_by: str) -> str:
    """Mention a person, name the schedule."""
    is_user = requested_by[:1] in {"U", "W"} and requested_by.isalnum() and requested_by.isupper()
    return f"<@{requested_by}>" if is_user else f"the {title(requested_by)}"


def cancelled_card(requested_by: str, cancelled_by: str) -> Card:
    """Say that a person ended a run."""
    return card(
        "Retraining cancelled. The model stays as it was.",
        [
            section(f":no_entry: *{who(cancelled_by)} cancelled the retraining.* The model stays as it was."),
            small_print(f"Asked by {who(requested_by)}"),
        ],
    )


def dry_run_card(run: RetrainRun) -> Card:
    """Say what a retraining would have changed."""
    metrics, version = run.metrics or {}, title(run.model_version or "")
    if metrics.get("would_promote"):
        head = ":test_tube: *Dry run: this model would have gone live.*"
    else:
        why = escape(plain(run.reason or "", REASON_LENGTH))
        head = f":test_tube: *Dry run: this model would have been refused.* {why}"
    lines = [head]
    accuracy = _accuracy(metrics)
    if accuracy:
        lines.append(f"Right on held-out messages: {accuracy}.")
    lines.append("Nothing was changed.")
    if metrics.get("would_promote"):
        lines.append(f"`/retrain rollback {version}` lets it answer.")
    return card(
        "Dry run finished. Nothing was changed.",
        [section("\n".join(lines)), small_print(f"`{version}` · asked by {who(run.requested_by)}")],
    )


def status_card(
    *,
    version: str,
    active: RetrainRun | None,
    last: RetrainRun | None,
    new_labels: int,
    after_labels: int,
    next_at: datetime | None,
    shadow: Mapping[str, Any] | None = None,
) -> Card:
    """Say what is under way, or else what was and what comes.

    Args:
        version: the model that answers, or why nobody knows.
        active: the run that is queued or running.
        last: the newest run that ended.
        new_labels: since the model was trained.
        after_labels: so many start a retraining by themselves; 0: none do.
        next_at: when the cron fires next.
        shadow: of a model that answers in silence: `version`, `until`, `answered` and `differ`.
    """
    if active is not None:
        shown = progress_card(active.progress or {}, active.requested_by, dry_run=active.dry_run)
        ending = active.cancel_requested_by
        more = [small_print(f"{who(ending)} cancelled it; it is about to end.")] if ending else []
        if active.follow_up:
            more.append(small_print("Categories were changed meanwhile: I learn that after it."))
        return Card(shown.text, [*shown.blocks, *(block.to_dict() for block in more)])
    lines = [f"*No retraining is under way.* `{title(version)}` answers."]
    if shadow is not None:
        lines.append(
            f":ghost: `{title(shadow['version'])}` answers in silence until {moment(shadow['until'])}: "
            f"{counted(shadow['answered'], 'message')}, {shadow['differ']} of them otherwise."
        )
    lines.append(f"The last one: {_outcome(last)}" if last else "There was none so far.")
    labels = counted(new_labels, "label is new", "labels are new")
    comes = [f"At {after_labels} I retrain by myself."] if after_labels else []
    if next_at is not None:
        comes.append(f"The schedule's next time is {moment(next_at)}.")
    lines.append(" ".join([f"{labels} since the model was trained.", *comes]))
    return card("No retraining is under way.", [section("\n".join(lines))])


def history_card(runs: Sequence[RetrainRun]) -> Card:
    """List runs, newest first: when, who, result, accuracy before and after, version."""
    if not runs:
        return card("There was no retraining so far.", [section("There was no retraining so far.")])
    lines = [section(f"{_outcome(run)} · asked by {who(run.requested_by)}") for run in runs]
    return card(f"The last {len(runs)} retrainings.", [section("*The last retrainings*"), *lines])


def rollback_card(version: str, before: str | None, *, busy: bool) -> Card:
    """Say which version answers again."""
    text = f":leftwards_arrow_with_hook: *`{title(version)}` answers now.*"
    if before and before != version:
        text += f" Before it was `{title(before)}`: `/retrain rollback {title(before)}` goes back to that."
    if busy:
        text += "\nA retraining is under way and may bring another one; `/retrain cancel` ends it."
    return card(f"{title(version)} answers now.", [section(text)])


def help_card() -> Card:
    """Name the subcommands."""
    lines = "\n".join(f"`/retrain {name}` {what}" for name, what in SUBCOMMANDS)
    return card(
        "How to use /retrain",
        [section(f"*`/retrain` teaches me what people corrected.* It is for admins.\n{lines}")],
    )


def moment(at: datetime) -> str:
    """Return a moment that Slack shows in the reader's own time zone."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}}, {{time}}|{at:%Y-%m-%d %H:%M} UTC>"


def _outcome(run: RetrainRun) -> str:
    """One line on a run."""
    metrics, version = run.metrics or {}, title(run.model_version or "")
    accuracy = _accuracy(metrics)
    measured = f" · {accuracy}" if accuracy else ""
    if run.state == RunState.CANCELLED:
        by = who(run.cancel_requested_by) if run.cancel_requested_by else "somebody"
        icon, what = ":no_entry:", f"cancelled by {by}"
    elif run.state == RunState.DONE and run.dry_run:
        would = "would have gone live" if metrics.get("would_promote") else "would have been refused"
        icon, what = ":test_tube:", f"dry run, `{version}` {would}{measured}"
    elif run.state == RunState.DONE and metrics.get("shadow_until"):
        icon, what = ":ghost:", f"`{version}` passed and answered in silence first{measured}"
    elif run.state == RunState.DONE:
        icon, what = ":white_check_mark:", f"`{version}` went live{measured}"
    elif run.state == RunState.FAILED:
        icon, what = ":warning:", f"{escape(plain(run.reason or 'it failed', 200))}{measured}"
    else:
        icon, what = ":hourglass_flowing_sand:", "under way"
    return f"{icon} {moment(run.finished_at or run.created_at)} · {what}"


def _accuracy(metrics: Mapping[str, Any]) -> str:
    before, after = metrics.get("accuracy_before"), metrics.get("accuracy")
    shown = [f"{100 * float(share):.1f}%" for share in (before, after) if share is not None]
    return " → ".join(shown)
