"""views.*: modals and the Home tab."""

from playground.blocks.validation import check_view
from playground.errors import SlackError
from playground.web_api.call import Call, Method
from playground.workspace.shapes import JSON, View


async def open_view(call: Call) -> JSON:
    """views.open: a modal, by a trigger that is at most 3 seconds old."""
    content = _content(call, "modal")
    user_id = _exchange(call)
    view = call.services.views.open(call.bot.team_id, user_id, content)
    return {"view": _shown(call, view)}


async def push(call: Call) -> JSON:
    """views.push: a modal on top of another; at most 3."""
    content = _content(call, "modal")
    user_id = _exchange(call)
    view = call.services.views.push(call.bot.team_id, user_id, content)
    return {"view": _shown(call, view)}


async def update(call: Call) -> JSON:
    """views.update: by view_id or external_id, with `hash` against races."""
    content = _content(call, "modal")
    views = call.services.views
    view = views.find(call.bot.team_id, view_id=call.text("view_id"), external_id=call.text("external_id"))
    if view is None:
        raise SlackError("not_found")
    views.update(view, content, expected_hash=call.text("hash"))
    return {"view": _shown(call, view)}


async def publish(call: Call) -> JSON:
    """views.publish: somebody's Home tab."""
    content = _content(call, "home")
    user_id = call.required("user_id")
    user = call.state.users.get(user_id)
    if user is None or user.team_id != call.bot.team_id:
        raise SlackError("user_not_found")
    view = call.services.views.publish(call.bot.team_id, user_id, content, expected_hash=call.text("hash"))
    return {"view": _shown(call, view)}


def _content(call: Call, kind: str) -> JSON:
    content = call.structure("view")
    if not isinstance(content, dict):
        raise SlackError("invalid_arguments", ["[ERROR] missing required field: view"])
    check_view(content, kind, call.state.files)
    return content


def _exchange(call: Call) -> str:
    trigger = call.text("trigger_id") or call.text("interactivity_pointer")
    if not trigger:
        raise SlackError("invalid_arguments", ["[ERROR] missing required field: trigger_id"])
    return call.services.interactions.exchange(trigger, call.bot.team_id)


def _shown(call: Call, view: View) -> JSON:
    return view.to_slack(app_id=call.state.app.id, bot_id=call.bot.bot_id)


METHODS = {
    "views.open": Method(open_view),
    "views.push": Method(push),
    "views.update": Method(update),
    "views.publish": Method(publish),
}
