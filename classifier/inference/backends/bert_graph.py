"""A model directory of the BERT family as one ONNX graph for ONNX Runtime, written by hand. Imports no torch.

Exporters write what they trace and leave it to pattern matching to find attention again; reading its weights
as an output then undoes the fusion. Here each layer is a few fused operators from the start, and attention
gives its scores beside its result. In int8 activations are rounded before each matrix product by steps that
were set in training, see int8.

Operators of com.microsoft: github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from classifier.inference.backends.source import Source
from classifier.model.ood_distance import ScopeSpace
from classifier.model.pacing import Pause, at_once
from classifier.model.quantization import quantize

Array = npt.NDArray[Any]
Precision = Literal["fp32", "int8"]

OPSET, IR_VERSION = 18, 10
WORD_TABLE = "embeddings.word_embeddings.weight"
"""Name of the encoder's table of token vectors, and of the graph's."""
_MICROSOFT = "com.microsoft"


def build_graph(
    source: Source,
    precision: Precision,
    *,
    words: bool = True,
    taps: bool = False,
    pause: Pause = at_once,
) -> bytes:
    """Write the graph.

    Args:
        source: what to write it from.
        precision: of the matrix products.
        words: whether to give what words need; without it a benchmark sees what words cost.
        taps: whether to give the input of each matrix product too, by its name: [B, T, in].
        pause: called between layers.

    Returns:
        An ONNX model without its table of token vectors: `add_external_initializers` of a session's options
        has to give that, by the name WORD_TABLE. Inputs: input_ids, attention_mask, int64 [B, T]. Outputs:
        logits [B, categories], pooled [B, hidden]; distances [B] where the model has a scope space; with
        words received [B, T] and, where the model has a word scorer, scored [B, T]; see model.ForwardOutput
        and backends.Forward.

    Raises:
        ValueError: the encoder is of another family, see `Source.known`; or int8 is asked for, and the model
            keeps no ranges.
    """
    if not source.known:
        raise ValueError(f"the graph of {source.config.get('model_type')} encoders is not known")
    return _Graph(source, precision, words=words, taps=taps).encode(pause)


def _outside(name: str, shape: Sequence[int]) -> TensorProto:
    """A float32 constant that whoever opens the graph gives to it: sessions share it, and it is large."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=name)
    return tensor


class _Graph:
    """The graph while it is written."""

    def __init__(self, source: Source, precision: Precision, *, words: bool, taps: bool) -> None:
        config = source.config
        self._weights, self._head = source.weights, source.head
        self._scorer = source.scorer if words else None
        self._ranges = source.ranges if precision == "int8" else None
        if precision == "int8" and self._ranges is None:
            raise ValueError("the model keeps no ranges for int8: train it again")
        self._taps: dict[str, str] | None = {} if taps else None
        self._words = words
        self._looked_at = source.scorer_layers if self._scorer is not None else 1
        self._layers = int(config["num_hidden_layers"])
        self._heads = int(config["num_attention_heads"])
        self._hidden = int(config["hidden_size"])
        self._epsilon = float(config["layer_norm_eps"])
        self._pooling = source.pooling
        self._space = source.scope
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._typed: list[ValueInfoProto] = []
        self._count = 0

    def encode(self, pause: Pause) -> bytes:
        """Write every node and encode the model."""
        mask = self._op("Cast", ["attention_mask"], to=TensorProto.FLOAT)
        real = self._op("ReduceSum", [mask, self._ints(1)], keepdims=1)
        share = self._op("Unsqueeze", [self._op("Div", [mask, real]), self._ints(1, 2)])  # [B, 1, 1, T]
        padding = self._op("Cast", ["attention_mask"], to=TensorProto.INT32)
        states = self._embeddings()
        rows: list[str] = []
        for layer in range(self._layers):
            pause()
            states, scores = self._layer(layer, states, padding)
            if scores is not None:
                weights = self._op("Softmax", [scores], axis=-1)
                rows.append(self._op("Squeeze", [self._op("MatMul", [share, weights]), self._ints(2)]))
        self._answer(states, share)
        if self._space is not None:
            self._measure(self._space)
        outputs: list[tuple[str, Sequence[str | int]]] = [
            ("logits", ["B", "C"]),
            ("pooled", ["B", self._hidden]),
        ]
        if self._space is not None:
            outputs.append(("distances", ["B"]))
        if self._words:
            self._op("ReduceMean", [rows[-1], self._ints(1)], output="received", keepdims=0)
            outputs.append(("received", ["B", "T"]))
        if self._scorer is not None:
            self._score(self._scorer, rows, states)
            outputs.append(("scored", ["B", "T"]))
        for name, state in (self._taps or {}).items():
            self._op("Identity", [state], output=name)
            outputs.append((name, ["B", "T", "K"]))
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["B", "T"])
            for name in ("input_ids", "attention_mask")
        ]
        shown = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs]
        pause()
        graph = helper.make_graph(
            self._nodes, "fingerpost", inputs, shown, self._constants, value_info=self._typed
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets)
        model.ir_version = IR_VERSION
        encoded: bytes = model.SerializeToString()
        return encoded

    def _embeddings(self) -> str:
        # one table for positions and the only token type that is used
        places = self._weight("embeddings.position_embeddings.weight")
        places = places + self._weight("embeddings.token_type_embeddings.weight")[0]
        self._constants.append(_outside(WORD_TABLE, np.shape(self._weights[WORD_TABLE])))
        tokens = self._op("Gather", [WORD_TABLE, "input_ids"])
        length = self._op("Shape", ["input_ids"], start=1, end=2)
        where = self._op("Slice", [self._constant(places), self._ints(0), length, self._ints(0)])
        both = self._op("Add", [tokens, where])
        return self._op(
            "LayerNormalization",
            [both, *self._norm("embeddings.LayerNorm")],
            axis=-1,
            epsilon=self._epsilon,
        )

    def _layer(self, number: int, states: str, padding: str) -> tuple[str, str | None]:
        """(states behind the layer, its attention scores [B, heads, T, T] where they are looked at)."""
        name = f"encoder.layer.{number}"
        parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        together = self._linear(
            states,
            f"{name}.attention.self",
            np.concatenate([self._weight(f"{part}.weight") for part in parts]),
            np.concatenate([self._weight(f"{part}.bias") for part in parts]),
        )
        split = [self._name() for _ in parts]
        sizes = self._ints(*[self._hidden] * 3)
        self._nodes.append(helper.make_node("Split", [together, sizes], split, axis=-1))
        looked_at = self._words and number >= self._layers - self._looked_at
        attended, scores = self._name(), self._name()
        self._nodes.append(
            helper.make_node(
                "MultiHeadAttention",
                [*split, "", padding],
                [attended, "", "", scores] if looked_at else [attended],
                domain=_MICROSOFT,
                num_heads=self._heads,
            )
        )
        if looked_at:
            # ONNX Runtime cannot tell the type of this output by itself
            shape: list[str | int] = ["B", self._heads, "T", "T"]
            self._typed.append(helper.make_tensor_value_info(scores, TensorProto.FLOAT, shape))
        attended = self._dense(attended, f"{name}.attention.output.dense")
        states = self._skip(attended, states, f"{name}.attention.output.LayerNorm")
        inner = self._op("Gelu", [self._dense(states, f"{name}.intermediate.dense")], domain=_MICROSOFT)
        inner = self._dense(inner, f"{name}.output.dense")
        return self._skip(inner, states, f"{name}.output.LayerNorm"), scores if looked_at else None

    def _answer(self, states: str, share: str) -> None:
        if self._pooling == "cls":
            first = self._op("Gather", [states, self._ints(0)], axis=1)
            self._op("Squeeze", [first, self._ints(1)], output="pooled")
        else:
            weights = self._op("Squeeze", [share, self._ints(1)])  # [B, 1, T]
            mean = self._op("MatMul", [weights, states])
            self._op("Squeeze", [mean, self._ints(1)], output="pooled")
        head = [self._constant(self._head["weight"]), self._constant(self._head["bias"])]
        self._op("Gemm", ["pooled", *head], output="logits", transB=1)

    def _measure(self, space: ScopeSpace) -> None:
        """Squared distances to the nearest category, as ScopeSpace.distances."""
        mapped = self._plain("pooled", space.weight, space.bias)
        norms = self._op("ReduceL2", [mapped, self._ints(1)], keepdims=1)
        tiny = self._constant(np.array(1e-12, np.float32))
        unit = self._op("Div", [mapped, self._op("Max", [norms, tiny])])
        apart = self._op("Sub", [unit, self._constant(space.centre)])
        turned = self._op("MatMul", [apart, self._constant(space.precision)])
        own = self._op("ReduceSum", [self._op("Mul", [turned, apart]), self._ints(1)], keepdims=1)
        every = self._op("Add", [own, self._plain(apart, -2.0 * space.turned, space.theirs)])
        nearest = self._op("ReduceMin", [every, self._ints(1)], keepdims=0)
        self._op("Max", [nearest, self._constant(np.array(0.0, np.float32))], output="distances")

    def _score(self, scorer: Mapping[str, Array], rows: Sequence[str], states: str) -> None:
        received = self._op("Concat", list(rows), axis=1)  # [B, layers * heads, T]
        received = self._op("Transpose", [received], perm=[0, 2, 1])
        features = self._op("Concat", [received, states], axis=-1)
        inner = self._plain(features, scorer["inner.weight"], scorer["inner.bias"])
        inner = self._op("Gelu", [inner], domain=_MICROSOFT)
        outer = self._plain(inner, scorer["outer.weight"], scorer["outer.bias"])
        self._op("Squeeze", [outer, self._ints(2)], output="scored")

    def _dense(self, states: str, name: str) -> str:
        return self._linear(states, name, self._weight(f"{name}.weight"), self._weight(f"{name}.bias"))

    def _linear(self, states: str, name: str, weight: Array, bias: Array) -> str:
        """`weight` is [out, in], as torch keeps it."""
        if self._taps is not None:
            self._taps[name] = states
        if self._ranges is None:
            return self._plain(states, weight, bias)
        # what attention gives is a mean of values, with channels of like size; elsewhere they differ widely
        apart = not name.endswith("attention.output.dense")
        scaled = quantize(weight, self._ranges.low[name], self._ranges.high[name], by_channel=apart)
        if scaled.factors is not None:
            states = self._op("Mul", [states, self._constant(scaled.factors)])
        step, zero = self._constant(scaled.step), self._constant(scaled.zero)
        rounded = self._op("QuantizeLinear", [states, step, zero])
        return self._op(
            "MatMulIntegerToFloat",
            [
                rounded,
                self._constant(scaled.weight),
                step,
                self._constant(scaled.steps),
                zero,
                self._constant(np.zeros(len(scaled.steps), np.int8)),
                self._constant(bias),
            ],
            domain=_MICROSOFT,
        )

    def _plain(self, states: str, weight: Array, bias: Array) -> str:
        product = self._op("MatMul", [states, self._constant(weight.T)])
        return self._op("Add", [product, self._constant(bias)])

    def _skip(self, states: str, before: str, norm: str) -> str:
        # two operators: SkipLayerNormalization, which does both, takes many times as long as they on a CPU
        return self._op(
            "LayerNormalization",
            [self._op("Add", [states, before]), *self._norm(norm)],
            axis=-1,
            epsilon=self._epsilon,
        )

    def _norm(self, name: str) -> list[str]:
        return [self._constant(self._weight(f"{name}.{part}")) for part in ("weight", "bias")]

    def _weight(self, name: str) -> Array:
        return np.asarray(self._weights[name], np.float32)

    def _ints(self, *values: int) -> str:
        return self._constant(np.array(values, np.int64))

    def _constant(self, value: Array) -> str:
        name = self._name()
        self._constants.append(
            numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)
        )
        return name

    def _op(
        self,
        kind: str,
        inputs: list[str],
        *,
        output: str | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> str:
        name = output or self._name()
        self._nodes.append(helper.make_node(kind, inputs, [name], domain=domain, **attributes))
        return name

    def _name(self) -> str:
        self._count += 1
        return f"n{self._count}"
