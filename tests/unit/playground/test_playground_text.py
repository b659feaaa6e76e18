from hypothesis import given
from hypothesis import strategies as st

from playground.workspace.text import links, mentions, typed

USERS = {"anna": "U0ANNA"}
CHANNELS = {"billing": "C0BILLING"}


def test_what_people_type_is_escaped_and_addresses_are_wrapped():
    assert typed("a < b && c > d", USERS, CHANNELS) == "a &lt; b &amp;&amp; c &gt; d"
    assert typed("see https://x.com/a.", USERS, CHANNELS) == "see <https://x.com/a>."
    assert typed("mail a.b@x.com", USERS, CHANNELS) == "mail <mailto:a.b@x.com|a.b@x.com>"


def test_known_names_become_ids_and_unknown_ones_stay():
    assert typed("@anna @nobody #billing #nowhere", USERS, CHANNELS) == (
        "<@U0ANNA> @nobody <#C0BILLING|billing> #nowhere"
    )
    assert typed("@here", USERS, CHANNELS) == "<!here>"


@given(st.text())
def test_nobody_can_type_a_mention_of_everybody_in_brackets(text):
    assert mentions({"text": typed(f"<!channel>{text.replace('@', '')}", {}, {})}) == ()


def test_mentions_and_links_are_found_in_text_blocks_and_rich_text_but_not_in_plain_text():
    rich = {"type": "rich_text_section", "elements": [{"type": "broadcast", "range": "here"}]}
    message = {
        "text": "<@U1> <!subteam^S1|@x> &lt;@U2&gt; <https://x.com|x>",
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": "<!channel>"}},
            {"type": "section", "text": {"type": "plain_text", "text": "<!everyone> <https://y.com>"}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "<mailto:a@b.c>"}]},
            {"type": "rich_text", "elements": [rich]},
        ],
    }
    assert mentions(message) == ("@U1", "!subteam^S1", "!channel", "!here")
    assert links(message) == ("https://x.com", "mailto:a@b.c")


def test_bare_names_notify_only_when_names_are_linked():
    assert mentions({"text": "@channel"}) == ()
    assert mentions({"text": "@channel", "link_names": True}) == ("!channel",)
    assert mentions({"text": "@channel", "parse": "full"}) == ("!channel",)
