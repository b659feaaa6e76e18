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

import numpy as np
import pytest

from classifier.data.dataset import Example, StarterCategory, StarterPack
from classifier.data.manifest import MANIFEST_FILE, check_manifest, example_hash, learned_by, manifest_hash
from classifier.data.training_set import TrainingSet, assemble
from classifier.evaluation.gate.comparison import judge_both
from classifier.inference.predictions import Answers, answer
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.integrity import verify
from classifier.model.network import TrainedModel
from classifier.model.registry import Registry
from classifier.retraining.job import RetrainJob, RetrainResult
from classifier.retraining.reporter import Reporter
from classifier.retraining.train_job import work
from classifier.training.fit import fit
from classifier.training.label_noise import FEWEST_LABELS, SOFTENED, clean_labels
from tests.factories.rows import NOW
from tests.factories.tiny_bert import TOPICS, config_for, messages, tiny_bert

SLUGS = frozenset(TOPICS)
OTHER = {"billing": "login", "login": "network", "network": "billing"}


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"))


def pack(each: int = 24, seed: int = 0) -> StarterPack:
    categories = tuple(StarterCategory(slug, slug, slug, "", "") for slug in sorted(SLUGS))
    held_out = messages(60, out_of_scope=30, seed=9)
    return StarterPack(categories, tuple(messages(each, out_of_scope=12, seed=seed)), tuple(held_out))


def people(count: int, *, wrong: str = "", seed: int = 5) -> list[Example]:
    """Labels of five people in turn; all of one person's are wrong."""
    rows = []
    for number, example in enumerate(messages(count // 3, seed=seed)):
        voice = f"U{number % 5}"
        rows.append(
            Example(
                f"{example.text} {number}",
                OTHER[example.label] if voice == wrong else example.label,
                voice=voice,
                role="staff",
                said_at=NOW + timedelta(minutes=number),
                source="person",
                ticket=str(UUID(int=number + 1)),
                label_ids=(str(UUID(int=9000 + number)),),
            )
        )
    return rows


def carry_out(made: TrainingSet, base: Path, home: Path, **changes: object) -> RetrainResult:
    config = asdict(config_for(base, int8_check=0, baselines=False, **changes))
    job = RetrainJob(made, config, model_home=str(home), folder=str(home), champion=None)
    result = work(RetrainJob.decode(job.encode()), Reporter(io.StringIO()))
    return RetrainResult.decode(json.loads(json.dumps(result.encode())))


def test_the_model_directory_says_what_it_learned_from_and_shows_what_it_confuses(base, tmp_path):
    labels = people(12)
    names = [Example("About signing in", "login")]
    made = assemble(pack(), labels, SLUGS, learned=frozenset(), names=names)
    result = carry_out(made, base, tmp_path, epochs=2)
    folder = Registry(tmp_path).path(result.version)
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    check_manifest(manifest, made.train)
    assert (manifest["names"], manifest["starter_messages"]) == (1, len(made.train) - 13)
    assert result.manifest_hash == manifest_hash(manifest)
    assert learned_by(folder) == {example_hash(x.text, x.label) for x in labels}
    assert Counter(row["role"] for row in manifest["people"]) == {"staff": 12}
    assert (folder / result.picture).read_bytes().startswith(b"\x89PNG")
    assert "rows are the right ones" in result.picture_alt
    assert (result.labels, result.doubts) == (12, ())
    verify(folder)  # both files are in the manifest of the directory
    for row in labels:
        assert row.text.encode() not in (folder / MANIFEST_FILE).read_bytes()


def test_an_example_with_nobody_behind_it_ends_the_run_before_anything_is_learned(base, tmp_path):
    from classifier.contract import InvalidInput

    made = assemble(pack(), people(12), SLUGS)
    made = replace(made, train=(*made.train[:-1], replace(made.train[-1], label_ids=())))
    with pytest.raises(InvalidInput, match="no person labelled"):
        carry_out(made, base, tmp_path)
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
    clean = clean_labels(made.train, config_for(base), made.held_out)
    config = config_for(base, int8_check=0, baselines=False, **changes)
    return fit(clean.train, config, created=NOW, validation=made.validation or None).model


@pytest.mark.drill("worse")
@pytest.mark.parametrize(
    "ways", [one_of_each_kind(), pytest.param(worse_candidates(), marks=pytest.mark.long)], ids=len
)
def test_of_worse_candidates_none_is_promoted_and_a_sound_one_is(base, ways, measured):
    judged = pack().held_out
    texts = [example.text for example in judged]

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
    measured(f"{len(ways)} worse ones: 0 promoted; a sound one is")


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


def test_labels_that_somebody_looked_at_are_not_doubted_again(base):
    settled = [replace(example, settled=True) for example in people(90, wrong="U1")]
    train = [replace(settled[0], settled=False), *settled[1:]]
    clean = clean_labels(train, config_for(base))
    assert {suspect.example.ticket for suspect in clean.suspects} <= {train[0].ticket}
    assert set(train) - set(clean.train) <= {train[0]}
    assert clean_labels(settled, config_for(base)).train == tuple(settled)


def test_a_few_labels_are_heard_as_they_are(base):
    train = people(FEWEST_LABELS - 5, wrong="U1")
    assert clean_labels(train, config_for(base)).train == tuple(train)


def test_starter_messages_and_names_are_never_doubted(base):
    wrong = [replace(e, label=OTHER[e.label], source="starter") for e in people(30, seed=6)]
    names = [replace(e, text=f"about {e.text}", source="name") for e in wrong[:6]]
    clean = clean_labels([*names, *wrong, *people(90)], config_for(base))
    assert clean.train[: len(names) + len(wrong)] == (*names, *wrong)


def test_gold_tickets_are_not_doubted_and_recent_ones_are(base):
    train = people(90)
    held_out = [
        replace(
            example,
            label=OTHER[example.label],
            ticket=f"own-{n}",
            judges="gold" if n < 10 else "recent",
        )
        for n, example in enumerate(train[:20])
    ]
    clean = clean_labels(train, config_for(base), held_out)
    assert clean.held_out[:10] == tuple(held_out[:10])
    assert set(clean.held_out) <= set(held_out)
    assert not {suspect.example.ticket for suspect in clean.suspects} & {f"own-{n}" for n in range(10)}


def test_what_one_person_always_gets_wrong_neither_teaches_nor_judges(base, monkeypatch):
    """The probabilities are those of a model that knows: only the policy is looked at."""
    labels = people(150, wrong="U1")
    right = {example.text: example.label for example in people(150)}

    def knows(_pooled, examples, columns, _seed):
        sure = 0.9 * np.array([[right[e.text] == column for column in columns] for e in examples])
        return sure + 0.1 / len(columns)

    monkeypatch.setattr("classifier.training.label_noise.probabilities_of", knows)
    train, held_out = labels[:120], [replace(e, judges="recent") for e in labels[120:]]
    clean = clean_labels(train, config_for(base), held_out)
    assert {example.voice for example in clean.train} == {"U0", "U2", "U3", "U4"}
    assert clean.held_out == tuple(e for e in held_out if e.voice != "U1")
    assert clean.left_out == 30
    assert {suspect.example.voice for suspect in clean.suspects} == {"U1"}


def test_a_weaker_suspect_teaches_less(base, monkeypatch):
    labels = people(60)

    def unsure(_pooled, examples, columns, _seed):
        likely = [OTHER[e.label] if e.text == labels[0].text else e.label for e in examples]
        return 0.6 * np.array([[label == column for column in columns] for label in likely]) + 0.4 / len(
            columns
        )

    monkeypatch.setattr("classifier.training.label_noise.probabilities_of", unsure)
    clean = clean_labels(labels, config_for(base))
    assert clean.train == (replace(labels[0], weight=SOFTENED), *labels[1:])
    assert (clean.left_out, clean.suspects) == (0, ())
