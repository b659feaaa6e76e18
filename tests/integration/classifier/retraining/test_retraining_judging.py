"""The child's work with a tiny BERT: manifest, doubts, verdicts of worse and of sound candidates."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from classifier.data.dataset import Category, Example, StarterPack
from classifier.data.manifest import MANIFEST_FILE, check_manifest, example_hash, learned_by, manifest_hash
from classifier.data.training_set import SaidBy, TrainingSet, assemble
from classifier.evaluation.gate.comparison import Judged, judge_both
from classifier.inference.predictions import Answers, answer
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.integrity import verify
from classifier.model.network import TrainedModel
from classifier.model.registry import Registry
from classifier.retraining.material import material_of
from classifier.retraining.train_job import Job, Reporter, work
from classifier.training.fit import fit
from classifier.training.label_noise import FEWEST_LABELS, find_doubts
from storage.feedback.labels import LabelledText
from tests.factories.rows import NOW
from tests.factories.tiny_bert import TOPICS, config_for, messages, tiny_bert

SLUGS = frozenset(TOPICS)
OTHER = {"billing": "login", "login": "network", "network": "billing"}


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"))


def pack(each: int = 24, seed: int = 0) -> StarterPack:
    categories = tuple(Category(slug, slug, slug, "", "") for slug in sorted(SLUGS))
    held_out = messages(60, out_of_scope=30, seed=9)
    return StarterPack(categories, tuple(messages(each, out_of_scope=12, seed=seed)), tuple(held_out))


def people(count: int, *, wrong: str = "", seed: int = 5) -> tuple[list[LabelledText], dict[UUID, SaidBy]]:
    """Labels of five people in turn; all of one person's are wrong."""
    rows, said_by = [], {}
    for number, example in enumerate(messages(count // 3, seed=seed)):
        voice = f"U{number % 5}"
        label = OTHER[example.label] if voice == wrong else example.label
        ticket = UUID(int=number + 1)
        when = NOW + timedelta(minutes=number)
        rows.append(LabelledText(ticket, (UUID(int=9000 + number),), f"{example.text} {number}", label, when))
        said_by[ticket] = SaidBy("staff", voice)
    return rows, said_by


def job_of(made: TrainingSet, base: Path, home: Path, champion: str | None, **changes: object) -> dict:
    config = asdict(config_for(base, int8_check=0, baselines=False, **changes))
    job = Job(
        train=[(e.text, e.label, e.weight) for e in made.train],
        validation=[(e.text, e.label) for e in made.validation],
        held_out=[(e.text, e.label) for e in made.held_out],
        config=config,
        model_home=str(home),
        champion=champion,
        **made.for_child(),
    )
    return json.loads(job.encode())


def carry_out(
    made: TrainingSet, base: Path, home: Path, champion: str | None = None, **changes: object
) -> dict:
    return work(job_of(made, base, home, champion, **changes), Reporter(io.StringIO()))


def test_the_model_directory_says_what_it_learned_from_and_shows_what_it_confuses(base, tmp_path):
    labels, said_by = people(12)
    names = [Example("About signing in", "login")]
    made = assemble(pack(), labels, SLUGS, said_by=said_by, learned=frozenset(), names=names)
    result = carry_out(made, base, tmp_path, epochs=2)
    folder = Registry(tmp_path).path(result["version"])
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    learned = [*names, *made.train]
    check_manifest(manifest, learned, {example_hash(e.text, e.label) for e in (*names, *pack().train)})
    assert (manifest["names"], manifest["starter_messages"]) == (1, len(made.train) - 12)
    assert result["manifest_hash"] == manifest_hash(manifest)
    assert learned_by(folder) == {example_hash(x.text, x.category) for x in labels}
    assert Counter(row["role"] for row in manifest["people"]) == {"staff": 12}
    assert (folder / result["picture"]["file"]).read_bytes().startswith(b"\x89PNG")
    assert "rows are the right ones" in result["picture"]["alt"]
    assert (result["labels"], result["doubts"]) == (12, [])
    verify(folder)  # both files are in the manifest of the directory
    for row in labels:
        assert row.text.encode() not in (folder / MANIFEST_FILE).read_bytes()


def test_an_example_with_nobody_behind_it_ends_the_run_before_anything_is_learned(base, tmp_path):
    from classifier.contract import InvalidInput

    labels, said_by = people(12)
    job = job_of(assemble(pack(), labels, SLUGS, said_by=said_by), base, tmp_path, None)
    job["people"][0]["label_ids"] = []
    with pytest.raises(InvalidInput, match="no person labelled"):
        work(job, Reporter(io.StringIO()))
    assert not Registry(tmp_path).list()


def worse_candidates() -> list[tuple[str, dict]]:
    """Twenty ways to be worse than the champion."""
    ways = [(f"{noise:.0%} wrong labels", {"noise": noise, "seed": seed})
            for noise in (0.3, 0.4, 0.5, 0.6) for seed in (1, 2)]  # fmt: skip
    ways += [(f"no {slug}", {"lost": slug, "seed": seed}) for slug in sorted(SLUGS) for seed in (3, 4)]
    ways += [(f"{each} messages a category", {"each": each, "seed": 5, "epochs": 2}) for each in (4, 5)]
    ways += [("one epoch", {"epochs": 1, "seed": 6}), ("one epoch", {"epochs": 1, "seed": 7})]
    ways += [("every message in one direction", {"turned": True, "seed": 8})]
    ways += [("temperature of ice", {"label_smoothing": 0.9, "seed": 9})]
    return ways


def one_of_each_kind() -> list[tuple[str, dict]]:
    """The first of each kind of ways."""
    return list({tuple(sorted(how)): (name, how) for name, how in reversed(worse_candidates())}.values())


def learn(made: TrainingSet, base: Path, **changes: object) -> TrainedModel:
    material = material_of(job_of(made, base, Path(), None), config_for(base))
    config = config_for(base, int8_check=0, baselines=False, **changes)
    return fit(material.train, config, created=NOW, validation=material.validation or None).model


@pytest.mark.parametrize(
    "ways", [one_of_each_kind(), pytest.param(worse_candidates(), marks=pytest.mark.long)], ids=len
)
def test_of_worse_candidates_none_is_promoted_and_a_sound_one_is(base, ways):
    judged = Judged(pack().held_out)
    texts = [example.text for example in judged.examples]

    def said(model: TrainedModel) -> Answers:
        return answer(TorchPredictor(model), texts)

    champion = said(learn(assemble(pack(), [], SLUGS), base))
    sound = said(learn(assemble(pack(seed=3), [], SLUGS), base, seed=1))
    assert judge_both(champion, sound, judged).promoted
    promoted = []
    for name, how in ways:
        made = spoilt(assemble(pack(how.get("each", 24)), [], SLUGS), how)
        settings = {key: value for key, value in how.items() if key in {"epochs", "seed", "label_smoothing"}}
        if judge_both(champion, said(learn(made, base, **settings)), judged).promoted:
            promoted.append((name, how))
    assert promoted == []


def spoilt(made: TrainingSet, how: dict) -> TrainingSet:
    random_ = random.Random(how["seed"])  # noqa: S311 - test data

    def changed(example: Example) -> Example:
        inside = example.label != "oos"
        if inside and (how.get("turned") or random_.random() < how.get("noise", 0.0)):
            return replace(example, label=OTHER[example.label])
        return example

    parts = [
        tuple(changed(e) for e in part if e.label != how.get("lost"))
        for part in (made.train, made.validation)
    ]
    return replace(made, train=parts[0], validation=parts[1])


def rows_of(labels: list[LabelledText], said_by: dict[UUID, SaidBy], *, settled: bool = False):
    examples = [Example(x.text, x.category, 7.2, said_by[x.ticket_id].voice) for x in labels]
    return examples, [{"ticket_id": str(x.ticket_id), "settled": settled} for x in labels]


def test_labels_that_somebody_looked_at_are_not_doubted_again(base):
    labels, said_by = people(90, wrong="U1")
    train, behind = rows_of(labels, said_by, settled=True)
    behind[0]["settled"] = False
    found = find_doubts(train, behind, [], [], config_for(base))
    assert {doubt.ticket for doubt in found.suspects} <= {behind[0]["ticket_id"]}
    assert found.teaching <= {0}


def test_a_few_labels_are_heard_as_they_are(base):
    labels, said_by = people(FEWEST_LABELS - 5, wrong="U1")
    train, behind = rows_of(labels, said_by)
    assert find_doubts(train, behind, [], [], config_for(base)).suspects == ()


def test_gold_tickets_are_not_doubted_and_recent_ones_are(base):
    labels, said_by = people(90)
    train, behind = rows_of(labels, said_by)
    turned = [replace(example, label=OTHER[example.label]) for example in train[:20]]
    own = [
        {"ticket_id": f"own-{n}", "settled": False, "part": "gold" if n < 10 else "recent"} for n in range(20)
    ]
    found = find_doubts(train, behind, turned, own, config_for(base))
    assert found.judging <= set(range(10, 20))
    assert not {doubt.ticket for doubt in found.suspects} & {f"own-{n}" for n in range(10)}
