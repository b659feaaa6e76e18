"""The encoder of another kind that benchmarks measure with beside the product's."""

from benchmarks.quality.other_encoder import recipe, write_encoder
from classifier.model.base_models import load_encoder, resolve_pooling
from tests.factories.tiny_bert import messages


def test_it_pools_by_cls_and_its_pieces_come_from_the_texts(tmp_path):
    folder = write_encoder(tmp_path / "encoder", [example.text for example in messages(20)])
    encoder, tokenizer = load_encoder(folder)
    assert resolve_pooling("auto", folder) == "cls"
    assert encoder.config.num_hidden_layers == 4
    assert tokenizer.tokenize("My VPN is down") == tokenizer.tokenize("my vpn is down")
    assert tokenizer("vpn").input_ids[0] == tokenizer.cls_token_id
    assert tokenizer.mask_token_id is not None
    config = recipe(folder, epochs=1)
    assert (config.base_model, config.epochs, config.sharpness) == (str(folder), 1, 0.0)


def test_the_same_seed_writes_the_same_weights(tmp_path):
    texts = [example.text for example in messages(20)]
    one, other = (write_encoder(tmp_path / name, texts, seed=3) for name in ("a", "b"))
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
