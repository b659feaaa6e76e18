"""A model card: what a model is for, what it learned from, how good it is, and where it fails. Pure.

After Mitchell et al. 2019, "Model Cards for Model Reporting" (arXiv:1810.03993). It holds nobody's message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from classifier.evaluation.report import explanation_words
from classifier.evaluation.report.markdown import plain, table

if TYPE_CHECKING:
    from classifier.explanation.types import FaithfulnessReport
    from classifier.model.metadata import ModelFacts

_KINDS = {
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
_CONFUSIONS = 10

LIMITS = """\
- It sorts short support messages for people who can correct it. It must not decide about people: no hiring,
  no credit, no sanctions, no emergency that depends on its answer alone.
- It knows the languages and the topics of its training messages. In another language, about a new product, or
  after a change of what teams own, it errs and may be sure of it: its confidence was calibrated on messages
  like those it learned from, and says less about others.
- It chooses among its categories. Messages that belong to none are recognised by how unsure it is, so that an
  unusual one can pass for a category, and a real ticket in unusual words for none.
- Categories that people themselves mix up are mixed up by it; categories with few messages are known least.
- Long messages are cut in the middle.
- The words in its replies come out of its attention, and attention is not by itself the reason for an
  answer. They help to find an error; the table above says how far they decide. `/why` tries it out.
- It learned from labels that people gave: their errors and habits are in it."""


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
    parts = [
        f"# Fingerpost model {_cell(facts.version)}",
        _purpose(facts),
        "## How it was made\n\n" + _origin(facts),
        "## How good it is\n\n" + _figures(facts, evaluation),
        "## Do its words decide?\n\n" + _explanations(faithful),
        "## When it answers by itself\n\n" + _thresholds(facts, evaluation),
        "## Limits\n\n" + LIMITS,
        "## The gate\n\n" + _gate(verdict),
        f"## Categories\n\n{_categories(facts, evaluation)}",
    ]
    return "\n\n".join(parts) + "\n"


def _purpose(facts: ModelFacts) -> str:
    return (
        f"Sorts support messages into {len(facts.labels)} categories, says how sure it is, and recognises\n"
        "messages that belong to none, so that the bot can point each message to the team that owns it."
    )


def _origin(facts: ModelFacts) -> str:
    rows = [
        ("kind", _KINDS.get(facts.kind, facts.kind)),
        *([("earlier version", facts.parent)] if facts.parent else []),
        ("base model", f"`{_cell(facts.base_model)}`"),
        ("sha256 of the base model's weights", f"`{facts.base_sha256}`"),
        ("a text's vector", _POOLING.get(facts.pooling, facts.pooling)),
        ("longest text", f"{facts.max_tokens} tokens"),
        ("made", facts.created),
        ("training messages (sha256 of the manifest)", f"`{facts.training_manifest or 'not recorded'}`"),
        ("temperature of the probabilities", f"{facts.temperature:.3f}"),
    ]
    rows += [(_MEASURES.get(name, name), _number(value)) for name, value in facts.metrics.items()]
    began = (
        "Rows for new categories were added to that version's head, or rows taken out; the rest is as it was."
        if facts.kind == "head"
        else "Each version starts again from the base model."
    )
    return (
        _table(("", ""), rows) + f"\n\n{began} Part of the training messages is held back, "
        "to end the\ntraining in time and to calibrate the probabilities: figures on it are a bit too good."
    )


def _figures(facts: ModelFacts, evaluation: Mapping[str, Any] | None) -> str:
    if not evaluation:
        accuracy = facts.metrics.get("validation_accuracy")
        known = "" if accuracy is None else f", {accuracy:.1%} of which it has right"
        return (
            f"Known from the messages that were held back in training alone{known}. "
            "`fingerpost evaluate` measures it on others."
        )
    low, high = evaluation["accuracy_interval"]
    rows = [
        ("messages it has not seen", f"{evaluation['n']}"),
        ("accuracy", f"{evaluation['accuracy']:.1%} (95% interval {low:.1%} to {high:.1%})"),
        ("macro-F1", f"{evaluation['macro_f1']:.3f}"),
        ("expected calibration error, 15 bins", f"{evaluation['ece']:.3f}"),
    ]
    rows += [
        (f"share answered at {float(risk):.0%} wrong answers", f"{share:.1%}")
        for risk, share in evaluation.get("coverage", {}).items()
    ]
    if evaluation.get("milliseconds"):
        rows.append(("one message alone, where it was measured", f"{evaluation['milliseconds']:.0f} ms"))
    scope = evaluation.get("out_of_scope")
    if scope:
        rows += [
            ("messages out of scope", f"{scope['n']}"),
            ("AUROC of the out-of-scope score", f"{scope['auroc']:.3f}"),
            ("of them recognised", f"{scope['recall']:.1%}{_interval(scope.get('recall_interval'))}"),
            ("real messages taken for out of scope", f"{scope['flagged_in_scope']:.1%}"),
        ]
    mixed = evaluation.get("confusions", ())[:_CONFUSIONS]
    if not mixed:
        return _table(("", ""), rows)
    lines = [f"- {n} of `{_cell(right)}` taken for `{_cell(said)}`" for right, said, n in mixed]
    return _table(("", ""), rows) + "\n\nMost frequent errors:\n\n" + "\n".join(lines)


def _explanations(faithful: FaithfulnessReport | None) -> str:
    if faithful is None:
        return "It was not measured whether the words in its replies decide; `fingerpost evaluate` does."
    said = plain(explanation_words.faithful_said(faithful))
    return f"{said}\n\n{table(explanation_words.faithfulness(faithful)).rstrip()}"


def _thresholds(facts: ModelFacts, evaluation: Mapping[str, Any] | None) -> str:
    route = facts.thresholds["route"]
    text = f"From a confidence of {route:.3f} on, unless it takes the message for out of scope."
    if facts.category_thresholds:
        own = len(facts.category_thresholds)
        text += f" {own} categories have a threshold of their own, see the last table."
    if facts.budgets:
        rows = [(f"{float(budget):.0%}", f"{at:.3f}") for budget, at in facts.budgets.items()]
        text += "\n\n" + _table(("wrong routings accepted", "confidence needed"), rows)
    if evaluation and "routed" in evaluation:
        text += (
            f"\n\nOn messages that it has not seen it answers {evaluation['routed']:.1%} by itself, "
            f"{evaluation['routed_accuracy']:.1%} of them right."
        )
    return text


def _gate(verdict: Mapping[str, Any] | None) -> str:
    if verdict is None:
        return "This version was not compared with another one."
    text = f"**{'Passed' if verdict['promoted'] else 'Refused'}.** {_cell(verdict['reason'])}"
    checks = verdict.get("checks", ())
    if not checks:
        return text
    rows = [
        (
            check["name"],
            "warning" if check.get("warning") else "passed" if check["passed"] else "failed",
            ", ".join(
                f"{name.replace('_', ' ')} {_number(value)}" for name, value in check["figures"].items()
            ),
        )
        for check in checks
    ]
    return text + "\n\n" + _table(("check", "", "figures"), rows)


def _categories(facts: ModelFacts, evaluation: Mapping[str, Any] | None) -> str:
    measured = (evaluation or {}).get("categories", {})
    rows = []
    for label in facts.labels:
        row = measured.get(label)
        recall = f"{row['recall']:.1%}{_interval(row.get('recall_interval'))}" if row else "not measured"
        at = facts.category_thresholds.get(label, facts.thresholds["route"])
        rows.append((f"`{_cell(label)}`", str(row["n"]) if row else "0", recall, f"{at:.3f}"))
    return _table(("category", "messages measured on", "recall", "answers from"), rows)


def _interval(bounds: Sequence[float] | None) -> str:
    return f" ({bounds[0]:.1%} to {bounds[1]:.1%})" if bounds else ""


def _number(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """One line that breaks no table, whatever a category is called."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("`", "'")
