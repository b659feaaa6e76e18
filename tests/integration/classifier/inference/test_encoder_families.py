"""Any bidirectional encoder can be fine-tuned, kept, and asked for its words."""

import json
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, BartConfig, BertConfig, BertModel, GPT2Config, GPT2Model

from classifier.contract import BaseModelUnavailable, BrokenModel, InvalidInput
from classifier.evaluation.model_card import model_card
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.base_models import load_encoder, readable_tokens, resolve_base_model, resolve_pooling
from classifier.model.collate import collate
from classifier.model.directory import load_model_directory, save_model_directory
from classifier.model.integrity import read_facts
from classifier.model.network import TextClassifier, raw_tokenizer
from classifier.text.tokenize import TextEncoder
from classifier.training.fine_tune.compact_vocabulary import CompactVocabulary
from classifier.training.fit import fit
from tests.factories.tiny_bert import NOW, config_for, messages, tiny_bert
from tests.factories.tiny_encoders import FAMILIES, declare_pooling

TEXTS = [
    "my vpn is not working",
    "refund",
    "please help: the password code is locked again, since today it is not working with my account",
    "Zażółć gęślą jaźń & invoice #42",
]


@pytest.fixture(scope="module", params=FAMILIES)
def base(request, tmp_path_factory):
    return FAMILIES[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def parts(base):
    """An untrained network with weights large enough for attention to differ, and its text encoder."""
    encoder, tokenizer = load_encoder(base)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, weight in encoder.named_parameters():
            if weight.ndim > 1 and "embed" not in name:
                weight.mul_(6.0)
    network = TextClassifier(encoder, 3).eval()
    return network, TextEncoder(
        raw_tokenizer(tokenizer), readable_tokens(encoder, 64), tokenizer.pad_token_id
    )


def run(network, encoded, pad_id, *, attention=True):
    ids, mask = collate(encoded, pad_id, torch.device("cpu"))
    with torch.inference_mode():
        return network(ids, mask, attention=attention), ids, mask


def test_a_fitted_model_answers_the_same_after_saving_and_loading(base, tmp_path):
    result = fit(messages(6), config_for(base, epochs=1, validation_share=0.3), created=NOW)
    save_model_directory(result.model, tmp_path / "model")
    loaded = load_model_directory(tmp_path / "model")
    for ours, again in zip(
        TorchPredictor(result.model).predict(TEXTS), TorchPredictor(loaded).predict(TEXTS), strict=True
    ):
        assert ours.category == again.category
        assert ours.confidence == pytest.approx(again.confidence, abs=1e-6)
        assert [(w.text, round(w.score, 4)) for w in ours.words] == [
            (w.text, round(w.score, 4)) for w in again.words
        ]
    assert str(base) not in (tmp_path / "model" / "config.json").read_text()


def test_received_attention_is_that_of_the_eager_reference(base, parts):
    network, texts = parts
    output, ids, mask = run(network, texts.encode(TEXTS), texts.pad_id)
    reference = AutoModel.from_pretrained(base, attn_implementation="eager").eval()
    reference.load_state_dict(network.encoder.state_dict(), strict=False)
    types = {"token_type_ids": torch.zeros_like(ids)} if "bert" in reference.config.model_type[:4] else {}
    with torch.inference_mode():
        expected = reference(input_ids=ids, attention_mask=mask, output_attentions=True, **types)
    real = mask.float()
    weights = expected.attentions[-1].mean(dim=1)
    rows = (weights * real[:, :, None]).sum(dim=1) / real.sum(dim=1, keepdim=True)
    spread = (rows * real).max(dim=1).values - (rows + (1 - real)).min(dim=1).values
    assert spread.max() > 0.01, "an attention that is the same everywhere would prove nothing"
    assert torch.allclose(output.received, rows * real, atol=1e-5)
    assert torch.allclose(output.received.sum(dim=1), torch.ones(len(TEXTS)), atol=1e-5)
    assert (output.received[mask == 0] == 0).all()
    mean = (expected.last_hidden_state * real[:, :, None]).sum(dim=1) / real.sum(dim=1, keepdim=True)
    assert torch.allclose(output.pooled, mean, atol=1e-4)


def test_asking_for_words_changes_no_answer(parts):
    network, texts = parts
    asked, _, _ = run(network, texts.encode(TEXTS), texts.pad_id)
    plain, _, _ = run(network, texts.encode(TEXTS), texts.pad_id, attention=False)
    assert plain.received is None
    assert torch.allclose(asked.logits, plain.logits, atol=1e-5)


def test_padding_changes_no_answer(parts):
    network, texts = parts
    encoded = texts.encode(TEXTS)
    together, _, _ = run(network, encoded, texts.pad_id)
    assert torch.isfinite(together.logits).all()
    for row, one in enumerate(encoded):
        alone, _, _ = run(network, [one], texts.pad_id)
        assert torch.allclose(alone.logits[0], together.logits[row], atol=1e-4)
        assert torch.allclose(alone.received[0], together.received[row, : len(one.ids)], atol=1e-5)


def test_tokens_point_at_the_words_of_the_given_text(base, parts):
    _, texts = parts
    for encoded in texts.encode([*TEXTS, "<@U1> My VPN  isn't working", "  login-code\nplease?"]):
        text = encoded.source.text
        covered = set()
        for start, end in encoded.offsets:
            assert text[start:end] == text[start:end].strip()
            covered.update(range(start, end))
        assert {i for i, c in enumerate(text) if not c.isspace()} <= covered


def test_every_word_gets_attention_and_stands_where_the_prediction_says(base):
    result = fit(messages(6), config_for(base, epochs=1, validation_share=0.3), created=NOW)
    text = "<@U1>  my VPN isn't   working &amp; invoice #42"
    prediction, attended = TorchPredictor(result.model).predict_with_attention([text])[0]
    assert [word.text for word in attended.words] == ["my", "VPN", "isn't", "working", "invoice", "42"]
    assert all(text[word.start : word.end] == word.text for word in prediction.words)
    assert all(word.score > 0 for word in attended.words)


def test_the_longest_readable_text_is_read_and_one_token_more_is_cut(base, parts):
    network, texts = parts
    encoded = texts.encode(["vpn " * 100])[0]
    assert len(encoded.ids) == 64
    assert encoded.truncated
    assert torch.isfinite(run(network, [encoded], texts.pad_id)[0].logits).all()
    assert readable_tokens(network.encoder, 10_000) == 64


def test_the_padding_token_is_the_encoders(base, parts):
    network, texts = parts
    assert texts.pad_id == network.encoder.config.pad_token_id


def test_a_table_of_the_used_tokens_alone_changes_no_answer(parts):
    network, texts = parts
    encoded = texts.encode(TEXTS)
    whole, _, _ = run(network, encoded, texts.pad_id)
    small = CompactVocabulary(network.encoder, [encoded], [texts.pad_id])
    compact, _, _ = run(network, small.encode(encoded), small.place(texts.pad_id))
    small.restore()
    assert torch.allclose(compact.logits, whole.logits, atol=1e-5)


# --- pooling ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "pooling"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode": "cls", "embedding_dimension": 32}, "cls"),
        ({"pooling_mode": "mean"}, "mean"),
        ({"pooling_mode": "max"}, "mean"),
        ({}, "mean"),
    ],
)
def test_automatic_pooling_is_what_sentence_transformers_files_declare(tmp_path, declared, pooling):
    base = declare_pooling(tiny_bert(tmp_path / "base"), declared, folder="3_Pooling")
    assert resolve_pooling("auto", base) == pooling
    encoder, _ = load_encoder(base)
    assert TextClassifier(encoder, 2, pooling="auto").pooling == pooling


def test_automatic_pooling_is_the_mean_where_nothing_is_declared(tmp_path):
    assert resolve_pooling("auto", tiny_bert(tmp_path / "base")) == "mean"


def test_an_unknown_pooling_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="use auto, mean or cls"):
        resolve_pooling("max", tmp_path)


def test_pooling_by_the_first_token_takes_its_vector(tmp_path):
    encoder, tokenizer = load_encoder(tiny_bert(tmp_path / "base"))
    network = TextClassifier(encoder, 3, pooling="cls").eval()
    encoded = TextEncoder(raw_tokenizer(tokenizer), 32, 0).encode(TEXTS)
    output, ids, mask = run(network, encoded, 0)
    with torch.inference_mode():
        states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    assert torch.allclose(output.pooled, states[:, 0])


def test_a_kept_model_remembers_its_pooling(tmp_path):
    from dataclasses import replace

    base = FAMILIES["bge"](tmp_path / "bge")
    model = fit(messages(6), config_for(base, epochs=1, validation_share=0.3), created=NOW).model
    model.network.pooling = "cls"
    model = replace(model, facts=replace(model.facts, pooling="cls"))
    save_model_directory(model, tmp_path / "model", card=model_card(model.facts))
    loaded = load_model_directory(tmp_path / "model")
    assert loaded.network.pooling == "cls"
    assert "first token" in (tmp_path / "model" / "MODEL_CARD.md").read_text()
    assert TorchPredictor(loaded).predict(TEXTS)[0].confidence == pytest.approx(
        TorchPredictor(model).predict(TEXTS)[0].confidence, abs=1e-6
    )


def test_a_pooling_of_a_newer_version_is_refused(tmp_path):
    (tmp_path / "fingerpost.json").write_text(
        json.dumps({"format_version": 1, "pooling": "later", "out_of_scope": {}, "labels": []})
    )
    with pytest.raises(BrokenModel, match="upgrade"):
        read_facts(tmp_path)


# --- what cannot work ---------------------------------------------------------------------------------------


def refusal(path):
    with pytest.raises(BaseModelUnavailable) as refused:
        load_encoder(resolve_base_model(str(path)))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_decoder_is_refused(tmp_path):
    config = GPT2Config(
        vocab_size=20, n_embd=8, n_layer=1, n_head=1, n_positions=16, bos_token_id=0, eos_token_id=0
    )
    GPT2Model(config).save_pretrained(tmp_path)
    assert "is no text encoder (gpt2)" in refusal(tmp_path)


def test_a_bert_that_was_made_a_decoder_is_refused(tmp_path):
    config = BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        is_decoder=True,
    )
    BertModel(config).save_pretrained(tmp_path)
    assert "is no text encoder (bert)" in refusal(tmp_path)


def test_an_encoder_with_a_decoder_is_refused(tmp_path):
    tiny_bert(tmp_path)
    BartConfig(d_model=8).save_pretrained(tmp_path)
    assert "is an encoder with a decoder (bart)" in refusal(tmp_path)


def test_code_that_comes_with_a_model_is_never_run(tmp_path):
    tiny_bert(tmp_path)
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "mystery", "auto_map": {"AutoModel": "mystery.Mystery"}})
    )
    (tmp_path / "mystery.py").write_text("import sys\nsys.mystery_was_run = True\n")
    assert "needs code of its own, which is never run" in refusal(tmp_path)
    assert not hasattr(sys, "mystery_was_run")


def test_an_unknown_type_is_named(tmp_path):
    tiny_bert(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mystery"}))
    assert "'mystery', which this version of transformers does not know" in refusal(tmp_path)


@pytest.mark.drill("pickle")
def test_pickled_weights_are_refused(tmp_path):
    tiny_bert(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    assert "pickled weights are refused" in refusal(tmp_path)


def test_a_tokenizer_that_is_missing_is_a_clear_error(tmp_path):
    tiny_bert(tmp_path)
    for file in tmp_path.glob("tokenizer*"):
        file.unlink()
    assert "has no tokenizer.json" in refusal(tmp_path)


def test_missing_weights_are_not_made_up(tmp_path):
    weights = tiny_bert(tmp_path) / "model.safetensors"
    kept = {name: value for name, value in load_file(weights).items() if "layer.1" not in name}
    save_file(kept, weights, metadata={"format": "pt"})
    assert "lacks the weights encoder.layer.1" in refusal(tmp_path)


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    tiny_bert(tmp_path)
    config = BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    assert "more tokens than its encoder knows" in refusal(tmp_path)


def test_weights_cut_short_are_a_clear_error(tmp_path):
    weights = tiny_bert(tmp_path) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    refusal(tmp_path)
