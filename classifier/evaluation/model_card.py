"""A model card: what a model is for, what it learned from, how good it is, and where it fails. Pure.

After Mitchell et al. 2019, "Model Cards for Model Reporting" (arXiv:1810.03993). It holds nobody's message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from classifier.evaluation.report import explanation_words as behind
from classifier.evaluation.report.markdown import templates

if TYPE_CHECKING:
    from classifier.explanation.types import FaithfulnessReport
    from classifier.model.metadata import ModelFacts

KINDS = {
    "day_one": "a linear head on the frozen encoder",
    "fine_tune": "a fine-tune of the whole encoder",
    "head": "a new head on an earlier version's encoder",
}
_POOLING = {"mean": "the mean over the tokens' vectors", "cls": "the first token's vector"}
_MEASURES = {
    "validation_n": "messages held back",
    "validation_accuracy": "accuracy on them",
    "validation_ece": "expected calibration error on them",
    "train_n": "messages it learned from",
    "epochs": "passes over them",
}


def model_card(
    facts: ModelFacts,
    *,
    verdict: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | None = None,
    faithful: FaithfulnessReport | None = None,
) -> str:
    """Write a model's card as Markdown.

    Args:
        facts: what the model says about itself.
        verdict: the gate's, as `Verdict.as_dict` gives it; None where the model was not judged.
        evaluation: on messages that it has not seen, as `Report.as_dict` gives it; None where there is none.
        faithful: whether the words that it shows decide; None where that was not measured.
    """
    template = templates().get_template("model_card.md.jinja")
    return template.render(
        facts=facts,
        verdict=verdict,
        evaluation=evaluation,
        measured=(evaluation or {}).get("categories", {}),
        faithful=faithful,
        behind=behind,
        kinds=KINDS,
        pooling=_POOLING,
        measures=_MEASURES,
        number=_number,
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4f}"
