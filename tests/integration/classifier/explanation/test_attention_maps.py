"""Attention of every layer and head, merged to words, from a tiny real BERT."""

import base64
import hashlib
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from classifier.explanation.attention_maps import MOST_WORDS, AttentionMaps, attention_maps, merged
from classifier.explanation.attention_page import page, picture
from classifier.model.collate import collate
from classifier.text.tokenize import TextEncoder
from tests.factories.tiny_bert import tiny_bert, tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tiny_bert(tmp_path_factory.mktemp("base")), epochs=1)


def test_words_are_merged_and_rows_still_sum_to_one(model):
    maps = attention_maps(model, "Please help: my VPN is connecting!")
    assert maps.words == ("[CLS]", "Please", "help", ":", "my", "VPN", "is", "connecting", "!", "[SEP]")
    assert [word for word, special in zip(maps.words, maps.special, strict=True) if special] == [
        "[CLS]",
        ":",
        "!",
        "[SEP]",
    ]
    assert maps.weights.shape == (2, 4, 10, 10)
    assert np.allclose(maps.weights.sum(axis=-1), 1, atol=1e-5)
    assert not maps.cut


def test_the_weights_are_those_that_the_reply_is_made_of(model):
    encoder = TextEncoder(model.raw_tokenizer(), 32, 0)
    ids, mask = collate(encoder.encode(["my vpn is not working"]), 0, torch.device("cpu"))
    network = model.network.eval()
    with torch.inference_mode():
        every = network.attention_weights(ids, mask)
        received = network(ids, mask, attention=True).received
    assert torch.allclose(every[-1, 0].mean(dim=0).mean(dim=0), received[0], atol=1e-5)


def test_pieces_give_their_mean_and_receive_their_sum():
    tokens = np.array([[[[0.5, 0.25, 0.25], [0.2, 0.4, 0.4], [0.6, 0.2, 0.2]]]])
    assert np.allclose(merged(tokens, np.array([0, 1, 1])), [[[[0.5, 0.5], [0.4, 0.6]]]])


@pytest.mark.parametrize("text", ["", "...", "卡 😀", "vpn " * 600])
def test_any_message_has_maps(model, text):
    maps = attention_maps(model, text)
    assert len(maps.words) <= MOST_WORDS
    assert page(maps).startswith("<!doctype html>")
    assert np.asarray(Image.open(io.BytesIO(picture(maps)))).ndim == 3
    assert maps.cut == (len(text) > 100)


def test_the_page_holds_hostile_words_as_data():
    words = ("</script><script>alert(1)</script>", "<b>", "$data", "{{ data }}", "\"'")
    maps = AttentionMaps(
        words, (False,) * 5, np.full((1, 1, 5, 5), 1 / 5, np.float32), "<i>x\"'", 0.5, cut=True
    )
    said = page(maps)
    assert "alert(1)</script>" not in said
    assert "<i>" not in said
    assert said.count("<script") == 2
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', said)[1]
    assert tuple(json.loads(data)["words"]) == words


def test_the_page_lets_its_own_script_run_and_no_other(model):
    said = page(attention_maps(model, "my vpn is down"))
    script = re.search(r"<script>(.*?)</script>", said, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in said
    assert "default-src 'none'" in said
