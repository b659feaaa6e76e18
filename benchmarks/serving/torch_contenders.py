"""What people serve a BERT with by transformers and torch, as contenders: see contender."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    pipeline,
)
from transformers.utils import logging as transformers_logging

from benchmarks.turns import BATCH, PADDED_TO, Contender, Spec, batches
from classifier.contract import BaseModelUnavailable
from classifier.inference.backends.torch_backend import TorchBackend
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.base_models import load_encoder, resolve_base_model
from classifier.model.directory import load_model_directory
from classifier.model.hardware import choose_device
from classifier.model.integrity import read_facts
from classifier.model.network import mean_pool


class Pipeline(Contender):
    """`pipeline("text-classification")`: one text a call, batches, or batches padded to PADDED_TO tokens.

    The encoder is the model's; above it stands the head that transformers puts there for its family (for BERT
    a pooler and a linear layer), with random weights: the same work, and answers that mean nothing.
    """

    def __init__(self, spec: Spec) -> None:
        facts = read_facts(Path(spec.folder))
        transformers_logging.set_verbosity_error()  # its report on the head, which is new by intention
        transformers_logging.disable_progress_bar()
        network = AutoModelForSequenceClassification.from_pretrained(  # a local folder  # nosec B615
            spec.folder, num_labels=len(facts.labels), local_files_only=True, use_safetensors=True
        ).eval()
        if spec.bf16:
            network = network.bfloat16()
        self._options: dict[str, Any] = {"truncation": True, "max_length": facts.max_tokens}
        if spec.padded:
            self._options |= {"padding": "max_length", "max_length": PADDED_TO}
        self._pipeline = pipeline(
            "text-classification", model=network, tokenizer=_tokenizer(spec), device=choose_device("auto")
        )

    def classify(self, texts: list[str]) -> list[str]:
        """Names that transformers made up for the categories."""
        if len(texts) == 1:
            return [str(self._pipeline(texts[0], **self._options)[0]["label"])]
        answers = self._pipeline(texts, batch_size=len(texts), **self._options)
        return [str(answer["label"]) for answer in answers]


class _Torch(Contender):
    """What gets batches sorted by length, and tokenizes them itself."""

    sorts = True
    _tokenizer: Any

    def __init__(self, spec: Spec) -> None:
        self._facts = read_facts(Path(spec.folder))
        self._device = choose_device("auto")

    def _tokens(self, texts: list[str]) -> Any:
        longest = self._facts.max_tokens
        return self._tokenizer(
            texts, padding=True, truncation=True, max_length=longest, return_tensors="pt"
        ).to(self._device)


class EagerTorch(_Torch):
    """`model(**tokenizer(...), output_attentions=True)`: the way to words that the library's pages show."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self._tokenizer = _tokenizer(spec)
        network = AutoModel.from_pretrained(  # a local folder  # nosec B615
            spec.folder, local_files_only=True, use_safetensors=True, attn_implementation="eager"
        )
        self._network: PreTrainedModel = network.to(self._device).eval()
        self._head = nn.Linear(network.config.hidden_size, len(self._facts.labels)).to(self._device)

    def classify(self, texts: list[str]) -> list[str]:
        """Categories by a random head; attention of the last layer comes to the host too."""
        tokens = self._tokens(texts)
        with torch.inference_mode():
            output = self._network(**tokens, output_attentions=True)
            logits = self._head(mean_pool(output.last_hidden_state, tokens["attention_mask"]))
            output.attentions[-1].mean(dim=(1, 2)).cpu().numpy()
        return [self._facts.labels[i] for i in logits.argmax(dim=1).tolist()]


class FrozenEncoder(_Torch):
    """Sentence vectors of the base encoder, sorted by length, and scikit-learn's LogisticRegression."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        base = self._facts.base_model
        try:
            encoder, self._tokenizer = load_encoder(resolve_base_model(base))
            self._note = f"vectors of {base}"
        except BaseModelUnavailable:
            encoder, self._tokenizer = load_encoder(Path(spec.folder))
            self._note = "vectors of the model's own encoder: its base encoder is not on this machine"
        network: Any = encoder
        self._network = network.to(self._device).eval()
        texts = [text for text, _ in spec.labelled]
        parts = batches(texts, BATCH)
        self._regression = LogisticRegression(C=10.0, max_iter=1000).fit(
            np.concatenate([self._vectors(part) for part in parts]), [label for _, label in spec.labelled]
        )

    def notes(self) -> dict[str, Any]:
        """Whose vectors they are."""
        return {"note": self._note}

    def classify(self, texts: list[str]) -> list[str]:
        """Categories by the regression."""
        return [str(category) for category in self._regression.predict(self._vectors(texts))]

    def _vectors(self, texts: list[str]) -> npt.NDArray[Any]:
        tokens = self._tokens(texts)
        inputs = {name: tokens[name] for name in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            states = self._network(**inputs).last_hidden_state
            pooled = nn.functional.normalize(mean_pool(states, inputs["attention_mask"]), dim=1)
        return np.asarray(pooled.cpu().numpy())


class Reference(Contender):
    """The model in plain torch, by the product's own code; in float32 faster ones must agree with it."""

    def __init__(self, spec: Spec) -> None:
        model = load_model_directory(Path(spec.folder), device=str(choose_device("auto")))
        backend = TorchBackend(model.network, model.tokenizer.pad_token_id or 0, bf16=spec.bf16)
        self._predictor = TorchPredictor(model, backend=backend)

    def classify(self, texts: list[str]) -> list[str]:
        """The model's categories."""
        return [prediction.category for prediction in self._predictor.predict(texts)]

    def answers(self, texts: list[str]) -> dict[str, Any]:
        """Categories and words."""
        found = self._predictor.predict(texts)
        return {
            "categories": [prediction.category for prediction in found],
            "words": [[[word.start, word.end] for word in prediction.words] for prediction in found],
        }


def _tokenizer(spec: Spec) -> Any:
    return AutoTokenizer.from_pretrained(spec.folder, local_files_only=True)  # a local folder  # nosec B615
