"""Everything about a model's explanations that an evaluation can tell."""

from __future__ import annotations

from collections.abc import Sequence

from classifier.data.dataset import Example
from classifier.explanation.faithfulness import FEWEST, faithfulness, measurable
from classifier.explanation.global_words import misleading
from classifier.explanation.types import ExplanationReport
from classifier.inference.predictor import Predictor

MISLED = 100
"""Wrong answers whose words are counted, the surest ones."""


def explanation_report(
    predictor: Predictor,
    examples: Sequence[Example],
    *,
    messages: int,
    misled: int = MISLED,
    seed: int = 0,
) -> ExplanationReport:
    """Measure a model's explanations.

    Args:
        predictor: the model.
        examples: messages that it has not seen, with their right labels.
        messages: to take words out of, at most; those of 6 to 40 words are drawn from.
        misled: wrong answers whose words are counted, at most.
        seed: of the draws.

    Returns:
        `faithfulness` is None where hardly a message has 6 to 40 words.
    """
    chosen = measurable(predictor, [example.text for example in examples], messages, seed)
    return ExplanationReport(
        faithfulness(predictor, chosen, seed=seed) if len(chosen) >= FEWEST else None,
        misleading(predictor, examples, most=misled),
    )
