"""The network that scores words, learned from taking words out of real (tiny) models' messages."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from classifier.explanation.faithfulness import GREEDY, PLAIN, REPLY, faithfulness
from classifier.explanation.greedy_erasure import greedy_orders, probability_without
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.collate import collate
from classifier.model.directory import load_model_directory, save_model_directory
from classifier.model.metadata import WordScorerFacts
from classifier.model.network import WordScorer
from classifier.text.words import attended_words, word_owners
from classifier.training.word_scorer import fit_word_scorer, score_words
from tests.factories.tiny_bert import messages, tiny_bert, tiny_model

TEXTS = [f"please help {example.text}" for example in messages(40, seed=5)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    model = tiny_model(tiny_bert(tmp_path_factory.mktemp("base")))
    score_words(model, TEXTS, messages=100)
    return model


def test_it_is_kept_where_its_words_decide_more_than_plain_attention(model):
    facts = model.facts.word_scorer
    assert facts.of_greedy > facts.plain_of_greedy
    assert facts.layers == 2  # all of the tiny encoder
    assert facts.messages == 80  # and twenty to choose on
    unseen = [f"please help {example.text}" for example in messages(8, seed=9)]
    methods = faithfulness(TorchPredictor(model), unseen).methods
    assert methods[REPLY].comprehensiveness.mean > methods[PLAIN].comprehensiveness.mean
    assert methods[GREEDY].of_greedy.mean == pytest.approx(1.0)


def test_the_same_seed_learns_the_same_network(model):
    bare = replace_scorer(model)
    scorer, facts = fit_word_scorer(TorchPredictor(bare), TEXTS, messages=100)
    assert facts == model.facts.word_scorer
    for name, value in model.network.scorer.state_dict().items():
        torch.testing.assert_close(scorer.state_dict()[name], value)


def replace_scorer(model):
    """The same model showing plain attention, on a copy of its network."""
    bare = copy.copy(model)
    bare.network = copy.deepcopy(model.network)
    bare.network.scorer = None
    bare.facts = replace(model.facts, word_scorer=None)
    return bare


def test_words_share_what_attention_fell_on_words(model):
    predictor = TorchPredictor(model)
    text = "please help my vpn is not working again"
    encoded = predictor.encode([text])[0]
    ids, mask = collate([encoded], 0, torch.device("cpu"))
    with torch.inference_mode():
        output = model.network(ids, mask, attention=True)
        features = model.network.word_features(ids, mask, 2)
        weights = model.network.attention_weights(ids, mask)
        states = model.network.encoder(ids, mask).last_hidden_state
    received = weights[:, 0].mean(dim=2)  # [layers, heads, T]
    np.testing.assert_allclose(features[0, :, :8].numpy(), received.reshape(8, -1).T.numpy(), atol=1e-5)
    np.testing.assert_allclose(features[0, :, 8:].numpy(), states[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(output.scored.numpy(), model.network.scorer(features).numpy(), atol=1e-5)
    [(_, attended)] = predictor.predict_with_attention([text])
    assert sum(word.score for word in attended.words) == pytest.approx(1 - attended.hidden)
    _, owner = word_owners(encoded)
    scores = output.scored[0].numpy()
    loudest = max(attended.words, key=lambda word: word.score)
    assert text.split()[int(owner[np.where(owner >= 0, scores, -np.inf).argmax()])] == loudest.text


def test_a_text_has_the_same_scores_alone_and_in_a_batch(model):
    predictor = TorchPredictor(model)
    together = predictor.predict_with_attention(["vpn", *TEXTS[:5]])
    for text, (_, attended) in zip(["vpn", *TEXTS[:5]], together, strict=True):
        alone = predictor.predict_with_attention([text])[0][1]
        assert [w.text for w in alone.words] == [w.text for w in attended.words]
        np.testing.assert_allclose(
            [w.score for w in alone.words], [w.score for w in attended.words], atol=1e-4
        )


def test_a_saved_model_scores_as_before(model, tmp_path):
    save_model_directory(model, tmp_path / "model")
    assert "words.safetensors" in (tmp_path / "model" / "manifest.sha256").read_text(encoding="utf-8")
    loaded = load_model_directory(tmp_path / "model")
    assert loaded.facts.word_scorer == model.facts.word_scorer
    assert (
        TorchPredictor(loaded).predict(TEXTS[:3])[0].words
        == TorchPredictor(model).predict(TEXTS[:3])[0].words
    )


def test_too_few_messages_of_several_words_leave_plain_attention(model):
    bare = replace_scorer(model)
    assert fit_word_scorer(TorchPredictor(bare), ["vpn down", "hello", ""] * 40, messages=100) is None
    assert fit_word_scorer(TorchPredictor(bare), TEXTS[:20], messages=100) is None
    score_words(bare, TEXTS[:20], messages=100)
    assert bare.network.scorer is None
    assert bare.facts.word_scorer is None


def test_pieces_of_a_word_count_together(model):
    encoded = TorchPredictor(model).encode(["vpnx my"])[0]  # vpn, ##x, my
    scored = np.log(np.array([9.0, 1.0, 1.0, 2.0, 9.0]))
    attended = attended_words(encoded, np.full(5, 0.2), scored)
    assert [word.score for word in attended.words] == pytest.approx([0.3, 0.3])
    assert attended.hidden == pytest.approx(0.4)


def test_families_that_bring_their_own_attention_are_scored_alike(model):
    network = model.network
    ids, mask = collate(TorchPredictor(model).encode(TEXTS[:2]), 0, torch.device("cpu"))
    with torch.inference_mode():
        hooked = network(ids, mask, attention=True)
        network._hooked = False
        network.encoder.set_attn_implementation("eager")
        try:
            eager = network(ids, mask, attention=True)
        finally:
            network.encoder.set_attn_implementation("fingerpost_sdpa")
            network._hooked = True
    real = mask.bool().numpy()
    np.testing.assert_allclose(hooked.scored.numpy()[real], eager.scored.numpy()[real], atol=1e-4)
    np.testing.assert_allclose(hooked.received.numpy(), eager.received.numpy(), atol=1e-5)


def test_greedy_deletion_tries_every_word_and_stops_where_none_is_left(model):
    predictor = TorchPredictor(model)
    text, words = "my vpn is down", [(0, 2), (3, 6), (7, 9), (10, 14)]
    [order] = greedy_orders(predictor, [text], [words], depth=9)
    assert sorted(order.words) == [0, 1, 2, 3]
    [alone] = probability_without(predictor, [text], [words], [order.label], [[[n] for n in range(4)]])
    assert order.words[0] == int(alone.argmin())
    assert order.left[0] == pytest.approx(alone.min())
    [narrow] = greedy_orders(predictor, [text], [words], depth=9, breadth=1)
    assert narrow.words[:2] == (order.words[0], int(np.argsort(alone)[1]))
    assert greedy_orders(predictor, ["", text], [[], words], depth=2)[0].words == ()


def test_features_are_taken_as_they_come():
    scorer = WordScorer(2, 2, 1, 4)
    features = torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(0))
    before = scorer(features)
    scorer.standardise(torch.ones(4), torch.full((4,), 2.0))
    torch.testing.assert_close(scorer(features * 2 + 1), before)
    assert WordScorerFacts(1, 4, 0.9, 0.8, 50).units == 4
