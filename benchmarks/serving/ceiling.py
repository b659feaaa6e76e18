"""What this machine's matrix products could give at best: the bound that figures are set beside.

Products of the shapes that the encoder has, by ONNX Runtime on all cores: float32, and uint8 by int8 to
int32. The bound counts the encoder's linear layers alone; attention's own products come on top.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.turns import Contender, Spec

_ROWS = 512
"""Tokens in a batch of 32 messages of 16."""

_SECONDS = 0.5
_OPSET, _IR_VERSION = 18, 10

Array = npt.NDArray[Any]


class Ceiling(Contender):
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
    draw = np.random.default_rng(0)
    left, right = (draw.standard_normal(shape, np.float32) for shape in ((_ROWS, hidden), (hidden, inner)))
    return _measured("MatMul", left, right, TensorProto.FLOAT)


def _int8(hidden: int, inner: int) -> float:
    draw = np.random.default_rng(0)
    left = draw.integers(0, 255, (_ROWS, hidden), dtype=np.uint8)
    right = draw.integers(-127, 127, (hidden, inner), dtype=np.int8)
    return _measured("MatMulInteger", left, right, TensorProto.INT32)


def _measured(operator: str, left: Array, right: Array, result: int) -> float:
    """Operations a second of a product whose right side is constant, as weights are."""
    graph = helper.make_graph(
        [helper.make_node(operator, ["left", "right"], ["product"])],
        "product",
        [helper.make_tensor_value_info("left", helper.np_dtype_to_tensor_dtype(left.dtype), left.shape)],
        [helper.make_tensor_value_info("product", result, [left.shape[0], right.shape[1]])],
        [numpy_helper.from_array(right, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = _IR_VERSION
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return _best(lambda: session.run(None, {"left": left}), 2 * left.size * right.shape[1])


def _best(product: Callable[[], object], operations: int) -> float:
    """Operations a second of the fastest of the products that fit into a moment."""
    fastest = float("inf")
    until = time.perf_counter() + _SECONDS
    while (began := time.perf_counter()) < until:
        product()
        fastest = min(fastest, time.perf_counter() - began)
    return operations / fastest
