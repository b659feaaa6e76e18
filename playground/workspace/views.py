"""Modals and Home tabs: at most three modals on top of each other, hashes against races."""

from playground.blocks.validation import check_view
from playground.errors import NoSuchThing, SlackError
from playground.workspace.shapes import JSON, View
from playground.workspace.state import State
from playground.workspace.streams import Streams

MAX_STACK = 3


class Views:
    """The views that people see."""

    def __init__(self, state: State, streams: Streams) -> None:
        self._state = state
        self._streams = streams

    def home(self, user_id: str) -> View | None:
        """Somebody's Home tab, when one was published."""
        return self._state.homes.get(user_id)

    def top(self, user_id: str) -> View | None:
        """The modal that a person sees."""
        stack = self._state.modals.get(user_id)
        return stack[-1] if stack else None

    def get(self, user_id: str, view_id: str) -> View:
        """An open view of a person.

        Raises:
            NoSuchThing: it is not open.
        """
        home = self.home(user_id)
        if home is not None and home.id == view_id:
            return home
        for view in self._state.modals.get(user_id, []):
            if view.id == view_id:
                return view
        raise NoSuchThing(f"{user_id} has no open view {view_id}")

    def find(self, team_id: str, *, view_id: str = "", external_id: str = "") -> View | None:
        """A modal by id or external id, whoever has it open."""
        for view in (view for stack in self._state.modals.values() for view in stack):
            found = view.id == view_id or (external_id and view.content.get("external_id") == external_id)
            if found and view.team_id == team_id:
                return view
        return None

    def open(self, team_id: str, user_id: str, content: JSON) -> View:
        """A first modal; it replaces what was open."""
        view = self._new(team_id, user_id, content)
        self._state.modals[user_id] = [view]
        self._show(view)
        return view

    def push(self, team_id: str, user_id: str, content: JSON) -> View:
        """A modal on top.

        Raises:
            SlackError: push_limit_reached.
        """
        stack = self._state.modals.setdefault(user_id, [])
        if len(stack) >= MAX_STACK:
            raise SlackError("push_limit_reached")
        view = self._new(team_id, user_id, content)
        if stack:
            view.root_id, view.previous_id = stack[0].id, stack[-1].id
        stack.append(view)
        self._show(view)
        return view

    def update(self, view: View, content: JSON, *, expected_hash: str = "") -> None:
        """Replaces a modal's content.

        Raises:
            SlackError: hash_conflict.
        """
        _check_hash(view, expected_hash)
        view.content = content
        view.hash = self._state.ids.secret()
        self._show(view)

    def publish(self, team_id: str, user_id: str, content: JSON, *, expected_hash: str = "") -> View:
        """Makes or replaces a Home tab.

        Raises:
            SlackError: hash_conflict.
        """
        view = self.home(user_id)
        if view is None:
            view = self._new(team_id, user_id, content)
            self._state.homes[user_id] = view
        else:
            _check_hash(view, expected_hash)
            view.content = content
            view.hash = self._state.ids.secret()
        frame = {"type": "home", "user": user_id, "home": self.shown(view)}
        self._streams.publish(frame, team_id=team_id, users=[user_id])
        return view

    def close(self, view: View, *, everything: bool = False) -> None:
        """Closes a modal, or the whole stack."""
        stack = self._state.modals.get(view.user, [])
        if everything:
            stack.clear()
        elif view in stack:
            stack.remove(view)
        frame = {"type": "view_closed", "view_id": view.id}
        self._streams.publish(frame, team_id=view.team_id, users=[view.user])
        if stack:
            self._show(stack[-1])

    def checked(self, content: JSON) -> JSON:
        """A modal's content that came with an acknowledgement.

        Raises:
            SlackError: invalid_arguments, view_too_large.
        """
        check_view(content, "modal", self._state.files)
        return content

    def shown(self, view: View) -> JSON:
        """The view object, as apps and the page get it."""
        installation = self._state.app.installations[view.team_id]
        return view.to_slack(app_id=self._state.app.id, bot_id=installation.bot_id)

    def _new(self, team_id: str, user_id: str, content: JSON) -> View:
        view_id = self._state.ids.new("V")
        return View(view_id, team_id, user_id, content, self._state.ids.secret(), view_id)

    def _show(self, view: View) -> None:
        frame = {"type": "view", "view": self.shown(view)}
        self._streams.publish(frame, team_id=view.team_id, users=[view.user])


def _check_hash(view: View, expected: str) -> None:
    if expected and expected != view.hash:
        raise SlackError("hash_conflict")
