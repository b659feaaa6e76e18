"""`/categories`: shows the categories, and carries out what an admin asked for. Repeating it is harmless."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.blocks.action_ids import CategoryOp
from bot.blocks.categories import HELP, list_card, owners_card
from bot.categories.changes import apply
from bot.categories.dialogs import named
from bot.categories.proposals import open_proposals, require_sight
from bot.categories.rules import CategoryForm
from bot.errors import CategoryRefused, SlackUnavailable, UnknownCategory, UserError
from bot.home import Home
from bot.rights import Deed, Reach, reach
from bot.slack.people import Role
from bot.tickets.corrections import Corrections
from bot.workspace import Workspace

log = structlog.get_logger(__name__)
CARDS_FOLLOW = timedelta(days=14)
CARDS_AT_MOST = 20
"""chat.update is a tier 3 method (50 a minute), and the inbox's lease is a minute. Older and further cards
follow when somebody touches them."""
SKEW = timedelta(minutes=5)
"""Clocks of replicas may differ by less than that."""
LEARNED_NOW = "I learn it now, and tell you when it is in use."
LEARNED_AFTER = "I learn it when the training that is under way is over, and tell you when it is in use."


NAME_ONE = (
    "Name a category and one person, chosen from the list that Slack offers while you type @: "
    "/categories owner Billing @lena."
)
_PERSON = re.compile(r"<@([A-Z0-9]+)(?:\|[^>]*)?>")


class Categories:
    """The list, and effects: each is one transaction with its audit row."""

    def __init__(self, workspace: Workspace, corrections: Corrections, home: Home) -> None:
        self._workspace, self._home = workspace, home
        self._corrections = corrections

    async def on_request(self, payload: Mapping[str, Any], received_at: datetime) -> None:
        """Show the list, or carry out a checked submission or a button's wish."""
        space, user_id, form = self._workspace, str(payload["user_id"]), payload.get("form")
        if payload.get("told"):
            await self._answer(payload, str(payload["told"]), received_at)
            return
        try:
            space.access.require_ours(payload)
            if form is None and not _about_owners(payload):
                await self._show(payload, user_id)
                return
            await space.access.require(Deed.CHANGE, user_id)
            wanted = CategoryForm.from_json(form) if form is not None else await self._owner_form(payload)
            if wanted is not None:
                await require_sight(space, wanted, user_id)
                await self._carry_out(wanted, payload, received_at)
        except UserError as error:
            await self._answer(payload, str(error), received_at)

    async def _show(self, payload: Mapping[str, Any], user_id: str) -> None:
        space, words = self._workspace, str(payload.get("text") or "").split()
        if words and not (words[0] == CategoryOp.LIST or words[0].isdecimal()):
            await space.tell(payload["response_url"], HELP.replace("`", ""))
            return
        is_admin = reach(Deed.CHANGE, await space.people.role(user_id)) is not Reach.NO
        proposals = await open_proposals(space, user_id) if is_admin else []
        async with space.database.reader() as work:
            categories = await space.directory.categories(work)
            retired = await space.directory.retired(work)
            labels = await work.categories.label_counts(team_id=space.identity.team_id)
        page = next((int(word) for word in words if word.isdecimal()), 1)
        shown = list_card(categories, labels, retired, proposals, is_admin=is_admin, page=page)
        await space.messenger.respond(payload["response_url"], shown)

    async def _owner_form(self, payload: Mapping[str, Any]) -> CategoryForm | None:
        """Read `owner Billing @lena`; Slack turns the person into an id where the command is escaped.

        `owner Billing` shows who they are.
        """
        space = self._workspace
        op, _, rest = str(payload["text"]).strip().partition(" ")
        mentions = _PERSON.findall(rest)
        category = named(await space.directory.categories(), _PERSON.sub(" ", rest))
        if category is not None and not mentions:
            async with space.database.reader() as work:
                owners = await work.owners.named(team_id=space.identity.team_id, slug=category.slug)
            await space.messenger.respond(payload["response_url"], owners_card(category, owners))
            return None
        if len(mentions) != 1:
            raise CategoryRefused(NAME_ONE)
        if category is None:
            raise UnknownCategory
        if await space.people.role(mentions[0]) is Role.OUTSIDER:
            raise CategoryRefused("Only members of this workspace can own a category.")
        return CategoryForm(CategoryOp(op.lower()), category.slug, person=mentions[0])

    async def _carry_out(self, form: CategoryForm, payload: Mapping[str, Any], received_at: datetime) -> None:
        directory = self._workspace.directory
        channel = await directory.channel_name(form.destination) if form.destination else None
        said = await self._change(form, channel, payload, received_at)
        if said is not None:
            await self._answer(payload, said, received_at)
        await self._redraw(form)

    async def _change(
        self, form: CategoryForm, channel: str | None, payload: Mapping[str, Any], received_at: datetime
    ) -> str | None:
        """Do it in one transaction; return what to say, or None where an earlier attempt did it."""
        space, team_id = self._workspace, self._workspace.identity.team_id
        user_id, request = str(payload["user_id"]), payload["request"]
        async with space.database.unit_of_work() as work:
            since, now = received_at - SKEW, space.clock()
            if await work.categories.change(team_id=team_id, request=request, since=since):
                return None
            change = await apply(work, form, team_id=team_id, user_id=user_id, channel=channel, now=now)
            action, details = f"category_{form.op.value}", change.details | {"request": request}
            audit = await space.audit(work, user_id, action, change.subject, details)
            said = change.said
            if change.teaches:
                first = await work.runs.add_update(
                    team_id=team_id,
                    slot=f"category/{audit.id}",
                    requested_by=user_id,
                    response_url=payload["response_url"] or None,
                    now=now,
                )
                said = f"{said} {LEARNED_NOW if first else LEARNED_AFTER}"
            await work.commit()
        log.info("category_changed", op=form.op.value)
        return said

    async def _answer(self, payload: Mapping[str, Any], said: str, received_at: datetime) -> None:
        """Say what was done. In a Home tab all that can be done is to show it anew.

        A dialog that was open for half an hour has nobody to tell any more.
        """
        try:
            if payload["response_url"]:
                await self._workspace.tell(payload["response_url"], said)
            elif payload.get("home"):
                await self._home.on_opened(payload, received_at)
        except SlackUnavailable as error:
            log.warning("category_answer_failed", error=error.code)

    async def _redraw(self, form: CategoryForm) -> None:
        """Make the recent cards of the categories concerned say what is true now."""
        shown = form.op not in {CategoryOp.SPLIT, CategoryOp.OWNER, CategoryOp.DISOWN}
        slugs = [form.slug] if form.slug and shown else []
        space, team_id = self._workspace, self._workspace.identity.team_id
        async with space.database.reader() as work:
            tickets = await work.categories.posted_tickets(
                team_id=team_id, slugs=slugs, since=space.clock() - CARDS_FOLLOW, limit=CARDS_AT_MOST
            )
            ticked = [await work.tickets.get(team_id=team_id, ticket_id=key) for key in form.tickets]
        for ticket in {each.id: each for each in (*tickets, *ticked) if each is not None}.values():
            try:
                await self._corrections.refresh(ticket)
            except SlackUnavailable as error:
                if not error.permanent:
                    raise
                log.warning("card_not_redrawn", ticket=str(ticket.id), error=error.code)


def _about_owners(payload: Mapping[str, Any]) -> bool:
    word = str(payload.get("text") or "").strip().partition(" ")[0].lower()
    return word in {CategoryOp.OWNER, CategoryOp.DISOWN}
