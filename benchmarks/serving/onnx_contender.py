"""Plain ONNX Runtime int8, as its pages show it, as a contender: see contender.

torch exports the encoder, mean pooling and a linear head; onnxruntime.transformers' optimizer fuses what it
knows (the BERT family); quantize_dynamic makes the matrix products int8, weights by channel. In front stands
transformers' fast tokenizer. No words, no calibration, no score for what is out of scope.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModel, AutoTokenizer, PreTrainedModel

from benchmarks.turns import Contender, Spec
from classifier.model.integrity import read_facts
from classifier.model.network import mean_pool

_OPSET = 17
_FUSED = frozenset({"bert", "roberta", "xlm-roberta"})
_FLOAT = 1  # onnx.TensorProto.FLOAT: the quantizer cannot tell the types of fused operators' outputs
_INPUTS = ("input_ids", "attention_mask")


class PlainOnnx(Contender):
    """Session with its default threads on all cores."""

    sorts = True

    def __init__(self, spec: Spec) -> None:
        facts = read_facts(Path(spec.folder))
        self._labels, self._longest = facts.labels, facts.max_tokens
        self._tokenizer = AutoTokenizer.from_pretrained(  # a local folder  # nosec B615
            spec.folder, local_files_only=True
        )
        with tempfile.TemporaryDirectory(prefix="fingerpost-onnx-") as folder:
            file, self._note = _export(Path(spec.folder), Path(folder))
            self._session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])

    def notes(self) -> dict[str, Any]:
        """How the graph came about."""
        return {"note": self._note}

    def classify(self, texts: list[str]) -> list[str]:
        """The model's categories, as int8 has them."""
        tokens = self._tokenizer(
            texts, padding=True, truncation=True, max_length=self._longest, return_tensors="np"
        )
        [logits] = self._session.run(None, {name: tokens[name] for name in _INPUTS})
        return [self._labels[i] for i in logits.argmax(axis=1)]


class _Plain(nn.Module):
    """Encoder, mean pooling, the model's head."""

    def __init__(self, encoder: PreTrainedModel, head: dict[str, torch.Tensor], *, first: bool) -> None:
        super().__init__()
        self.encoder, self.first = encoder, first
        self.head = nn.Linear(head["weight"].shape[1], head["weight"].shape[0])
        self.head.load_state_dict(head)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """[B, T] twice to logits [B, categories]."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        pooled = states[:, 0] if self.first else mean_pool(states, attention_mask)
        logits: torch.Tensor = self.head(pooled)
        return logits


def _export(model: Path, folder: Path) -> tuple[Path, str]:
    """(file of the int8 graph, what was done)."""
    # attention written out, which is the pattern that the optimizer knows
    encoder = AutoModel.from_pretrained(  # a local folder  # nosec B615
        model, local_files_only=True, use_safetensors=True, attn_implementation="eager"
    ).eval()
    head = load_file(model / "head.safetensors")
    network = _Plain(encoder, head, first=read_facts(model).pooling == "cls")
    plain = folder / "plain.onnx"
    example = (torch.ones(2, 8, dtype=torch.long), torch.ones(2, 8, dtype=torch.long))
    axes = {name: {0: "batch", 1: "tokens"} for name in _INPUTS}
    with warnings.catch_warnings():  # the exporter that needs nothing else is the older one, and says so
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            example,
            str(plain),
            input_names=list(_INPUTS),
            output_names=["logits"],
            dynamic_axes={**axes, "logits": {0: "batch"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    source, said = plain, "torch.onnx.export, quantize_dynamic by channel"
    config = encoder.config
    if config.model_type in _FUSED:
        fused = optimizer.optimize_model(
            str(plain),
            model_type="bert",
            num_heads=config.num_attention_heads,
            hidden_size=config.hidden_size,
        )
        source = folder / "fused.onnx"
        fused.save_model_to_file(str(source))
        said = "torch.onnx.export, fused by onnxruntime.transformers, quantize_dynamic by channel"
    quantized = folder / "int8.onnx"
    quantize_dynamic(
        source,
        quantized,
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": _FLOAT},
    )
    return quantized, said
