"""The fine-tune on a tiny real BERT: each lever, resuming."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from classifier.contract import InvalidInput, TrainingDiverged
from classifier.data.dataset import Example
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.base_models import load_encoder, resolve_base_model
from classifier.model.collate import collate
from classifier.model.directory import state_digest
from classifier.model.network import raw_tokenizer
from classifier.text.tokenize import TextEncoder
from classifier.training.fine_tune.compact_vocabulary import CompactVocabulary
from classifier.training.fit import fit
from tests.factories.tiny_bert import NOW, config_for, messages, tiny_bert

LEVERS = {
    "sharpness": {"sharpness": 0.05},
    "two stages": {"probe_first": True},
    "refit": {"refit": True},
    "soup": {"soup": 2, "refit": True},
    "cls": {"pooling": "cls", "epochs": 25},
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("base"))


class Killed(Exception):
    """Stands for a process that ends between two steps."""


@pytest.mark.parametrize("lever", LEVERS)
def test_every_lever_trains_a_model_that_has_learned(base, lever):
    config = replace(config_for(base), **LEVERS[lever])
    result = fit(messages(), config, created=NOW, unlabelled=["my invoice again", "the vpn is not working"])
    assert 0 < result.model.facts.thresholds["recall_near"] <= result.model.facts.thresholds["recall"] <= 1
    held_out = messages(seed=9)
    inside = [example for example in held_out if example.label != "oos"]
    right = [
        prediction.category == example.label
        for prediction, example in zip(
            TorchPredictor(result.model).predict([e.text for e in inside]), inside, strict=True
        )
    ]
    assert np.mean(right) > 0.8


def test_the_same_seed_gives_the_same_weights(base):
    config = replace(config_for(base), epochs=2, sharpness=0.05)
    digests = {state_digest(fit(messages(), config, created=NOW).model.network) for _ in range(2)}
    assert len(digests) == 1


@pytest.mark.parametrize("lever", [{}, {"sharpness": 0.05}])
def test_a_killed_training_goes_on_and_ends_with_the_same_weights(base, tmp_path, lever):
    config = replace(config_for(base), epochs=4, refit=False, **lever)
    whole = fit(messages(), config, created=NOW)

    def die(progress):
        if progress.stage == "train" and progress.epoch == 3:
            raise Killed

    with pytest.raises(Killed):
        fit(messages(), config, created=NOW, progress=die, checkpoint=tmp_path / "state")
    epochs = []
    resumed = fit(
        messages(),
        config,
        created=NOW,
        checkpoint=tmp_path / "state",
        progress=lambda p: epochs.append(p.epoch) if p.stage == "train" else None,
    )
    assert min(epochs) == 3
    assert state_digest(resumed.model.network) == state_digest(whole.model.network)
    assert [entry["epoch"] for entry in resumed.history] == [1, 2, 3, 4]
    assert not (tmp_path / "state").exists()


def test_a_training_of_several_stages_goes_on_in_the_one_that_was_killed(base, tmp_path):
    config = replace(config_for(base), epochs=2, refit=True, soup=2)

    def train(progress=None, **more):
        return fit(messages(), config, created=NOW, progress=progress, **more)

    seen = []
    whole = train(seen.append)
    assert [p.fraction for p in seen] == sorted(p.fraction for p in seen)
    assert {"train", "refit"} <= {p.stage for p in seen}
    steps = sum(p.stage in ("train", "refit") for p in seen)

    def die(progress):
        if progress.stage == "refit":
            raise Killed

    with pytest.raises(Killed):
        train(die, checkpoint=tmp_path / "state")
    after = []
    resumed = train(lambda p: after.append(p.stage), checkpoint=tmp_path / "state")
    assert state_digest(resumed.model.network) == state_digest(whole.model.network)
    assert "train" not in after
    assert after.count("refit") < steps
    assert not (tmp_path / "state").exists()


def test_a_state_of_other_examples_is_not_taken_up(base, tmp_path):
    config = replace(config_for(base), epochs=3, refit=False)

    def die(progress):
        if progress.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        fit(messages(), config, created=NOW, progress=die, checkpoint=tmp_path / "state")
    others = [*messages(), Example("my proxy is not working", "network")]
    epochs = []
    fit(
        others,
        config,
        created=NOW,
        checkpoint=tmp_path / "state",
        progress=lambda p: epochs.append(p.epoch) if p.stage == "train" else None,
    )
    assert min(epochs) == 1


def test_a_broken_state_is_begun_anew(base, tmp_path):
    (tmp_path / "state" / "first").mkdir(parents=True)
    (tmp_path / "state" / "first" / "checkpoint.json").write_text("{", encoding="utf-8")
    config = replace(config_for(base), epochs=1, refit=False)
    assert fit(messages(), config, created=NOW, checkpoint=tmp_path / "state").history


def test_a_loss_that_is_no_number_stops_with_advice(base):
    config = replace(config_for(base), learning_rate=1e30, refit=False, epochs=3)
    with pytest.raises(TrainingDiverged, match="lower the learning rate"):
        fit(messages(), config, created=NOW)


def test_a_rising_validation_loss_stops_with_advice(base):
    train = messages()
    shuffled = [
        Example(a.text, b.label) for a, b in zip(messages(seed=5), reversed(messages(seed=6)), strict=True)
    ]
    config = replace(config_for(base), epochs=30, patience=2)
    result = fit(train, config, created=NOW, validation=shuffled)
    assert len(result.history) < 30
    assert "stopped" in result.advice[0]


def test_one_message_a_category_is_enough_where_it_is_allowed(base):
    few = [Example("refund of my invoice", "billing"), Example("the vpn is not working", "network")]
    with pytest.raises(InvalidInput, match="too few messages"):
        fit(few, config_for(base), created=NOW)
    result = fit(few, replace(config_for(base), minimum_per_label=1), created=NOW)
    assert {p.category for p in TorchPredictor(result.model).predict([e.text for e in few])} <= {
        "billing",
        "network",
    }


def test_the_compact_vocabulary_changes_no_vector_and_gives_everything_back(base):
    encoder, tokenizer = load_encoder(resolve_base_model(str(base)))
    encoder.eval()
    texts = TextEncoder(raw_tokenizer(tokenizer), 32, 0).encode(["my vpn is not working", "refund"])
    ids, mask = collate(texts, 0, torch.device("cpu"))
    before = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    table = encoder.get_input_embeddings().weight.clone()
    small = CompactVocabulary(encoder, [texts], [0])
    assert len(small) < table.shape[0]
    less, mask = collate(small.encode(texts), small.place(0), torch.device("cpu"))
    assert torch.equal(encoder(input_ids=less, attention_mask=mask).last_hidden_state, before)
    with torch.no_grad():
        encoder.get_input_embeddings().weight[small.place(texts[0].ids[1])] += 1.0
    small.restore()
    changed = (encoder.get_input_embeddings().weight != table).any(dim=1).nonzero().flatten().tolist()
    assert changed == [texts[0].ids[1]]
