"""What the GPU benchmark reports, with tiny shapes on the CPU. Its figures are the machine's."""

import json
import sys

import pytest
import torch

from benchmarks import __main__ as benchmark
from benchmarks.gpu.models import TINY, Texts
from classifier.model.network import raw_tokenizer


def run(monkeypatch, *options):
    monkeypatch.setattr(sys, "argv", ["benchmark", "gpu", *map(str, options)])
    return benchmark.main()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_tiny_shapes_run_on_the_cpu_and_fill_the_page(tmp_path, monkeypatch, capsys):
    options = ("--tiny", "--seconds", 0.5, "--results", tmp_path)
    assert run(monkeypatch, *options) == 0
    assert "| tiny, 16 | the service's engine, texts to labels and words |" in capsys.readouterr().out
    found = json.loads((tmp_path / "results.json").read_text())["gpu"]
    assert [cell["tokens_each"] for cell in found["cells"]] == [16, 32]
    for cell in found["cells"]:
        for name in ("ours", "torch", "pipeline"):
            assert 0 < cell[name]["min"] <= cell[name]["median"] <= cell[name]["max"]
        assert cell["checks"]["decided"] > 0.1
        assert cell["checks"]["same_label"] >= 0.9
        assert cell["checks"]["companions_same_label"] >= 0.9
        assert cell["to_torch"]["median"] > 0
        assert cell["one_message_ms"] > 0
    page = (tmp_path / "gpu.md").read_text()
    assert "<!-- gpu: written by the benchmark -->" in page


def test_without_a_gpu_it_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run(monkeypatch) == 2
    assert "--tiny" in capsys.readouterr().err


@pytest.mark.parametrize("tokens", [16, 128])
def test_texts_have_the_tokens_that_they_should(tokens):
    texts = Texts(TINY.vocabulary, seed=5)
    drawn, topics = texts.draw(50, tokens)
    encodings = raw_tokenizer(texts.tokenizer(512)).encode_batch(drawn)
    assert {len(encoding.ids) for encoding in encodings} == {tokens}
    assert not any(encoding.ids.count(1) for encoding in encodings)
    assert len(set(drawn)) == len(drawn) == len(topics)
