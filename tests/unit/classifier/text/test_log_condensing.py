# ruff: noqa: E501 - pasted lines are as long as they are
import csv
import itertools
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.data.dataset import starter_pack
from classifier.text.log_condensing import condensed
from classifier.text.normalize import MAX_CHARACTERS, model_text

BANKING = Path(os.environ.get("FINGERPOST_DATA", "data")) / "banking77-train.csv"

PASTED = {
    "python": (
        'hi team, the nightly export is broken again\nTraceback (most recent call last):\n  File "/srv/app/main.py", line 10, in <module>\n    run()\n  File "/srv/app/export.py", line 42, in run\n    send(rows[0])\nIndexError: list index out of range\ncan someone look?',
        'hi team, the nightly export is broken again File "/srv/app/export.py", line 42, in run send(rows[0]) IndexError: list index out of range can someone look?',
    ),
    "pychain": (
        'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    x()\nKeyError: \'k\'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File "b.py", line 2, in g\n    y()\n    ^^^\nValueError: bad 0x7f3a2b4c5d6e\nplease help',
        "KeyError: 'k' File \"b.py\", line 2, in g y() ValueError: bad address please help",
    ),
    "quoted": (
        "as she wrote\n&gt; Traceback (most recent call last):\n&gt;   File \"a.py\", line 1, in f\n&gt;     x()\n&gt; KeyError: 'k'\nwhat now?",
        "as she wrote File \"a.py\", line 1, in f x() KeyError: 'k' what now?",
    ),
    "java": (
        'Checkout fails:\nException in thread "main" java.lang.IllegalStateException: cart is empty\n\tat com.shop.Cart.checkout(Cart.java:42)\n\tat com.shop.Api.post(Api.java:10)\n\tat java.base/java.lang.Thread.run(Thread.java:833)\nCaused by: java.sql.SQLException: connection refused\n\tat java.base/java.net.Socket.connect(Socket.java:1)\n\tat com.shop.Db.open(Db.java:7)\n\t... 12 more\nany idea?',
        'Checkout fails: Exception in thread "main" java.lang.IllegalStateException: cart is empty Caused by: java.sql.SQLException: connection refused at com.shop.Db.open(Db.java:7) any idea?',
    ),
    "node": (
        "deploy dies with\n/app/server.js:10\n    throw new Error('boom')\n    ^\n\nError: boom\n    at Object.<anonymous> (/app/server.js:10:9)\n    at Module._compile (node:internal/modules/cjs/loader:1105:14)\n    at node:internal/main/run_main_module:17:47\nsince yesterday",
        "deploy dies with /app/server.js:10 throw new Error('boom') Error: boom at Object.<anonymous> (/app/server.js:10:9) since yesterday",
    ),
    "go": (
        "worker crashed\npanic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\npanic({0x1, 0x2})\n\t/usr/local/go/src/runtime/panic.go:884 +0x212\nmain.pick(...)\n\t/app/main.go:8\nmain.main()\n\t/app/main.go:13 +0x1d\nexit status 2",
        "worker crashed panic: runtime error: index out of range [5] with length 3 main.pick(...) /app/main.go:8 exit status 2",
    ),
    "net": (
        "Unhandled exception. System.InvalidOperationException: Sequence contains no elements\n   at System.Linq.ThrowHelper.ThrowNoElementsException()\n   at Shop.Orders.First(List`1 rows) in C:\\src\\Orders.cs:line 12\n   at Program.Main(String[] args) in C:\\src\\Program.cs:line 5\nHow do I fix it?",
        "Unhandled exception. System.InvalidOperationException: Sequence contains no elements at Shop.Orders.First(List`1 rows) in C:\\src\\Orders.cs:line 12 How do I fix it?",
    ),
    "ruby": (
        "app.rb:3:in `divide': divided by 0 (ZeroDivisionError)\n\tfrom app.rb:7:in `run'\n\tfrom app.rb:10:in `<main>'\nideas?",
        "app.rb:3:in divide': divided by 0 (ZeroDivisionError) from app.rb:7:in run' ideas?",
    ),
    "rust": (
        "thread 'main' panicked at 'called `Option::unwrap()` on a `None` value', src/main.rs:4:37\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/abc/library/std/src/panicking.rs:575:5\n   1: core::panicking::panic_fmt\n             at /rustc/abc/library/core/src/panicking.rs:64:14\n   2: app::load\n             at ./src/main.rs:4:15\n   3: app::main\n             at ./src/main.rs:9:5\nnote: run with `RUST_BACKTRACE=1` environment variable\nhelp",
        "thread 'main' panicked at 'called Option::unwrap() on a None value', src/main.rs:4:37 2: app::load at ./src/main.rs:4:15 help",
    ),
    "php": (
        "PHP Fatal error:  Uncaught Exception: no user in /var/www/a.php:3\nStack trace:\n#0 /var/www/b.php(12): load()\n#1 {main}\n  thrown in /var/www/a.php on line 3",
        "PHP Fatal error: Uncaught Exception: no user in /var/www/a.php:3 #0 /var/www/b.php(12): load() thrown in /var/www/a.php on line 3",
    ),
    "log": (
        "Our sync stopped:\n2024-11-21T07:40:01.123Z INFO  sync[12]: starting 0x7ffee4 \n2024-11-21T07:40:02.123Z INFO  sync[12]: page 1\n2024-11-21T07:40:03.123Z INFO  sync[12]: page 2\n2024-11-21T07:40:04.123Z ERROR sync[12]: token expired for 3f2504e0-4f89-11d3-9a0c-0305e82c3301\n2024-11-21T07:40:05.123Z ERROR sync[12]: token expired for 3f2504e0-4f89-11d3-9a0c-0305e82c3302\nDo I need a new token?",
        "Our sync stopped: ERROR sync[12]: token expired for id Do I need a new token?",
    ),
    "syslog": (
        "Nov 21 07:40:01 host kernel[123]: oom-killer invoked\nNov 21 07:40:02 host systemd[1]: app.service: Failed with result 'oom-kill'.\nwhy?",
        "host systemd[1]: app.service: Failed with result 'oom-kill'. why?",
    ),
    "json": (
        '{"ts":"2024-11-21T07:40:01Z","level":"info","msg":"start"}\n{"ts":"2024-11-21T07:40:02Z","level":"error","msg":"connection refused","trace_id":"abc"}\nsee above',
        "error connection refused see above",
    ),
    "nginx": (
        '127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET /a HTTP/1.1" 200 12 "-" "curl"\n127.0.0.1 - - [10/Oct/2000:13:55:37 +0000] "POST /pay HTTP/1.1" 502 12 "-" "curl"\nis it down?',
        '127.0.0.1 - - "POST /pay HTTP/1.1" 502 12 "-" "curl" is it down?',
    ),
    "one": (
        "2024-11-21 10:30:45 ERROR payment failed for order 12",
        "ERROR payment failed for order 12",
    ),
    "rep": (
        "it does not work!\nit does not work!\nit does not work!\nplease",
        "it does not work! please",
    ),
}


@pytest.mark.parametrize("name", PASTED)
def test_a_pasted_error_keeps_what_people_wrote_the_exception_and_one_frame(name):
    pasted, read = PASTED[name]
    assert model_text(pasted).text == read


@pytest.mark.parametrize("name", PASTED)
def test_words_of_a_condensed_message_stand_where_they_were_written(name):
    pasted, _ = PASTED[name]
    read = model_text(pasted)
    for start, end in read.words():
        begin, behind = read.span(start, end)
        assert pasted[begin:behind].replace("&gt;", ">") == read.text[start:end]


@pytest.mark.parametrize(
    "message",
    [
        "at 10:30 the error came back",
        "Error: my card was declined, what now?",
        "Error comes\nfrom 10:30 on",
        "I was\nat work (home office)\nat 10:30:45\nand it failed",
        "[21/11/24, 10:30:45] Anna: my card was declined\n[21/11/24, 10:30:59] Bob: try again",
        "2024-11-21 10:30:45 Anna: my card was declined\n2024-11-21 10:31:45 Bob: try again",
        "1: reboot\n2: sign in\n3: it crashes",
        "invoice 1042 is wrong\ninvoice 1043 is wrong\ninvoice 1044 is wrong",
        "no\nno\nno",
        "> you said it works\n> it does not\nplease help",
        "the exception to the rule:\n\nat least two people",
    ],
)
def test_what_people_write_stays_whole(message):
    assert condensed(message, 0, len(message)) == [(0, len(message))]


def test_starter_messages_outside_code_blocks_are_not_condensed():
    pack = starter_pack()
    check_unchanged([e.text for e in (*pack.train, *pack.held_out)])


@pytest.mark.skipif(not BANKING.exists(), reason="the public data set BANKING77 is not on this machine")
def test_messages_of_bank_customers_are_not_condensed():
    with BANKING.open(encoding="utf-8", newline="") as file:
        check_unchanged([row["text"] for row in csv.DictReader(file)])


def check_unchanged(texts):
    assert len(texts) > 1000
    plain = [text for text in texts if "```" not in text]
    assert [text for text in plain if condensed(text, 0, len(text)) != [(0, len(text))]] == []


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ("order 3f2504e0-4f89-11d3-9a0c-0305e82c3301 is late", "order id is late"),
        ("crash at 0x00007ffee4c0ffee again", "crash at address again"),
        ("commit 9fceb02d0ae598e95dc970b74767f19372d61af8 broke it", "commit data broke it"),
        (
            "my token eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_Xg",
            "my token data",
        ),
        ("update fails with 0x80070643 each night", "update fails with 0x80070643 each night"),
        (
            "see /usr/local/lib/python3.11/site-packages/numpy",
            "see /usr/local/lib/python3.11/site-packages/numpy",
        ),
        ("call 00491701234567890123456789012345678 now", "call 00491701234567890123456789012345678 now"),
        ("run `kubectl get pods` please", "run kubectl get pods please"),
    ],
)
def test_what_only_programs_read_becomes_one_word_and_error_codes_stay(message, read):
    assert model_text(message).text == read


def test_a_stand_in_is_never_shown_as_a_word():
    message = "order 3f2504e0-4f89-11d3-9a0c-0305e82c3301 is late"
    read = model_text(message)
    assert [message[slice(*read.span(*word))] for word in read.words()] == ["order", "is", "late"]


def test_half_a_character_never_lies_within_a_word():
    message = "log\ud800in fails"
    read = model_text(message)
    for word in read.words():
        message[slice(*read.span(*word))].encode("utf-8")


LINES = [
    "at a.b(C.java:1)\n", 'File "a", line 1\n', "    x()\n", "Caused by: E\n", "goroutine 1 [running]:\n",
    "\t/a.go:1 +0x1\n", "1: a::b\n", "2024-11-21 10:30:45 ERROR x\n", '{"level":"error","msg":"x"}\n', "&gt; ",
    "> ", "\n", "```", "ValueError: x\n", "help me\n", "#0 a(1): b\n", "from a.rb:1:in x\n", "0x", "^^^\n", "é",
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "<@U1>", "&amp;",
]  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=40).map("".join))
def test_any_mixture_of_lines_keeps_its_origins_in_order(message):
    read = model_text(message)
    assert len(read.text) == len(read.starts) == len(read.ends)
    assert list(read.starts) == sorted(read.starts)
    assert all(0 <= start <= end <= len(message) for start, end in zip(read.starts, read.ends, strict=True))
    spans = condensed(message, 0, len(message))
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))


@settings(deadline=None, max_examples=60)
@given(
    st.text(st.sampled_from("at .:()[]{}\"'\n\t>/#0xaF=-_<&;|`E1"), min_size=1, max_size=12),
    st.sampled_from(LINES),
)
def test_the_time_grows_no_faster_than_the_message(unit, before):
    """Of sixteen times the characters, 16 times the time is expected; 256 times would be a slow pattern."""
    message = (before + unit * MAX_CHARACTERS)[:MAX_CHARACTERS]
    assert seconds(message) < 64 * seconds(message[: MAX_CHARACTERS // 16])


def seconds(message: str) -> float:
    """Of this process: the best of some, so that whatever else the machine does hardly counts."""

    def once() -> float:
        began = time.process_time_ns()
        model_text(message)
        return (time.process_time_ns() - began) / 1e9

    return min(once() for _ in range(3))
