"""The checks of single blocks and elements; collects errors in Slack's words, with JSON pointers."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from playground.workspace.shapes import JSON, File

_FILE_ID = re.compile(r"F[A-Z0-9]{8,}")
_INTERACTIVE = frozenset(
    [
        "button",
        "static_select",
        "multi_static_select",
        "users_select",
        "multi_users_select",
        "conversations_select",
        "multi_conversations_select",
        "channels_select",
        "multi_channels_select",
        "external_select",
        "multi_external_select",
        "overflow",
        "datepicker",
        "timepicker",
        "datetimepicker",
        "checkboxes",
        "radio_buttons",
        "workflow_button",
    ]
)
_INPUTS = (_INTERACTIVE - {"button", "overflow", "workflow_button"}) | frozenset(
    [
        "plain_text_input",
        "number_input",
        "email_text_input",
        "url_text_input",
        "rich_text_input",
        "file_input",
    ]
)
_TYPED = 3000
_OPTION_LIMITS = {"overflow": 5, "checkboxes": 10, "radio_buttons": 10}


class Checker:
    """Walks over blocks and keeps what is wrong in `errors`."""

    def __init__(self, files: Mapping[str, File]) -> None:
        self.errors: list[str] = []
        self._files = files
        self._action_ids: set[str] = set()
        self._checks: dict[str, Callable[[JSON, str], object]] = {
            "section": self._section,
            "header": lambda block, at: self.text(block.get("text"), f"{at}/text", 150, plain=True),
            "divider": lambda _block, _at: None,
            "context": self._context,
            "actions": self._actions,
            "image": self._image,
            "input": self._input,
            "markdown": lambda block, at: self._string(block.get("text"), f"{at}/text", 12_000),
            "rich_text": lambda block, at: self._list(block.get("elements"), f"{at}/elements"),
            "video": lambda block, at: self.length(block.get("alt_text"), f"{at}/alt_text", 2000),
        }

    def error(self, at: str, what: str) -> None:
        """Notes an error as Slack words it."""
        self.errors.append(f"[ERROR] {what} [json-pointer:{at}]")

    def blocks(self, blocks: list[Any], at: str, *, surface: str, limit: int) -> None:
        """All blocks of a surface: message, modal or home."""
        if len(blocks) > limit:
            self.error(at, f"no more than {limit} items allowed")
        seen: set[str] = set()
        markdown = 0
        for index, block in enumerate(blocks):
            here = f"{at}/{index}"
            kind = block.get("type") if isinstance(block, dict) else None
            if kind not in self._checks or (kind == "markdown" and surface != "message"):
                self.error(here, f"unsupported type: {kind}")
                continue
            self.length(block.get("block_id"), f"{here}/block_id", 255)
            if (block_id := block.get("block_id")) is not None:
                if block_id in seen:
                    self.error(f"{here}/block_id", f"block_id {block_id} already exists")
                seen.add(block_id)
            self._action_ids = set()  # Slack wants them unique within one block
            if kind == "markdown":
                markdown += len(str(block.get("text") or ""))
            self._checks[kind](block, here)
        if markdown > 12_000:  # noqa: PLR2004 - facts/slack.md, section 7
            self.error(at, "markdown text must be less than 12001 characters in all")

    def text(self, node: Any, at: str, limit: int, *, plain: bool = False) -> None:
        """A text object."""
        allowed = {"plain_text"} if plain else {"plain_text", "mrkdwn"}
        if not isinstance(node, dict):
            self.error(at, "must provide an object")
            return
        if node.get("type") not in allowed:
            self.error(f"{at}/type", f"must be one of {sorted(allowed)}")
        self._string(node.get("text"), f"{at}/text", limit)
        if node.get("type") == "mrkdwn" and "emoji" in node:
            self.error(at, "additional property: emoji")

    def length(self, value: Any, at: str, limit: int) -> None:
        """An optional string."""
        if value is None:
            return
        if not isinstance(value, str):
            self.error(at, "must be a string")
        elif len(value) > limit:
            self.error(at, f"must be less than {limit + 1} characters")

    def _string(self, value: Any, at: str, limit: int) -> None:
        if not isinstance(value, str) or not value:
            self.error(
                at, "must be more than 0 characters" if value == "" else "missing required field: text"
            )
        else:
            self.length(value, at, limit)

    def _list(self, value: Any, at: str, limit: int = 10_000, *, least: int = 1) -> list[Any]:
        if not isinstance(value, list):
            self.error(at, "must be an array")
            return []
        if len(value) < least:
            self.error(at, f"no fewer than {least} items allowed")
        if len(value) > limit:
            self.error(at, f"no more than {limit} items allowed")
        return value

    def _section(self, block: JSON, at: str) -> None:
        if not block.get("text") and not block.get("fields"):
            self.error(at, "missing required field: text or fields")
        if block.get("text"):
            self.text(block["text"], f"{at}/text", 3000)
        if "fields" in block:
            for index, field in enumerate(self._list(block["fields"], f"{at}/fields", 10)):
                self.text(field, f"{at}/fields/{index}", 2000)
        if block.get("accessory"):
            self._element(block["accessory"], f"{at}/accessory", _INTERACTIVE | {"image"})

    def _context(self, block: JSON, at: str) -> None:
        for index, element in enumerate(self._list(block.get("elements"), f"{at}/elements", 10)):
            here = f"{at}/elements/{index}"
            if isinstance(element, dict) and element.get("type") == "image":
                self._image(element, here)
            else:
                self.text(element, here, 3000)

    def _actions(self, block: JSON, at: str) -> None:
        for index, element in enumerate(self._list(block.get("elements"), f"{at}/elements", 25)):
            self._element(element, f"{at}/elements/{index}", _INTERACTIVE)

    def _input(self, block: JSON, at: str) -> None:
        self.text(block.get("label"), f"{at}/label", 2000, plain=True)
        if block.get("hint"):
            self.text(block["hint"], f"{at}/hint", 2000, plain=True)
        self._element(block.get("element"), f"{at}/element", _INPUTS)

    def _image(self, block: JSON, at: str) -> None:
        self._string(block.get("alt_text"), f"{at}/alt_text", 2000)
        self.length(block.get("image_url"), f"{at}/image_url", 3000)
        if "slack_file" in block:
            file_id = str((block["slack_file"] or {}).get("id", ""))
            file = self._files.get(file_id)
            # Too early: Slack refuses a file that it has not looked at yet.
            if not _FILE_ID.fullmatch(file_id) or file is None or not file.mimetype:
                self.error(f"{at}/slack_file", "invalid slack file")
        elif not block.get("image_url"):
            self.error(at, "missing required field: image_url")
        if isinstance(block.get("title"), dict):
            self.text(block["title"], f"{at}/title", 2000, plain=True)

    def _element(self, element: Any, at: str, allowed: frozenset[str]) -> None:
        kind = element.get("type") if isinstance(element, dict) else None
        if kind not in allowed:
            self.error(at, f"unsupported type: {kind}")
            return
        if kind == "image":
            self._image(element, at)
            return
        self._action_id(element, at)
        if element.get("placeholder"):
            self.text(element["placeholder"], f"{at}/placeholder", 150, plain=True)
        if element.get("confirm"):
            self._confirm(element["confirm"], f"{at}/confirm")
        if kind == "button":
            self.text(element.get("text"), f"{at}/text", 75, plain=True)
            self.length(element.get("value"), f"{at}/value", 2000)
            self.length(element.get("url"), f"{at}/url", 3000)
            if element.get("style") not in (None, "primary", "danger"):
                self.error(f"{at}/style", "must be one of ['danger', 'primary']")
        elif kind in {"static_select", "multi_static_select", *_OPTION_LIMITS}:
            self._options(element, at, _OPTION_LIMITS.get(str(kind), 100))
        elif kind == "plain_text_input":
            self._typed(element, at)

    def _typed(self, element: JSON, at: str) -> None:
        """Slack takes at most 3,000 characters, and an initial value that its own limits allow."""
        for name in ("min_length", "max_length"):
            if element.get(name) is not None and not 0 <= element[name] <= _TYPED:
                self.error(f"{at}/{name}", f"must be between 0 and {_TYPED}")
        self.length(element.get("initial_value"), f"{at}/initial_value", element.get("max_length") or _TYPED)

    def _action_id(self, element: JSON, at: str) -> None:
        action_id = element.get("action_id")
        self.length(action_id, f"{at}/action_id", 255)
        if action_id is None:
            return
        if action_id in self._action_ids:
            self.error(f"{at}/action_id", f"action_id {action_id} already exists")
        self._action_ids.add(action_id)

    def _options(self, element: JSON, at: str, limit: int) -> None:
        groups = element.get("option_groups")
        if groups is not None:
            for index, group in enumerate(self._list(groups, f"{at}/option_groups", 100)):
                here = f"{at}/option_groups/{index}"
                self.text(group.get("label"), f"{here}/label", 75, plain=True)
                self._option_list(group.get("options"), f"{here}/options", limit)
        else:
            self._option_list(element.get("options"), f"{at}/options", limit)
        initial = element.get("initial_option")
        options = [*(element.get("options") or [])]
        options += [option for group in groups or [] for option in group.get("options") or []]
        if initial is not None and initial not in options:
            self.error(f"{at}/initial_option", "initial_option was not found in the options")
        if any(option not in options for option in element.get("initial_options") or []):
            self.error(f"{at}/initial_options", "initial_options were not found in the options")

    def _option_list(self, options: Any, at: str, limit: int) -> None:
        for index, option in enumerate(self._list(options, at, limit)):
            self.text(option.get("text"), f"{at}/{index}/text", 75)
            self._string(option.get("value"), f"{at}/{index}/value", 150)
            if option.get("description"):
                self.text(option["description"], f"{at}/{index}/description", 75)

    def _confirm(self, confirm: JSON, at: str) -> None:
        self.text(confirm.get("title"), f"{at}/title", 100, plain=True)
        self.text(confirm.get("text"), f"{at}/text", 300)
        self.text(confirm.get("confirm"), f"{at}/confirm", 30, plain=True)
        self.text(confirm.get("deny"), f"{at}/deny", 30, plain=True)
