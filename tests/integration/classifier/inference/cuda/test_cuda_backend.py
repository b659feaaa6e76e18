"""The GPU's backend against the network in torch: its way on the CPU, and on a GPU where there is one."""

import logging
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.inference.backends.packed_forward import is_known
from classifier.inference.backends.torch_backend import TorchBackend
from classifier.inference.cuda.backend import CudaBackend, gpu_backend
from classifier.inference.cuda.ladder import Ladder
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.hardware import choose_device
from classifier.text.normalize import model_text
from classifier.text.tokenize import Encoded, TextEncoder
from tests.factories.tiny_bert import add_word_scorer, messages, tiny_bert, tiny_model
from tests.factories.tiny_encoders import FAMILIES, declare_pooling

POSITIONS = 512
SMALL = Ladder((8, 16, 32, 64), (64, 128, 256))
needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="CUDA graphs need a GPU, and none is here"
)


class Repeated:
    """A recorder whose graphs are the work itself, over the same fixed tensors as a real graph's."""

    def __init__(self):
        self.replayed = []

    def record(self, work):
        number = len(self.replayed)
        self.replayed.append(0)

        def replay():
            self.replayed[number] += 1
            work()

        work()
        return replay


class Failing:
    """A recorder that fails at the third shape."""

    def __init__(self):
        self.asked = 0

    def record(self, work):
        self.asked += 1
        if self.asked == 3:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        return work


@pytest.fixture(scope="module", params=["mean", "cls", "mean with a word scorer", "cls with a word scorer"])
def model(request, tmp_path_factory):
    pooling = request.param.split()[0]
    place = tmp_path_factory.mktemp(pooling) / "base"
    base = tiny_bert(place, positions=POSITIONS)
    if pooling == "cls":
        declare_pooling(base, {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    model = tiny_model(base, pooling="auto", epochs=6)
    assert model.facts.pooling == pooling
    if "scorer" in request.param:
        add_word_scorer(model.network, layers=2)
    return model


def texts_of(lengths, vocabulary, seed=0):
    """Texts of these many tokens, as the network gets them."""
    draw = random.Random(seed)  # noqa: S311 - test data
    source = model_text("vpn")
    return [
        Encoded(
            source, [2, *(draw.randrange(5, vocabulary) for _ in range(length - 2)), 3][:length], [], False
        )
        for length in lengths
    ]


def of(model, **options):
    options = {"dtype": torch.float32, "recorder": Repeated(), **options}
    return CudaBackend(model.network, 0, options.pop("ladder", SMALL), **options)


def vocabulary_of(model):
    return model.network.encoder.config.vocab_size


def assert_same(found, wanted, lengths, within=1e-4):
    np.testing.assert_allclose(found.logits, wanted.logits, atol=within)
    np.testing.assert_allclose(found.pooled, wanted.pooled, atol=within)
    assert (found.scored is None) == (wanted.scored is None)
    assert found.logits.dtype == np.float64
    assert found.pooled.dtype == np.float32
    for row, length in enumerate(lengths):
        np.testing.assert_allclose(found.received[row, :length], wanted.received[row, :length], atol=within)
        np.testing.assert_allclose(found.received[row, :length].sum(), 1, atol=max(within, 1e-3))
        np.testing.assert_allclose(found.received[row, length:], 0, atol=1e-12)
        if wanted.scored is not None:
            np.testing.assert_allclose(found.scored[row, :length], wanted.scored[row, :length], atol=within)


@pytest.mark.parametrize("recorder", [Repeated(), None], ids=["graphs", "no graphs"])
def test_in_float32_everything_is_as_in_torch(model, recorder):
    lengths = [3, 17, 8, 32, 5, 9]
    batch = texts_of(lengths, vocabulary_of(model))
    wanted = TorchBackend(model.network, 0).forward(batch)
    assert_same(of(model, recorder=recorder).forward(batch), wanted, lengths)


def test_in_bfloat16_answers_and_words_hardly_change(model):
    texts = [example.text for example in messages(12, out_of_scope=4, seed=8)]
    wanted = TorchPredictor(model).predict(texts)
    found = TorchPredictor(model, backend=of(model, dtype=torch.bfloat16)).predict(texts)
    for one, other in zip(found, wanted, strict=True):
        (_, first), (_, second), *_ = other.alternatives
        if first - second > 0.05:
            assert one.category == other.category
        assert one.confidence == pytest.approx(other.confidence, abs=0.05)
        scores = {(word.start, word.end): word.score for word in other.words}
        for word in one.words:
            assert word.score == pytest.approx(scores[word.start, word.end], abs=0.03)


@pytest.fixture(scope="module")
def whole_ladder(model):
    backend = of(model, ladder=Ladder.up_to(POSITIONS, 1024))
    assert backend.recorded
    return backend


@given(lengths=st.lists(st.integers(1, POSITIONS), min_size=1, max_size=9), seed=st.integers(0, 9))
@settings(max_examples=12, deadline=None)
def test_any_mix_of_lengths_is_answered_as_in_torch(model, whole_ladder, lengths, seed):
    batch = texts_of(lengths, vocabulary_of(model), seed)
    wanted = TorchBackend(model.network, 0).forward(batch)
    assert_same(whole_ladder.forward(batch), wanted, lengths)


def test_an_answer_does_not_depend_on_companions_order_or_padding(model):
    backend = of(model)
    lengths = [4, 30, 11, 64, 2, 19, 8]
    batch = texts_of(lengths, vocabulary_of(model))
    together = backend.forward(batch)
    backwards = backend.forward(batch[::-1])
    for row, (text, length) in enumerate(zip(batch, lengths, strict=True)):
        alone = backend.forward([text])
        for other, at in ((together, row), (backwards, len(batch) - 1 - row)):
            np.testing.assert_allclose(other.logits[at], alone.logits[0], atol=1e-5)
            np.testing.assert_allclose(other.pooled[at], alone.pooled[0], atol=1e-5)
            np.testing.assert_allclose(other.received[at, :length], alone.received[0], atol=1e-5)


def test_what_stands_behind_a_text_changes_nothing(model):
    batch = texts_of([4, 3, 6], vocabulary_of(model))
    one, other = (
        CudaBackend(model.network, pad_id, SMALL, dtype=torch.float32).forward(batch) for pad_id in (0, 11)
    )
    np.testing.assert_array_equal(one.logits, other.logits)
    np.testing.assert_array_equal(one.received, other.received)


def test_batches_one_after_the_other_are_answered_whatever_their_shapes(model):
    backend = of(model)
    torch_says = TorchBackend(model.network, 0)
    for seed, lengths in enumerate([[5, 9], [3] * 40, [60, 2, 31], [1], [8] * 33, [64] * 5]):
        batch = texts_of(lengths, vocabulary_of(model), seed)
        assert_same(backend.forward(batch), torch_says.forward(batch), lengths)


def test_a_shape_of_the_ladder_runs_its_graph_and_others_run_without(model):
    recorder = Repeated()
    ladder = Ladder((8, 16), (32, 64))
    backend = of(model, recorder=recorder, ladder=ladder)
    assert backend.recorded == len(ladder.shapes()) == len(recorder.replayed)
    lengths = [3, 8, 5]
    backend.forward(texts_of(lengths, vocabulary_of(model)))
    assert sum(recorder.replayed) == 1
    lengths = [3, 30]
    batch = texts_of(lengths, vocabulary_of(model))
    assert_same(backend.forward(batch), TorchBackend(model.network, 0).forward(batch), lengths)
    assert sum(recorder.replayed) == 1


def test_a_recording_that_fails_is_logged_and_answers_are_right_without(model, caplog):
    with caplog.at_level(logging.WARNING):
        backend = of(model, recorder=Failing())
    assert "no CUDA graphs" in caplog.text
    assert "not permitted" in caplog.text
    assert backend.recorded == 0
    lengths = [3, 17, 8]
    batch = texts_of(lengths, vocabulary_of(model))
    assert_same(backend.forward(batch), TorchBackend(model.network, 0).forward(batch), lengths)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_answered_as_in_torch(family, tmp_path):
    model = tiny_model(FAMILIES[family](tmp_path / family), epochs=1)
    assert is_known(model.network) == (family in ("bert", "bge"))
    pad_id = model.tokenizer.pad_token_id
    encoder = TextEncoder(model.raw_tokenizer(), 32, pad_id)
    batch = encoder.encode(["vpn", "please help my vpn is not working again", "refund for the invoice!"])
    wanted = TorchBackend(model.network, pad_id).forward(batch)
    ladder = Ladder((8, 32), (64,))
    for recorder in (Repeated(), None):
        backend = CudaBackend(model.network, pad_id, ladder, dtype=torch.float32, recorder=recorder)
        assert_same(backend.forward(batch), wanted, [len(encoded.ids) for encoded in batch])
    rough = CudaBackend(model.network, pad_id, ladder).forward(batch)
    np.testing.assert_allclose(rough.logits, wanted.logits, atol=0.1)


def test_other_activations_run_as_they_are(model, monkeypatch):
    lengths = [3, 17, 8]
    batch = texts_of(lengths, vocabulary_of(model))
    wanted = TorchBackend(model.network, 0).forward(batch)
    assert is_known(model.network)
    monkeypatch.setattr(model.network.encoder.config, "hidden_act", "relu")
    assert not is_known(model.network)
    assert_same(of(model).forward(batch), wanted, lengths)


def test_the_network_that_is_given_stays_as_it_is(model):
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    backend = of(model, dtype=torch.bfloat16)
    backend.forward(texts_of([5], vocabulary_of(model)))
    after = model.network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@given(rows=st.integers(1, 5000), length=st.integers(1, 600), most=st.integers(1, 512))
@settings(max_examples=200, deadline=None)
def test_the_ladder_holds_whatever_is_cut_to_it(rows, length, most):
    ladder = Ladder.up_to(most, 16384)
    shapes = ladder.shapes()
    assert len(shapes) <= 100
    assert len(set(shapes)) == len(shapes)
    assert all(tokens <= most for _, tokens in shapes)
    rows = min(rows, ladder.most_rows(length))
    shape = ladder.shape(rows, length)
    assert (shape is None) == (length > most)
    if shape is not None:
        assert shape in shapes
        assert shape[0] >= rows
        assert shape[1] >= length
        assert not any(
            rows <= r <= shape[0] and length <= t <= shape[1] for r, t in shapes if (r, t) != shape
        )


def test_on_the_cpu_a_model_keeps_its_usual_backend(model):
    assert gpu_backend(model) is None


@needs_cuda
def test_on_a_gpu_recorded_graphs_give_torchs_answers(model):
    device = choose_device("cuda")
    model.network.to(device)
    try:
        backend = CudaBackend(model.network, 0, SMALL, dtype=torch.float32)
        assert backend.recorded == len(SMALL.shapes())
        rows = [[5, 9], [3] * 40, [60, 2, 31], [1], [8] * 33, [64] * 5] * 4
        plain = TorchBackend(model.network, 0)
        for seed, lengths in enumerate(rows):
            batch = texts_of(lengths, vocabulary_of(model), seed)
            assert_same(backend.forward(batch), plain.forward(batch), lengths, within=1e-3)
        chosen = gpu_backend(model)
        assert isinstance(chosen, CudaBackend)
        assert chosen.recorded
    finally:
        model.network.to("cpu")
