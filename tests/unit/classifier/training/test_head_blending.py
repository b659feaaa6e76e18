"""The base encoder's probe inside a fine-tuned head."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from classifier.model.base_models import load_encoder, resolve_base_model
from classifier.model.network import TextClassifier
from classifier.training.head_blending import blend, probe_head, temperatures
from tests.factories.tiny_bert import tiny_bert


@pytest.fixture
def network(tmp_path):
    encoder, _ = load_encoder(resolve_base_model(str(tiny_bert(tmp_path / "base"))))
    torch.manual_seed(0)
    made = TextClassifier(encoder, 3)
    made.keep_base_vectors()
    return made


def drawn(seed: int, n: int = 90) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Base vectors of three groups, fine-tuned ones that are a stretched copy, their categories."""
    random = torch.Generator().manual_seed(seed)
    targets = torch.arange(n) % 3
    base = torch.randn(n, 32, generator=random) + 3 * torch.eye(32)[targets]
    turn = torch.linalg.qr(torch.randn(32, 32, generator=torch.Generator().manual_seed(5)))[0]
    return base, 2.5 * base @ turn, targets


def test_the_blend_is_the_weighted_sum_of_both_calibrated_logits(network):
    base, pooled, targets = drawn(0)
    with torch.no_grad():
        turn = torch.linalg.qr(torch.randn(32, 32, generator=torch.Generator().manual_seed(5)))[0]
        network.keeper.weight.copy_(turn)
        network.keeper.bias.zero_()
    probe = probe_head(network, base, pooled, targets, torch.ones(len(targets)), 1e-3)
    own = (pooled @ network.head.weight.T + network.head.bias).detach().double().numpy()
    theirs = probe.logits(pooled)
    assert (theirs.argmax(axis=1) == targets.numpy()).mean() > 0.95
    heats = temperatures(own, theirs, targets.numpy(), 0.3)
    blend(network, probe, 0.3, heats)
    mixed = (pooled @ network.head.weight.T + network.head.bias).detach().double().numpy()
    expected = 0.7 * own / heats[0] + 0.3 * theirs / heats[1]
    assert np.allclose(log_softmax(mixed, axis=1), log_softmax(expected, axis=1), atol=1e-3)


def test_the_keepers_length_does_not_matter(network):
    base, pooled, targets = drawn(1)
    heads = []
    for stretch in (1.0, 40.0):
        with torch.no_grad():
            network.keeper.weight.copy_(stretch * torch.eye(32))
            network.keeper.bias.zero_()
        heads.append(probe_head(network, base, pooled, targets, torch.ones(len(targets)), 1e-3).weight)
    assert torch.allclose(*heads, rtol=1e-3, atol=1e-4)


def test_a_probe_that_does_not_help_is_left_out():
    right = np.tile([0, 1, 2], 20)
    good = 2.0 * np.eye(3)[right] + np.random.default_rng(0).normal(size=(60, 3))
    nonsense = 50 * np.random.default_rng(1).normal(size=(60, 3))
    other = 2.0 * np.eye(3)[right] + np.random.default_rng(2).normal(size=(60, 3))
    assert temperatures(good, nonsense, right, 0.3) is None
    assert temperatures(good, other, right, 0.3) is not None
    # few messages would say anything
    assert temperatures(good[:9], other[:9], right[:9], 0.3) is None


def test_a_network_without_a_keeper_is_refused(network):
    base, pooled, targets = drawn(0)
    network.keeper = None
    with pytest.raises(ValueError, match="keeper"):
        probe_head(network, base, pooled, targets, torch.ones(len(targets)), 1e-3)
