"""What came of a shadow time: live or not and why, and where the models differed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.blocks.common import Card, card, counted, escape, plain, section, small_print, title
from bot.blocks.retraining import REASON_LENGTH

SHOWN = 5
"""Messages about which the models differ; more would not be read."""


@dataclass(frozen=True, slots=True)
class Otherwise:
    """A message about which the models differ.

    Attributes:
        link: address of the message.
        before: name of the category that the present model names.
        now: that of the challenger.
        right: what people say, None where nobody did.
    """

    link: str
    before: str
    now: str
    right: str | None


def shadow_card(version: str, result: Mapping[str, Any], shown: Sequence[Otherwise]) -> Card:
    """Say how a shadow time ended.

    Args:
        version: the challenger's.
        result: `state`, `reason`, and of `classifier.retraining.shadow.ShadowResult` what was counted.
        shown: messages about which the models differ; the first few are listed.
    """
    live = result.get("state") == "active"
    name = title(version)
    if live:
        head, text = f":white_check_mark: *A new model is live:* `{name}`", f"{name} is live."
    else:
        why = escape(plain(str(result.get("reason") or ""), REASON_LENGTH))
        head = f":no_entry: *The model stays as it was; `{name}` does not go live.* {why}".rstrip()
        text = f"The model stays as it was. {why}".rstrip()
    lines = [head, *_counted(result)]
    blocks = [section("\n".join(lines))]
    if shown:
        listed = "\n".join(_line(each) for each in shown[:SHOWN])
        blocks.append(section(f"*Where they differ*\n{listed}"))
    hint = f"`/retrain rollback {name}` lets it answer." if not live else "`/retrain rollback` goes back."
    return card(text, [*blocks, small_print(hint)])


def _counted(result: Mapping[str, Any]) -> list[str]:
    if result.get("answered") is None:
        return []
    answered, differ = int(result["answered"]), int(result.get("differ") or 0)
    if not answered:
        return ["No message came while it answered in silence."]
    lines = [f"It answered {counted(answered, 'message')} in silence, {differ} of them otherwise."]
    judged = int(result.get("judged") or 0)
    if judged:
        lines.append(
            f"People labelled {judged} of those: it has {int(result['right_now'])} right, the model before "
            f"{int(result['right_before'])}."
        )
    return lines


def _line(each: Otherwise) -> str:
    right = f"; people say {title(each.right)}" if each.right else ""
    return f"• <{each.link}|A message>: {title(each.before)}, the new one says {title(each.now)}{right}"
