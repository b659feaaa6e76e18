import json
from dataclasses import asdict

import pytest
import torch
from torch.nn.functional import cross_entropy, log_softmax

from classifier.contract import InvalidInput
from classifier.data.dataset import read_texts
from classifier.training.config import TrainingConfig
from classifier.training.fine_tune.losses import (
    classification_loss,
    preservation_loss,
)
from classifier.training.options import parse_options, read_options, with_options
from classifier.training.recipe import adapted, epochs_for


def test_few_messages_a_category_mean_more_epochs_a_faster_rate_and_several_seeds():
    few, middle, many = (adapted(TrainingConfig(), n, 77) for n in (770, 4_000, 10_000))
    assert few.epochs > middle.epochs >= many.epochs
    assert epochs_for(77) > 2 * epochs_for(770)
    assert few.learning_rate > many.learning_rate
    assert (few.soup, middle.soup, many.soup) == (3, 1, 1)
    # with a refit a larger part can be held back for the thresholds
    assert [(plan.refit, plan.validation_share) for plan in (few, middle, many)] == [
        (True, 0.2),
        (False, 0.1),
        (False, 0.1),
    ]


def test_what_is_asked_for_is_not_adapted():
    asked = TrainingConfig(epochs=3, learning_rate=5e-5, refit=False, dropout=0.3, soup=2, sharpness=0.1)
    assert asdict(adapted(asked, 770, 77)) == asdict(asked)


def test_options_are_read_as_json_or_text(tmp_path):
    assert parse_options(["sharpness=0", "probe_first=true", "pooling=cls"]) == {
        "sharpness": 0,
        "probe_first": True,
        "pooling": "cls",
    }
    path = tmp_path / "best.json"
    path.write_text(json.dumps({"learning_rate": 2e-4}), encoding="utf-8")
    assert with_options(TrainingConfig(), read_options(path)).learning_rate == 2e-4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rat": 1}, "no training option 'learning_rat'"),
        ({"seed": 1}, "no training option 'seed'"),
        ({"epochs": "many"}, "epochs is 'many'"),
        ({"probe_first": 1}, "probe_first is 1"),
    ],
)
def test_wrong_options_end_in_one_line(options, message):
    with pytest.raises(InvalidInput, match=message):
        with_options(TrainingConfig(), options)


@pytest.mark.parametrize(
    "name",
    [
        "r_drop",
        "contrastive",
        "contrastive_epochs",
        "masked_lm_epochs",
        "averaging",
        "balance",
        "self_training",
    ],
)
def test_a_removed_option_may_still_be_off(name):
    for off in (0, 0.0):
        assert with_options(TrainingConfig(), {name: off, "epochs": 4}) == TrainingConfig(epochs=4)
    with pytest.raises(InvalidInput, match=f"the training option {name} was removed: take it out"):
        with_options(TrainingConfig(), {name: 1})


def test_a_removed_option_that_meant_nothing_by_itself_may_have_any_value():
    assert with_options(TrainingConfig(), {"contrastive_temperature": 0.3}) == TrainingConfig()


def test_a_pair_without_a_value_and_a_file_without_an_object_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="NAME=VALUE"):
        parse_options(["sharpness"])
    (tmp_path / "list.json").write_text("[1]", encoding="utf-8")
    for name in ("list.json", "missing.json"):
        with pytest.raises(InvalidInput):
            read_options(tmp_path / name)


def test_unlabelled_messages_are_lines_or_a_column(tmp_path):
    (tmp_path / "lines.txt").write_text("my vpn\n\n my invoice \n", encoding="utf-8")
    (tmp_path / "rows.csv").write_text("text,label\nmy vpn,network\n", encoding="utf-8")
    assert read_texts(tmp_path / "lines.txt") == ["my vpn", "my invoice"]
    assert read_texts(tmp_path / "rows.csv") == ["my vpn"]


def test_the_loss_is_smoothed_cross_entropy_and_pulls_messages_out_of_scope_to_the_uniform_distribution():
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, 1, 2, -1])
    losses = classification_loss(logits, targets, smoothing=0.1, out_of_scope_weight=0.5)
    usual = cross_entropy(logits[:3], targets[:3], label_smoothing=0.1, reduction="none")
    assert torch.allclose(losses[:3], usual)
    assert losses[3] == pytest.approx(-0.5 * log_softmax(logits[3], dim=0).mean().item())


def test_losses_are_smallest_where_they_should_be():
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(preservation_loss(logits, 3 * logits), torch.zeros(4), atol=1e-6)
