"""Makes what lies in this folder, with the code of version 0.1.0 as of November 2026 (before the move).

Have a checkout of that commit with a .venv of its own, and run in it:

    PYTHONPATH=. .venv/bin/python HERE/tests/data/before/make.py HERE/tests/data/before

It takes some minutes. Nothing here imports from today's tree, and no test runs it: what it writes is checked
in, so that today's code is held to what a deployment of that version has on its disk. In the folder:

models/               a registry: three versions, the active one, the history for a rollback, and the
                      embedding cache of the last head update
texts.jsonl           40 messages, one JSON string a line
answers-<kind>.jsonl  what `fingerpost classify VERSION - --json` printed for them (of two models: for each
                      fourth), on a CPU, with one thread
explanation.json      what `fingerpost explain VERSION TEXT --json` printed
database.sql          a dump of a SQLite database with rows in every table
http.env, socket.env  every setting, and the least that Socket Mode needs; written by hand
options.json          training options, as `fingerpost tune` wrote them
options-neutral.json  training options of levers that are gone, at their defaults; written by hand
settings.json         what the settings read from those files
commands.json         every command, with its options and arguments
"""

# ruff: noqa: E402, I001, S311 - imports of the old tree, behind the environment they read; nothing is secret

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

THREADS = {
    "OMP_NUM_THREADS": "1",
    "FINGERPOST_CLASSIFIER_THREADS": "1",
    "FINGERPOST_CLASSIFIER_DEVICE": "cpu",
}
os.environ |= THREADS

import torch
import typer
from transformers import BertConfig, BertModel

import classifier.surroundings
from bot.cli import app
from bot.settings import Settings
from classifier import refit_child, training_child
from classifier.dataset import Example
from classifier.model_files import read_facts
from classifier.registry import Registry
from classifier.settings import ClassifierSettings
from classifier.training import fit_day_one
from storage.settings import StorageSettings
from make_database import ANNA, DAY, LENA, NOW, make_database
from tests.factories.tiny_bert import FILLERS, TOPICS, config_for, messages, tiny_bert, write_messages

OUT = Path(sys.argv[1]).resolve()
OTHERS = 4
ODD = [
    "",
    "   ",
    "?",
    "lunch on friday",
    "hello thanks",
    "my password is locked since today\tand the login code is not working\r",
    "VPN!!! VPN!!! VPN!!!",
    "Räksmörgås für die Rechnung – bitte 🙏",
    "<@U0LENA> the invoice in <#C0HELP> was charged twice",
    "https://example.com/reset?code=12345 my account is locked",
    'Traceback (most recent call last):\n  File "proxy.py", line 3, in <module>\nConnectionError: vpn',
    "refund " * 60 + "password",
    "wifi\u200bnetwork\u0000proxy",
    "支払い payment 领收",
]


def texts() -> list[str]:
    """40 messages: plain ones, ones about nothing, and odd ones."""
    plain = [*messages(4, out_of_scope=4, seed=21), *doubtful(10, 43)]
    return [*(example.text for example in plain), *ODD]


def canteen(count: int, seed: int) -> list[Example]:
    """Messages of a category that the first models do not know."""
    draw, words = random.Random(seed), ("hello", "coffee", "lunch", "friday")
    made = []
    for number in range(count):
        chosen = [*draw.sample(FILLERS, 2), *draw.sample(words, 3), words[number % len(words)]]
        draw.shuffle(chosen)
        made.append(Example(" ".join(chosen), "canteen"))
    return made


def doubtful(count: int, seed: int) -> list[Example]:
    """Messages about two topics, of which either may be meant: they keep a model from being sure of all."""
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        one, other = draw.sample(list(TOPICS), 2)
        words = [draw.choice(TOPICS[one]), draw.choice(TOPICS[other]), *draw.sample(FILLERS, 3)]
        draw.shuffle(words)
        made.append(Example(" ".join(words), one))
    return made


def people(count: int) -> list[dict]:
    """Who stands behind the last messages of a training."""
    return [
        {
            "ticket_id": f"00000000-0000-4000-8000-{number:012d}",
            "label_ids": [f"00000000-0000-4000-9000-{number:012d}"],
            "role": ("owner", "staff")[number % 2],
            "voice": (LENA, ANNA)[number % 2],
            "settled": number == 0,
        }
        for number in range(count)
    ]


def small_encoder(path: Path) -> None:
    """The tests' tiny BERT, made smaller still: it is checked in three times."""
    tiny_bert(path)
    torch.manual_seed(0)
    config = BertConfig.from_pretrained(path, intermediate_size=32, max_position_embeddings=40)
    BertModel(config, add_pooling_layer=False).save_pretrained(path)


def make_models(home: Path) -> dict[str, str]:
    """A day-one model, a training on labels, an update of its head: each published and activated."""
    small_encoder(Path("encoder"))
    registry, starter = Registry(home), [*messages(16, out_of_scope=20), *doubtful(16, 41)]
    config = config_for(Path("encoder"), word_scorer=100, int8_check=60)
    created = datetime.now(UTC) - DAY
    versions = {"day_one": registry.publish(fit_day_one(starter, config, created=created).model)}
    registry.activate(versions["day_one"])

    classifier.surroundings.SHARES = (0.3,)  # a tiny network needs no steadying, and then it would keep none
    given = messages(4, seed=31)
    job = training_child.Job(
        train=[(e.text, e.label, 1.0) for e in starter] + [(e.text, e.label, 4.0) for e in given],
        validation=[(e.text, e.label) for e in (*messages(10, out_of_scope=8, seed=5), *doubtful(20, 42))],
        held_out=[(e.text, e.label) for e in messages(15, out_of_scope=10, seed=6)],
        config=asdict(config),
        model_home=str(home),
        champion=versions["day_one"],
        people=people(len(given)),
        starter="0" * 64,
        unlabelled=list(dict.fromkeys(e.text for e in messages(150, seed=3)))[:220],
    )
    said = StringIO()
    result = training_child.work(asdict(job), training_child.Reporter(said))
    versions["fine_tune"] = result["version"]
    registry.activate(versions["fine_tune"])

    new = canteen(8, 1)
    update = refit_child.RefitJob(
        train=[(e.text, e.label, 1.0) for e in (*starter, *new)],
        held_back=job.validation,
        held_out=job.held_out,
        categories=["billing", "canteen", "login", "network"],
        merged=[],
        config=asdict(config),
        model_home=str(home),
        parent=versions["fine_tune"],
        folder=str(home),
        people=people(len(new)),
        starter="0" * 64,
        names=[("lunch", "canteen", 1.0)],
    )
    while f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}" <= versions["fine_tune"][:16]:
        pass
    versions["head"] = refit_child.work(asdict(update), training_child.Reporter(said))["version"]
    registry.activate(versions["head"])
    for kind, version in versions.items():
        if read_facts(registry.path(version)).kind != kind:
            raise SystemExit(f"{version} is no {kind} model")
    return versions


def ask(*arguments: str, stdin: bytes = b"") -> bytes:
    """What a command prints."""
    program = Path(sys.executable).with_name("fingerpost")
    done = subprocess.run(
        [program, *arguments], input=stdin, capture_output=True, check=False, env=os.environ | THREADS
    )
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    return done.stdout


def make_answers(home: Path, versions: dict[str, str]) -> None:
    """What the trained model says of each text, and the others of each fourth."""
    lines = [text.replace("\n", " ") for text in texts()]
    (OUT / "texts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    asked = "".join(line + "\n" for line in lines).encode()
    for kind, version in versions.items():
        printed = ask("classify", str(home / version), "-", "--json", stdin=asked).splitlines(keepends=True)
        some = printed if kind == "fine_tune" else printed[::OTHERS]
        (OUT / f"answers-{kind}.jsonl").write_bytes(b"".join(some))
    text = "please help my password is locked again"
    (OUT / "explanation.json").write_bytes(ask("explain", str(home / versions["fine_tune"]), text, "--json"))


def make_settings() -> None:
    """What the old settings read from the .env files, which are written by hand."""
    write_messages(Path("train.csv"), messages(12))
    options = ("--trials", "2", "--folds", "2", "--minutes", "5", "--search", "epochs=1..3")
    ask("tune", "train.csv", "--output", "best.json", "--base-model", "encoder", *options)
    shutil.copy("best.json", OUT / "options.json")
    for name in THREADS:
        os.environ.pop(name)
    shutil.copy(OUT / "options.json", "options.json")
    found: dict[str, dict] = {}
    for name in ("http.env", "socket.env"):
        bot = Settings(_env_file=OUT / name)
        own = ClassifierSettings(_env_file=OUT / name)
        plan = bot.question_plan()
        found[name] = {
            "bot": plain(bot) | {"socket_mode": bot.socket_mode, "missing": bot.missing()},
            "storage": plain(StorageSettings(_env_file=OUT / name)),
            "classifier": plain(own),
            "training": json.loads(json.dumps(asdict(own.training_config()), default=str)),
            "engine": json.loads(json.dumps(asdict(own.engine_settings()), default=str)),
            "questions": {"per_day": plan.per_day, "day": plan.day(NOW)},
        }
    write_json("settings.json", found)


def plain(settings) -> dict:
    """Every value as JSON; secrets, which are made up, in the open."""
    values = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        values[name] = value.get_secret_value() if hasattr(value, "get_secret_value") else value
    return json.loads(json.dumps(values, default=str))


def tree(command) -> dict:
    """A command with what can be written behind it, and the commands below it."""
    options, arguments = [], []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            arguments.append(parameter.name)
        else:
            options.extend([*parameter.opts, *parameter.secondary_opts])
    found = {"options": sorted(options), "arguments": arguments}
    below = getattr(command, "commands", {})
    if below:
        found["commands"] = {name: tree(below[name]) for name in sorted(below)}
    return found


def write_json(name: str, content: object) -> None:
    """Write a file that a person can read."""
    (OUT / name).write_text(json.dumps(content, indent=1) + "\n")


def main() -> None:
    """Make everything in a folder of its own, so that no path and no .env of this machine gets in."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        home = Path("models")
        versions = make_models(home)
        make_answers(home, versions)
        make_database(OUT / "database.sql", home, versions)
        shutil.rmtree(OUT / "models", ignore_errors=True)
        shutil.copytree(home, OUT / "models")
        make_settings()
        write_json("commands.json", tree(typer.main.get_command(app)))


if __name__ == "__main__":
    main()
