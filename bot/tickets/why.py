"""The third use case: `/why` and the button under a card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.blocks.why import Similar, WhyView, why_card
from bot.errors import UnknownMessage, UserError
from bot.rights import Deed
from bot.slack.incoming import parse_link
from bot.slack.people import Role
from bot.tickets.deletions import note_picture
from bot.tickets.label_files import IMPORTED
from bot.tickets.neighbours import Neighbour, nearest_labelled, readable
from bot.tickets.posts import link_of, ticket_view
from bot.workspace import Workspace
from storage.models import Ticket

_SIMILAR = 3
_LOOKED_AT = 12
"""Nearest tickets from which those are taken that the person may read."""

USAGE = (
    "Say `/why last` for the latest ticket of this channel, or `/why` and the link of a message "
    "(in its menu: Copy link)."
)


class Explainer:
    """Finds the ticket that a person means and shows what decided, to them alone."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def on_command(self, payload: Mapping[str, Any], _received_at: datetime) -> None:
        """Answer `/why <link | last>`."""
        async with self._workspace.tell_person(payload["response_url"]):
            await self._answer(await self._find(payload), payload)

    async def on_button(self, payload: Mapping[str, Any], _received_at: datetime) -> None:
        """Answer the "Why?" button under a card."""
        async with self._workspace.tell_person(payload["response_url"]):
            ticket, _ = await self._workspace.access.pressed(payload)
            await self._answer(ticket, payload)

    async def on_picture(self, payload: Mapping[str, Any], _received_at: datetime) -> None:
        """Draw the words that decided and put the picture into the ticket's thread, for all to see."""
        space = self._workspace
        async with space.tell_person(payload["response_url"]):
            ticket, _ = await space.access.pressed(payload)
            await self._check(Deed.PICTURE, ticket, payload["user_id"])
            if ticket.channel_id == IMPORTED:
                raise UserError("That message was imported: there is no thread to put a picture into.")
            prediction = (await space.classifier.classify([ticket.text]))[0]
            async with space.database.reader() as work:
                names = {view.slug: view.name for view in await space.directory.categories(work)}
            name = names.get(prediction.category, prediction.category)
            picture = await space.classifier.picture(ticket.text, title=name)
            file_id = await space.messenger.upload(
                ticket.channel_id,
                ticket.ts,
                name="words.png",
                content=picture.png,
                title=f"Words that decided: {name}",
                description=picture.description,
            )
            await note_picture(space, ticket, file_id)

    async def _find(self, payload: Mapping[str, Any]) -> Ticket:
        text, team_id = str(payload.get("text") or "").strip(), payload["team_id"]
        if not text:
            raise UserError(USAGE)
        link = parse_link(text)
        self._workspace.access.require_ours(payload)
        own = await self._workspace.people.role(payload["user_id"]) is Role.OUTSIDER
        async with self._workspace.database.reader() as work:
            if link is not None:
                ticket = await work.tickets.find_by_any_ts(
                    team_id=team_id, channel_id=link.channel_id, ts=link.ts
                )
            elif text.lower() == "last":
                user_id = payload["user_id"]
                ticket = await work.tickets.latest(
                    team_id=team_id,
                    channel_id=payload["channel_id"],
                    user_id=user_id if own else None,  # others' are not theirs to see
                ) or await work.tickets.latest(team_id=team_id, user_id=user_id)
            else:
                raise UserError(USAGE)
        if ticket is None:
            raise UnknownMessage if link else UserError("There is no ticket in this channel yet.")
        return ticket

    async def _check(self, deed: Deed, ticket: Ticket, user_id: str) -> None:
        """Refuse what a person may not see, and what has nothing to explain."""
        await self._workspace.access.require(deed, user_id, ticket)
        if not ticket.text.strip():
            raise UserError("That message has no text, so there was nothing for me to read.")

    async def _answer(self, ticket: Ticket, payload: Mapping[str, Any]) -> None:
        space = self._workspace
        await self._check(Deed.EXPLAIN, ticket, payload["user_id"])
        explanation = await space.classifier.explain(ticket.text, "leave_one_out")
        async with space.database.reader() as work:
            state = await ticket_view(space, work, ticket)
            near = await nearest_labelled(
                work,
                explanation.prediction.embedding,
                team_id=ticket.team_id,
                model_version=explanation.prediction.model_version,
                leave_out=ticket.id,
                count=_LOOKED_AT,
            )
        names = {view.slug: view.name for view in state.categories}
        view = WhyView(
            explanation=explanation,
            names=names,
            asked_version=state.prediction.model_version if state.prediction else "",
            correction=state.correction,
            ticket_id=ticket.id,
            link=state.link,
            similar=await self._similar(near, names, payload["user_id"]),
            precedent=state.precedent,
            decided=ticket.category,
        )
        await space.messenger.respond(payload["response_url"], why_card(view))

    async def _similar(
        self, near: Sequence[Neighbour], names: Mapping[str, str], user_id: str
    ) -> list[Similar]:
        """Show the nearest tickets, but none that the person may not see."""
        return [
            Similar(
                each.ticket.text,
                names.get(each.category, each.category) if each.category else "",
                link_of(each.ticket),
                each.similarity,
            )
            for each in await readable(self._workspace, user_id, near, _SIMILAR)
        ]
