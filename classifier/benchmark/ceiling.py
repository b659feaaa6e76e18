"""What this machine's matrix products could give at best: the bound that figures are set beside.

Products of the shapes that the encoder has, on all cores: float32 by torch, int8 (uint8 by int8 to int32) by
ONNX Runtime. The bound counts the encoder's linear layers alone; attention's own products come on top.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from classifier.benchmark.turns import Baseline, Spec

_ROWS = 512
"""Tokens in a batch of 32 messages of 16."""

_SECONDS = 0.5
_OPSET, _IR_VERSION = 18, 10


class Ceiling(Baseline):
    """Measures while it gets ready; the notes are the result."""

    def __init__(self, spec: Spec) -> None:
        config = json.loads((Path(spec.folder) / "config.json").read_text(encoding="utf-8"))
        self._found: dict[str, Any] = {}
        if not {"hidden_size", "intermediate_size", "num_hidden_layers"} <= config.keys():
            return
        hidden, inner = int(config["hidden_size"]), int(config["intermediate_size"])
        self._found = {
            "flop_per_token": flop_per_token(int(config["num_hidden_layers"]), hidden, inner),
            "fp32_flops": _float32(hidden, inner),
            "int8_ops": _int8(hidden, inner),
        }

    def notes(self) -> dict[str, Any]:
        """{"flop_per_token", "fp32_flops", "int8_ops"}, both a second; empty for encoders of other shapes."""
        return self._found


def flop_per_token(layers: int, hidden: int, inner: int) -> int:
    """Multiplications and additions of an encoder's linear layers for one token."""
    return 2 * layers * (4 * hidden * hidden + 2 * hidden * inner)


def _float32(hidden: int, inner: int) -> float:
    left, right = torch.randn(_ROWS, hidden), torch.randn(hidden, inner)
    with torch.inference_mode():
        return _best(lambda: torch.mm(left, right), 2 * _ROWS * hidden * inner)


def _int8(hidden: int, inner: int) -> float:
    weight = np.random.default_rng(0).integers(-127, 127, (hidden, inner), dtype=np.int8)
    product = helper.make_node("MatMulInteger", ["left", "right"], ["product"])
    graph = helper.make_graph(
        [product],
        "product",
        [helper.make_tensor_value_info("left", TensorProto.UINT8, [_ROWS, hidden])],
        [helper.make_tensor_value_info("product", TensorProto.INT32, [_ROWS, inner])],
        [numpy_helper.from_array(weight, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = _IR_VERSION
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    left = np.full((_ROWS, hidden), 7, np.uint8)
    return _best(lambda: session.run(None, {"left": left}), 2 * _ROWS * hidden * inner)


def _best(product: Callable[[], object], operations: int) -> float:
    """Operations a second of the fastest of the products that fit into a moment."""
    fastest = float("inf")
    until = time.perf_counter() + _SECONDS
    while (began := time.perf_counter()) < until:
        product()
        fastest = min(fastest, time.perf_counter() - began)
    return operations / fastest
