"""No address that people read shows a credential, however it is written."""

import pytest

from storage.credentials import without_credentials

SECRET = "hunter2"


@pytest.mark.parametrize(
    "written",
    [
        "postgresql://bot:hunter2@db/fingerpost",
        "postgresql+psycopg://bot:hunter2@db:5432/fingerpost?connect_timeout=5",
        "postgresql://:hunter2@db/fingerpost",
        "postgresql://bot:p@ss/hunter2@db/fingerpost",
        "postgresql://bot:a:hunter2@[::1]:5432/fingerpost",
        "postgresql://bot:hunter2%40x@db/fingerpost",
        "postgresql:///fingerpost?host=/tmp&user=bot&password=hunter2",
        "postgresql://db/fingerpost?PASSWORD=hunter2&sslmode=require",
        "postgresql://db/fingerpost?sslpassword=hunter2",
        "https://user:hunter2@classifier:8600/readyz",
        "HTTPS://user:hunter2@classifier",
        "https://classifier/?token=hunter2",
        "https://classifier/?a=1&api_key=hunter2#x",
        "https://classifier/?a=1;key=hunter2",
        "https://classifier/#access_token=hunter2",
        "https://hunter2hunter2hunter2@classifier/",
        "https://hooks.slack.com/services/T0/B0/hunter2",
        "host=db user=bot password=hunter2 dbname=x",
        "host=db password='a hunter2 b' dbname=x",
        "redis://:hunter2@cache:6379/0",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "cannot reach {} (refused)", '"{}"', "({})", "[{}], write to a@b.example"]
)
def test_a_credential_is_hidden(written, around):
    shown = without_credentials(around.format(written))
    assert SECRET not in shown
    assert "[hidden]" in shown


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://bot@db/fingerpost",
        "http://classifier:8600/readyz answered 503",
        "sqlite+aiosqlite:////data/fingerpost.db lacks tables",
        "https://acme.slack.com/archives/C0HELP/p1790000000000100?thread_ts=1.2&cid=C1",
        "batch_tokens=4096 of 12 tokens, key: none",
        "set FINGERPOST_SLACK_BOT_TOKEN",
        "[::1]:8600 does not answer",
    ],
)
def test_everything_else_stays(text):
    assert without_credentials(text) == text


def test_it_can_be_done_twice():
    once = without_credentials("postgresql://bot:hunter2@db/x?password=hunter2")
    assert once == "postgresql://bot:[hidden]@db/x?password=[hidden]"
    assert without_credentials(once) == once
