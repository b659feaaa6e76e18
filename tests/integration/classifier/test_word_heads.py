"""Weights of attention heads, learned from what taking words out of real (tiny) models' messages did."""

import numpy as np
import pytest
import torch

from classifier.batching import collate
from classifier.inference import Predictor, attended_words
from classifier.model_directory import load_model_directory, save_model_directory
from classifier.word_heads import fit_word_heads, weigh_words, word_owners
from tests.factories.tiny_bert import messages, tiny_bert, tiny_model

TEXTS = [example.text for example in messages(30, seed=5)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    model = tiny_model(tiny_bert(tmp_path_factory.mktemp("base")))
    weigh_words(model, TEXTS, messages=60)
    return model


def test_weights_are_kept_where_they_foretell_better_than_plain_attention(model):
    found = model.facts.word_heads
    assert found.agreement > found.plain_agreement
    assert 1 <= len(found.weights) <= 2  # layers of the tiny encoder
    assert all(len(row) == 4 for row in found.weights)


def test_the_same_seed_finds_the_same_weights(model):
    again = fit_word_heads(Predictor(model), TEXTS, messages=60)
    assert again == model.facts.word_heads


def test_scores_are_the_weighted_attention_of_the_last_layers(model):
    predictor = Predictor(model)
    text = "please help my vpn is not working again"
    encoded = predictor.encode([text])[0]
    ids, mask = collate([encoded], 0, torch.device("cpu"))
    found = model.facts.word_heads
    with torch.inference_mode():
        received = model.network.attention_weights(ids, mask)[-len(found.weights) :, 0].mean(dim=2).numpy()
        output = model.network(ids, mask, attention=True)
    tokens = np.einsum("kh,kht->t", np.array(found.weights), received)
    np.testing.assert_allclose(output.scored[0].numpy(), tokens, atol=1e-5)
    _, owner = word_owners(encoded)
    counted = [max(0.0, tokens[owner == word].sum() + found.bias) for word in range(8)]
    [(_, attended)] = predictor.predict_with_attention([text])
    shares = np.array([word.score for word in attended.words])
    np.testing.assert_allclose(shares, np.array(counted) / sum(counted) * (1 - attended.hidden), atol=1e-5)


def test_a_text_has_the_same_scores_alone_and_in_a_batch(model):
    predictor = Predictor(model)
    together = predictor.predict_with_attention(["vpn", *TEXTS[:5]])
    for text, (_, attended) in zip(["vpn", *TEXTS[:5]], together, strict=True):
        alone = predictor.predict_with_attention([text])[0][1]
        assert [w.text for w in alone.words] == [w.text for w in attended.words]
        np.testing.assert_allclose(
            [w.score for w in alone.words], [w.score for w in attended.words], atol=1e-5
        )


def test_a_saved_model_scores_as_before(model, tmp_path):
    save_model_directory(model, tmp_path / "model")
    loaded = load_model_directory(tmp_path / "model")
    assert loaded.facts.word_heads == model.facts.word_heads
    assert Predictor(loaded).predict(TEXTS[:3])[0].words == Predictor(model).predict(TEXTS[:3])[0].words


def test_too_few_messages_of_several_words_leave_plain_attention(model):
    assert fit_word_heads(Predictor(model), ["vpn down", "hello", ""] * 40, messages=60) is None
    assert fit_word_heads(Predictor(model), TEXTS[:20], messages=60) is None


def test_where_no_word_counts_words_share_by_attention(model):
    encoded = Predictor(model).encode(["my vpn"])[0]
    received = np.full(len(encoded.ids), 0.25)
    attended = attended_words(encoded, received, np.full(len(encoded.ids), -1.0))
    assert [word.score for word in attended.words] == [0.25, 0.25]
    assert attended.hidden == pytest.approx(0.5)


def test_families_that_bring_their_own_attention_are_weighed_too(model):
    network = model.network
    ids, mask = collate(Predictor(model).encode(TEXTS[:2]), 0, torch.device("cpu"))
    with torch.inference_mode():
        hooked = network(ids, mask, attention=True)
        network._hooked = False
        network.encoder.set_attn_implementation("eager")
        try:
            eager = network(ids, mask, attention=True)
        finally:
            network.encoder.set_attn_implementation("fingerpost_sdpa")
            network._hooked = True
    np.testing.assert_allclose(hooked.scored.numpy(), eager.scored.numpy(), atol=1e-5)
    np.testing.assert_allclose(hooked.received.numpy(), eager.received.numpy(), atol=1e-5)
