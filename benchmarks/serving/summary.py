"""From turns to figures: rates and ratios over rounds, agreement with the reference, the tables."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.markdown import table as as_markdown
from benchmarks.serving.rows import HTTP, OURS, RATIOS, REFERENCE, Row
from benchmarks.timing import shown, spread

_SHOWN_WORDS = 3
_LATENCIES = ("p50_ms", "p95_ms", "p99_ms")


def row_summary(row: Row, turns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A row over its turns: spread of the rate, medians of the percentiles of a call's time."""
    return {
        "name": row.name,
        "said": row.said,
        "batch": row.batch,
        "callers": row.callers,
        "texts": row.texts,
        "rate": spread([turn["rate"] for turn in turns]),
        **{key: statistics.median(turn[key] for turn in turns) for key in _LATENCIES if key in turns[0]},
        "failed": sum(turn.get("failed", 0) + turn.get("refused", 0) for turn in turns),
        "turns": [{key: turn[key] for key in ("messages", "seconds", "rate")} for turn in turns],
    }


def ratios(turns: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Each ratio of serving_rows.RATIOS whose rows were measured: spread over the rounds."""
    found = []
    for dividend, divisor, what in RATIOS:
        pairs = list(zip(turns.get(dividend, ()), turns.get(divisor, ()), strict=False))
        if pairs and all(what in one and other.get(what) for one, other in pairs):
            values = [one[what] / other[what] for one, other in pairs]
            found.append({"of": dividend, "to": divisor, "what": what, **spread(values)})
    return found


def accuracy(answered: Mapping[str, Any], labels: Sequence[str]) -> float:
    """Share of messages that got their label."""
    right: int = sum(a == b for a, b in zip(answered["categories"], labels, strict=True))
    return right / len(labels)


def agreement(ours: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, float]:
    """{"category", "words"}: share of messages with the same category; with the same first three words."""
    categories = list(zip(ours["categories"], reference["categories"], strict=True))
    words = list(zip(ours["words"], reference["words"], strict=True))
    same = [sorted(one[:_SHOWN_WORDS]) == sorted(other[:_SHOWN_WORDS]) for one, other in words]
    return {
        "category": sum(one == other for one, other in categories) / len(categories),
        "words": sum(same) / len(same),
    }


def table(measured: Mapping[str, Any]) -> str:
    """All figures as Markdown."""
    open_loop = open_loop_table("open loop in process", measured["open_loop"])
    return "\n\n".join([_rates(measured), _ratios(measured), open_loop, _rest(measured), _under(measured)])


def _rates(measured: Mapping[str, Any]) -> str:
    bound = _bounds(measured)
    rows = []
    for row in measured["rows"]:
        rate = row["rate"]
        share = f"{rate['median'] / bound['int8']:.0%}" if bound and row["texts"] == "messages" else ""
        rows.append(f"{row['said']} | {shown(rate, ',.0f')} | {share} | {latencies(row)}")
    head = "contender | messages a second (min to max) | of the int8 bound | a call, p50 / p95 / p99, ms"
    return as_markdown(head, rows)


def _ratios(measured: Mapping[str, Any]) -> str:
    said = {row["name"]: row["said"] for row in measured["rows"]}
    rows = []
    for ratio in measured["ratios"]:
        what = "" if ratio["what"] == "rate" else ", p50 of a call"
        rows.append(f"{said[ratio['of']]}, to {said[ratio['to']]}{what} | {shown(ratio, '.2f')}")
    return as_markdown("ratio within a round | median (min to max)", rows)


def open_loop_table(title: str, rates: Sequence[Mapping[str, Any]]) -> str:
    """Latencies at several rates as Markdown; medians over rounds, see loops.over_rounds."""
    rows = []
    for row in rates:
        shown = " | ".join(f"{row[key]:.1f}" if key in row else "" for key in _LATENCIES)
        if row["p99_ms_rounds"]:
            shown += f" ({min(row['p99_ms_rounds']):.1f} to {max(row['p99_ms_rounds']):.1f})"
        most = row["saturation"]["median"]
        rows.append(
            f"{row['share']:.0%} of {most:,.0f} a second | {row['messages']:,} | {shown} "
            f"| {row['refused']}, {row['failed']}"
        )
    columns = "messages | p50, ms | p95, ms | p99, ms (min to max) | refused, failed"
    return as_markdown(f"{title}, share of saturation | {columns}", rows)


def latencies(row: Mapping[str, Any]) -> str:
    """Milliseconds: "p50 / p95 / p99"."""
    return " / ".join(f"{row[key]:.1f}" for key in _LATENCIES if key in row)


def _rest(measured: Mapping[str, Any]) -> str:
    gates, service, memory = measured["gates"], measured["service"], measured["memory"]
    held = memory.get(HTTP)
    named = {
        OURS: "ours",
        REFERENCE: "float32 torch",
        **{row["name"]: row["said"] for row in measured["rows"]},
    }
    rows = []
    if gates:
        same = gates["agreement"]
        rows = [
            *(f"accuracy: {named[name]} | {value:.2%}" for name, value in gates["accuracy"].items()),
            f"same category as float32 torch | {same['category']:.2%}",
            f"same first three words as float32 torch | {same['words']:.2%}",
            f"same category and words alone as in a batch | {gates['alone']:.2%}",
        ]
    rows.append(
        "start of the service until it is ready: first, with what the first start kept "
        f"| {service['ready_first_seconds']:.1f} s, {service['ready_again_seconds']:.1f} s"
    )
    if held is not None:
        rows.append(
            f"memory of the service: steady, peak | {held['rss_mib']:.0f}, {held['peak_mib']:.0f} MiB"
        )
    others = [f"{name} {each['peak_mib']:.0f}" for name, each in memory.items() if each and name != HTTP]
    if others:
        rows.append(f"peak of the contenders' processes, MiB | {', '.join(others)}")
    return as_markdown("what | measured", rows)


def _under(measured: Mapping[str, Any]) -> str:
    place, texts, model = measured["machine"], measured["texts"], measured["model"]
    tokens, bound = texts["tokens"], _bounds(measured)
    versions = ", ".join(f"{name} {version}" for name, version in place["versions"].items())
    said = [
        f"{texts['messages']:,} messages of {texts['name']}, {tokens['mean']:.1f} tokens on average (p50 "
        f"{tokens['p50']}, p95 {tokens['p95']}, max {tokens['max']}); {model['base_model']}, "
        f"{model['layers']} layers of {model['hidden']}, {model['categories']} categories; medians of "
        f"{measured['rounds']} rounds of {measured['turn_seconds']:g} s a turn, each contender in a process "
        "of its own with its default threads.",
        f"{place['processor']}, {place['cores']} cores, load {place['load_before']} before; {versions}.",
    ]
    if bound:
        said.append(
            f"Bound by the encoder's matrix products, measured in the run: {bound['fp32']:,.0f} messages "
            f"a second in float32, {bound['int8']:,.0f} in int8."
        )
    said.append(
        "Pipelines carry a head with random weights (the same work); the eager one and plain ONNX Runtime "
        "pool by the mean. None of them gives words, calibration or a score for what is out of scope."
    )
    for name, notes in measured["notes"].items():
        said += [f"{name}: {notes[key]}." for key in ("note", "backend") if key in notes]
    said += [f"Left out: {reason}." for reason in measured["left_out"].values()]
    return " ".join(said)


def _bounds(measured: Mapping[str, Any]) -> dict[str, float]:
    """Messages a second that the matrix products allow; empty where they were not measured."""
    found = measured["ceiling"]
    if not found:
        return {}
    work = found["flop_per_token"] * measured["texts"]["tokens"]["mean"]
    return {"fp32": found["fp32_flops"] / work, "int8": found["int8_ops"] / work}
