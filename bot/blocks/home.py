"""App Home: what the bot knows and how to correct it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    DividerBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.blocks.common import CategoryView, escape


def home_view(
    categories: Sequence[CategoryView], model: str, counts: Mapping[str, int], is_admin: bool
) -> dict[str, Any]:
    """Build the Home tab.

    Args:
        categories: the active ones.
        model: version name of the model that answers.
        counts: `tickets`, `labels`, `waiting`, `dead` of this workspace.
        is_admin: admins also see the state of the queue.
    """
    blocks: list[Block] = [
        HeaderBlock(text=PlainTextObject(text="Fingerpost")),
        SectionBlock(
            text=MarkdownTextObject(
                text="I point each support message to the team that owns it and learn from every correction. "
                "React with a category's emoji, press a button under my reply, or ask `/why last`."
            )
        ),
        SectionBlock(
            text=MarkdownTextObject(
                text=f"*{counts.get('tickets', 0)}* tickets · *{counts.get('labels', 0)}* labels · "
                f"model `{escape(model)}`"
            )
        ),
    ]
    if is_admin:
        blocks.append(
            SectionBlock(
                text=MarkdownTextObject(
                    text=f"Queue: {counts.get('waiting', 0)} waiting, {counts.get('dead', 0)} given up. "
                    "`/retrain` teaches me what people corrected."
                )
            )
        )
    blocks.append(DividerBlock())
    blocks += [
        SectionBlock(text=MarkdownTextObject(text=f"{c.label} → {c.where}\n{escape(c.description)}"))
        for c in categories[:80]
    ]
    return View(type="home", blocks=blocks).to_dict()
