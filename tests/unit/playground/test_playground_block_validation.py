import pytest
from slack_sdk.models.blocks import ActionsBlock, ButtonElement, SectionBlock

from playground import SlackError
from playground.blocks.forms import submitted_state
from playground.blocks.validation import check_message_blocks, check_view
from playground.workspace.shapes import File


def plain(text: str) -> dict:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict:
    return {"type": "mrkdwn", "text": text}


def button(**fields) -> dict:
    return {"type": "button", "text": plain("Go"), "action_id": "go", **fields}


def option(value: str = "v", text: str = "t") -> dict:
    return {"text": plain(text), "value": value}


def actions(*elements: dict, **fields) -> dict:
    return {"type": "actions", "elements": list(elements), **fields}


def select(*options: dict, **fields) -> dict:
    return {"type": "static_select", "action_id": "s", "options": list(options), **fields}


GOOD = [
    {"type": "section", "text": mrkdwn("x" * 3000)},
    {"type": "section", "fields": [mrkdwn("x" * 2000)]},
    {"type": "section", "text": mrkdwn("x"), "accessory": button()},
    {"type": "header", "text": plain("x" * 150)},
    {"type": "context", "elements": [mrkdwn("x")] * 10},
    {"type": "divider"},
    {"type": "markdown", "text": "x" * 12_000},
    {"type": "image", "image_url": "https://x.com/a.png", "alt_text": "a"},
    actions(*(button(action_id=str(n)) for n in range(25))),
    actions(button(value="x" * 2000, text=plain("x" * 75))),
    actions(select(*(option("v" * 150, "t" * 75) for _ in range(100)))),
    actions({"type": "overflow", "action_id": "o", "options": [option()] * 5}),
]

BAD = {
    "unknown block": {"type": "sectoin"},
    "unknown element": actions({"type": "butten"}),
    "long section": {"type": "section", "text": mrkdwn("x" * 3001)},
    "empty section": {"type": "section"},
    "empty text": {"type": "section", "text": mrkdwn("")},
    "eleven fields": {"type": "section", "fields": [mrkdwn("x")] * 11},
    "long field": {"type": "section", "fields": [mrkdwn("x" * 2001)]},
    "marked-up header": {"type": "header", "text": mrkdwn("x")},
    "long header": {"type": "header", "text": plain("x" * 151)},
    "crowded context": {"type": "context", "elements": [mrkdwn("x")] * 11},
    "button in context": {"type": "context", "elements": [button()]},
    "long button": actions(button(text=plain("x" * 76))),
    "marked-up button": actions(button(text=mrkdwn("x"))),
    "long value": actions(button(value="x" * 2001)),
    "long url": actions(button(url="https://" + "x" * 3000)),
    "odd style": actions(button(style="blue")),
    "long action id": actions(button(action_id="x" * 256)),
    "long block id": actions(button(), block_id="x" * 256),
    "same action id twice": actions(button(), button()),
    "crowded actions": actions(*(button(action_id=str(n)) for n in range(26))),
    "no actions": actions(),
    "long option": actions(select(option(text="x" * 76))),
    "long option value": actions(select(option("x" * 151))),
    "no options": actions(select()),
    "too many options": actions(select(*[option()] * 101)),
    "foreign initial option": actions(select(option(), initial_option=option("other"))),
    "long placeholder": actions(select(option(), placeholder=plain("x" * 151))),
    "crowded overflow": actions({"type": "overflow", "action_id": "o", "options": [option()] * 6}),
    "image without words": {"type": "image", "image_url": "https://x.com/a.png"},
    "image of no known file": {"type": "image", "slack_file": {"id": "F000000000"}, "alt_text": "a"},
    "long confirmation": actions(
        button(
            confirm={"title": plain("x" * 101), "text": plain("x"), "confirm": plain("y"), "deny": plain("n")}
        )
    ),
    "input in a message without label": {"type": "input", "element": {"type": "plain_text_input"}},
}


@pytest.mark.parametrize("block", GOOD, ids=lambda block: block["type"])
def test_blocks_up_to_the_limits_are_taken(block):
    check_message_blocks([block], {})


@pytest.mark.parametrize("block", BAD.values(), ids=BAD)
def test_blocks_beyond_the_limits_are_refused_with_a_pointer(block):
    with pytest.raises(SlackError) as caught:
        check_message_blocks([block], {})
    assert caught.value.error == "invalid_blocks"
    assert all("[json-pointer:/blocks/0" in message for message in caught.value.messages)


def test_a_message_takes_fifty_blocks_and_a_view_a_hundred():
    divider = {"type": "divider"}
    check_message_blocks([divider] * 50, {})
    check_view({"type": "home", "blocks": [divider] * 100}, "home", {})
    with pytest.raises(SlackError, match="no more than 50"):
        check_message_blocks([divider] * 51, {})
    with pytest.raises(SlackError, match="no more than 100"):
        check_view({"type": "home", "blocks": [divider] * 101}, "home", {})


def test_a_block_id_is_used_once_and_an_action_id_once_a_block():
    check_message_blocks([actions(button()), actions(button())], {})
    with pytest.raises(SlackError, match="already exists"):
        check_message_blocks([actions(button(), block_id="b"), actions(button(), block_id="b")], {})


def test_all_blocks_together_have_a_limit():
    check_message_blocks([{"type": "section", "text": mrkdwn("x" * 3000)}] * 4, {})
    with pytest.raises(SlackError, match="msg_blocks_too_long"):
        check_message_blocks([{"type": "section", "text": mrkdwn("x" * 3000)}] * 5, {})


def test_an_image_needs_a_file_that_slack_has_looked_at():
    file = File("F0123456789", "T0ACME", "U0FPOST", "a.png", "http://127.0.0.1/a")
    block = {"type": "image", "slack_file": {"id": file.id}, "alt_text": "a"}
    with pytest.raises(SlackError, match="invalid slack file"):
        check_message_blocks([block], {file.id: file})
    file.mimetype = "image/png"
    check_message_blocks([block], {file.id: file})


def test_a_modal_has_short_titles_and_a_submit_button_for_its_inputs():
    field = {
        "type": "input",
        "label": plain("Why"),
        "element": {"type": "plain_text_input", "action_id": "a"},
    }
    modal = {"type": "modal", "title": plain("x" * 24), "submit": plain("Save"), "blocks": [field]}
    check_view(modal, "modal", {})
    for wrong in (
        {"title": plain("x" * 25)},
        {"private_metadata": "x" * 3001},
        {"type": "home"},
        {"blocks": None},
    ):
        with pytest.raises(SlackError, match="invalid_arguments"):
            check_view(modal | wrong, "modal", {})
    with pytest.raises(SlackError, match="submit"):
        check_view({key: value for key, value in modal.items() if key != "submit"}, "modal", {})


def modal_with(element):
    field = {"type": "input", "label": plain("Why"), "element": element}
    return {"type": "modal", "title": plain("x"), "submit": plain("Save"), "blocks": [field]}


@pytest.mark.parametrize(
    "element",
    [
        {"type": "plain_text_input", "action_id": "a", "max_length": 3001},
        {"type": "plain_text_input", "action_id": "a", "initial_value": "x" * 3001},
        {"type": "plain_text_input", "action_id": "a", "max_length": 5, "initial_value": "longer"},
        {"type": "checkboxes", "action_id": "a", "options": [option()], "initial_options": [option("other")]},
        {"type": "checkboxes", "action_id": "a", "options": [option()] * 11},
    ],
    ids=["long", "long initial", "longer than its own limit", "foreign initial options", "crowded boxes"],
)
def test_inputs_of_a_modal_beyond_the_limits_are_refused(element):
    with pytest.raises(SlackError, match="invalid_arguments"):
        check_view(modal_with(element), "modal", {})


def test_inputs_of_a_modal_up_to_the_limits_are_taken():
    check_view(
        modal_with({"type": "plain_text_input", "max_length": 3000, "initial_value": "x" * 3000}), "modal", {}
    )
    boxes = [option(str(number)) for number in range(10)]
    check_view(modal_with({"type": "checkboxes", "options": boxes, "initial_options": boxes}), "modal", {})


def test_a_submitted_modal_carries_what_was_left_untouched_and_nothing_of_an_earlier_view():
    blocks = [
        {
            "type": "input",
            "block_id": "name",
            "element": {"type": "plain_text_input", "action_id": "n", "initial_value": "VPN"},
        },
        {"type": "input", "block_id": "where", "element": {"type": "conversations_select", "action_id": "w"}},
        {
            "type": "input",
            "block_id": "flags",
            "element": {"type": "checkboxes", "action_id": "f", "options": [option()]},
        },
        {"type": "section", "text": plain("x")},
    ]
    given = {"old": {"o": {"type": "plain_text_input", "value": "gone"}}, "flags": {"f": {"chosen": 1}}}
    assert submitted_state(blocks, given) == {
        "name": {"n": {"type": "plain_text_input", "value": "VPN"}},
        "where": {"w": {"type": "conversations_select", "selected_conversation": None}},
        "flags": {"f": {"chosen": 1}},
    }


def test_what_slack_sdk_builds_is_taken():
    blocks = [
        SectionBlock(text="*hello*", block_id="a").to_dict(),
        ActionsBlock(
            elements=[ButtonElement(text="Go", action_id="go", value="1", style="primary")]
        ).to_dict(),
    ]
    check_message_blocks(blocks, {})
