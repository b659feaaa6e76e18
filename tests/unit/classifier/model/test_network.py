import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModel

from classifier.contract import BaseModelUnavailable, BrokenModel, InvalidInput
from classifier.evaluation.measure import evaluate
from classifier.explanation.leave_one_out import explain
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.base_models import EMBEDDED_NAME, load_encoder, resolve_base_model
from classifier.model.collate import collate
from classifier.model.directory import load_model_directory, save_model_directory
from classifier.model.integrity import verify
from classifier.model.network import raw_tokenizer
from classifier.model.registry import Registry
from classifier.text.tokenize import TextEncoder
from classifier.training.fit import fit, fit_day_one
from tests.factories.tiny_bert import NOW, config_for, messages, seal, tiny_bert, tiny_model


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def model(base):
    return tiny_model(base)


@pytest.fixture
def saved(model, tmp_path):
    save_model_directory(model, tmp_path / "model")
    return tmp_path / "model"


def test_the_received_attention_is_that_of_eager_attention(model, saved):
    eager = AutoModel.from_pretrained(saved, attn_implementation="eager", add_pooling_layer=False).eval()
    encoder = TextEncoder(model.raw_tokenizer(), 32, 0)
    batch = encoder.encode(
        ["my vpn is not working", "refund", "the password please help with it again today"]
    )
    ids, mask = collate(batch, 0, torch.device("cpu"))
    with torch.inference_mode():
        ours = model.network.eval()(ids, mask, attention=True)
        theirs = eager(input_ids=ids, attention_mask=mask, output_attentions=True)
    real = mask.float()
    weights = theirs.attentions[-1].mean(dim=1)
    expected = (weights * real[:, :, None]).sum(dim=1) / real.sum(dim=1, keepdim=True)
    assert torch.allclose(ours.received, expected, atol=1e-5)
    assert torch.allclose(ours.received.sum(dim=1), torch.ones(3), atol=1e-5)
    pooled = (theirs.last_hidden_state * real[:, :, None]).sum(dim=1) / real.sum(dim=1, keepdim=True)
    assert torch.allclose(ours.pooled, pooled, atol=1e-5)


def test_asking_for_words_changes_no_answer(model):
    ids, mask = collate(
        TextEncoder(model.raw_tokenizer(), 32, 0).encode(["vpn", "my refund please"]), 0, torch.device("cpu")
    )
    with torch.inference_mode():
        network = model.network.eval()
        assert torch.allclose(network(ids, mask).logits, network(ids, mask, attention=True).logits, atol=1e-5)


def test_an_answer_does_not_depend_on_its_batch(model):
    predictor = TorchPredictor(model)
    texts = [example.text for example in messages(5, seed=4)]
    together = predictor.predict(texts)
    alone = [predictor.predict([text])[0] for text in texts]
    for one, other in zip(together, alone, strict=True):
        assert one.category == other.category
        assert one.confidence == pytest.approx(other.confidence, abs=1e-5)
        assert {(w.start, round(w.score, 4)) for w in one.words} == {
            (w.start, round(w.score, 4)) for w in other.words
        }


def test_a_fitted_model_tells_new_messages_apart(model):
    report = evaluate(model, messages(20, out_of_scope=10, seed=9))
    assert report.accuracy > 0.75  # a third would be chance
    assert report.accuracy_interval[0] < report.accuracy <= report.accuracy_interval[1]
    assert report.out_of_scope.auroc > 0.8
    assert json.loads(json.dumps(report.as_dict()))["n"] == 60


def test_the_same_seed_gives_the_same_weights(base, model):
    again, other = tiny_model(base), tiny_model(base, seed=1)
    assert again.facts.version == model.facts.version
    assert other.facts.version != model.facts.version


def test_a_day_one_model_learns_in_the_same_format(base, tmp_path):
    result = fit_day_one(messages(20, out_of_scope=10), config_for(base), created=NOW)
    save_model_directory(result.model, tmp_path / "m")
    loaded = load_model_directory(tmp_path / "m")
    assert loaded.facts.kind == "day_one"
    assert evaluate(loaded, messages(20, seed=9)).accuracy > 0.8


def test_progress_rises_to_the_end_and_stops_a_training_by_an_error(base):
    seen = []
    fit(messages(10), config_for(base, epochs=2), created=NOW, progress=seen.append)
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert all(progress.eta_seconds >= 0 for progress in seen if progress.stage == "train")

    def stop(progress):
        if progress.stage == "train":
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(messages(10), config_for(base), created=NOW, progress=stop)


def test_training_ends_early_and_keeps_the_best_epoch(base):
    result = fit(messages(10), config_for(base, epochs=60, patience=2, learning_rate=2e-2), created=NOW)
    losses = [entry["validation_loss"] for entry in result.history]
    assert len(losses) <= losses.index(min(losses)) + 1 + 2
    assert result.metrics["epochs"] == losses.index(min(losses)) + 1


def test_a_loaded_model_answers_as_before(model, saved):
    before = TorchPredictor(model).predict(["my vpn is not working"])[0]
    after = TorchPredictor(load_model_directory(saved)).predict(["my vpn is not working"])[0]
    assert after == before
    assert np.allclose(after.embedding, before.embedding)
    assert np.linalg.norm(after.embedding) == pytest.approx(1)


def test_a_model_directory_never_replaces_another(model, saved):
    with pytest.raises(InvalidInput, match="exists already"):
        save_model_directory(model, saved)
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def cut_weights(path):
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])


def drop_head(path):
    (path / "head.safetensors").unlink()


def change_labels(path):
    file = path / "fingerpost.json"
    file.write_text(file.read_text().replace("billing", "gilling"))


def add_pickle(path):
    (path / "pytorch_model.bin").write_bytes(b"x")


def drop_manifest(path):
    (path / "manifest.sha256").unlink()


def empty_manifest(path):
    (path / "manifest.sha256").write_text("")


def escape_manifest(path):
    with (path / "manifest.sha256").open("a") as file:
        file.write("00  ../other\n")


def add_library(path):
    (path / "words.so").write_bytes(b"x")


def add_adapter(path):
    (path / "adapter_config.json").write_text("{}")


def add_baselines(path):
    (path / "baselines.json").write_text("{}")


def add_folder(path):
    (path / "1_Pooling").mkdir()


@pytest.mark.parametrize(
    "says",
    [
        {"auto_map": {"AutoModel": "owner/code--Model"}},
        {"attn_implementation": "owner/kernel"},
        {"_attn_implementation": "flash_attention_2"},
        {"_attn_implementation_internal": "owner/kernel:function"},
        {"text_config": {"attn_implementation": {"": "owner/kernel"}}},
        {"quantization_config": {"quant_method": "bitsandbytes"}},
        {"trust_remote_code": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("way", [verify, load_model_directory, load_encoder], ids=lambda way: way.__name__)
def test_a_configuration_that_would_load_code_is_refused_in_every_way_in(saved, way, says):
    config = saved / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | says))
    seal(saved)
    with pytest.raises((BrokenModel, BaseModelUnavailable), match="code of its own"):
        way(saved)


def test_a_class_that_transformers_does_not_have_is_refused(saved):
    config = saved / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"architectures": ["owner--Model"]}))
    seal(saved)
    with pytest.raises(BrokenModel, match="does not have"):
        load_model_directory(saved)


def test_an_adapter_that_the_manifest_lists_is_refused_too(saved):
    add_adapter(saved)
    seal(saved)
    with pytest.raises(BrokenModel, match=r"adapter_config\.json"):
        verify(saved)


def test_plain_attention_may_be_named(saved):
    config = saved / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"attn_implementation": "sdpa"}))
    seal(saved)
    verify(saved)


@pytest.mark.parametrize(
    "damage",
    [
        add_library,
        add_adapter,
        add_baselines,
        add_folder,
        cut_weights,
        drop_head,
        change_labels,
        add_pickle,
        drop_manifest,
        empty_manifest,
        escape_manifest,
        shutil.rmtree,
    ],
)
def test_a_damaged_model_is_refused_in_one_line(saved, damage):
    damage(saved)
    with pytest.raises(BrokenModel) as refused:
        load_model_directory(saved)
    assert "\n" not in str(refused.value)


def test_long_texts_keep_head_and_tail(base):
    _, tokenizer = load_encoder(base)
    encoded = TextEncoder(raw_tokenizer(tokenizer), 16, 0).encode(["vpn " + "the " * 50 + "refund"])[0]
    assert encoded.truncated
    assert len(encoded.ids) == 16
    kept = {encoded.source.text[start:end] for start, end in encoded.offsets}
    assert {"vpn", "refund"} <= kept


@pytest.mark.parametrize("text", ["", "   ", "!!!", "<@U1>\u200b", "\x00"])
def test_a_text_that_says_nothing_gets_an_honest_answer(model, text):
    prediction = TorchPredictor(model).predict([text])[0]
    if "@" not in text:
        assert prediction.out_of_scope == 1.0
    assert prediction.words == ()


@pytest.mark.parametrize("text", ["😀 vpn 👍🏽", "vpn " * 5000, "é" * 300, "日本語 vpn", "a\ud800b vpn"])
def test_odd_texts_get_words_at_their_places(model, text):
    prediction = TorchPredictor(model).predict([text])[0]
    assert sum(share for _, share in prediction.alternatives) == pytest.approx(1)
    assert all(text[word.start : word.end] == word.text for word in prediction.words)


def test_leaving_the_telling_word_out_lowers_the_category_most(model):
    explanation = explain(TorchPredictor(model), "please help my vpn is not working again")
    top = max(explanation.words, key=lambda word: word.score)
    assert (explanation.prediction.category, top.text) == ("network", "vpn")
    assert "vpn" in explanation.removed
    assert explanation.probability_without < explanation.prediction.confidence
    assert [word.start for word in explanation.words] == sorted(word.start for word in explanation.words)


def test_attention_shares_and_the_hidden_rest_make_one(model):
    explanation = explain(TorchPredictor(model), "my vpn, please!", "attention")
    assert sum(word.score for word in explanation.words) + explanation.hidden_attention == pytest.approx(
        1, abs=1e-5
    )


def test_an_unknown_method_is_refused(model):
    with pytest.raises(InvalidInput, match="leave_one_out"):
        explain(TorchPredictor(model), "x", "magic")


def test_the_embedded_encoder_is_the_published_one():
    assert (resolve_base_model(EMBEDDED_NAME) / "tokenizer.json").is_file()


@pytest.mark.drill("pickle")
def test_a_base_model_with_pickled_weights_only_is_refused(base, tmp_path):
    shutil.copytree(base, tmp_path / "b")
    (tmp_path / "b" / "model.safetensors").rename(tmp_path / "b" / "pytorch_model.bin")
    with pytest.raises(BaseModelUnavailable, match="pickled"):
        resolve_base_model(str(tmp_path / "b"))


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./none", "no such model!"])
def test_a_base_model_that_is_not_there_is_named_in_one_line(name):
    with pytest.raises(BaseModelUnavailable) as refused:
        resolve_base_model(name)
    assert "\n" not in str(refused.value)


def test_versions_are_published_activated_and_rolled_back(model, tmp_path):
    registry = Registry(tmp_path / "home")
    assert registry.active() is None
    later = type(model)(
        model.network, model.tokenizer, replace(model.facts, version="20270101T000000Z-abcdef")
    )
    first, second = registry.publish(model), registry.publish(later)
    assert registry.list() == (first, second)
    assert registry.publish(registry.path(first)) == first
    registry.activate(first)
    registry.activate(second)
    assert registry.active() == second
    assert registry.rollback() == first
    assert registry.active() == first
    with pytest.raises(InvalidInput, match="no earlier version"):
        registry.rollback()
    assert len(registry.manifest_hash(first)) == 64


def test_a_broken_version_is_not_activated(model, tmp_path):
    registry = Registry(tmp_path)
    version = registry.publish(model)
    cut_weights(registry.path(version))
    with pytest.raises(BrokenModel):
        registry.activate(version)
    assert registry.active() is None


@pytest.mark.parametrize("name", ["../x", "20270101T000000Z-abcdef/../..", "", "ACTIVE"])
def test_a_name_that_is_no_version_is_refused(tmp_path, name):
    with pytest.raises(InvalidInput):
        Registry(tmp_path).path(name)


def test_publishing_a_directory_copies_it_whole(model, saved, tmp_path):
    registry = Registry(tmp_path / "home")
    version = registry.publish(saved)
    verify(registry.path(version))
    assert version == model.facts.version
