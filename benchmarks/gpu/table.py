"""The GPU benchmark's figures as Markdown."""

from __future__ import annotations

from typing import Any


def table(measured: dict[str, Any]) -> str:
    """Return the speeds, the checks, and what they were measured on."""
    lines = [
        "| model, tokens a message | what | messages a second (min to max) | to the pipeline | of the peak |",
        "| --- | --- | --- | --- | --- |",
    ]
    for cell in measured["cells"]:
        name = f"{cell['model']}, {cell['tokens_each']}"
        share = f"{cell['share_of_peak']:.0%}"
        lines += [
            f"| {name} | token ids to labels and word scores | {_rate(cell['tokens'])} "
            f"| {_ratio(cell['tokens_ratio'])} | {share} |",
            f"| {name} | texts to labels and words | {_rate(cell['text'])} "
            f"| {_ratio(cell['text_ratio'])} | |",
            f"| {name} | `pipeline`, texts to labels, batch {cell['pipeline_batch']} "
            f"| {_rate(cell['pipeline'])} | 1 | |",
        ]
    lines += [
        "",
        "| model, tokens a message | decided answers | same label | same three words | same first word "
        "| label with other companions | confidence with other companions | checks |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for cell in measured["cells"]:
        found = cell["checks"]
        lines.append(
            f"| {cell['model']}, {cell['tokens_each']} | {found['decided']:.1%} of {found['texts']} "
            f"| {found['same_label']:.2%} | {found['same_words']:.1%} | {found['best_word']:.1%} "
            f"| {found['companions_same_label']:.2%} same | {found['companions_drift']:.4f} at most "
            f"| {'passed' if found['passed'] else '**not met**'} |"
        )
    return "\n".join([*lines, "", *_below(measured)])


def _below(measured: dict[str, Any]) -> list[str]:
    machine, cells = measured["machine"], measured["cells"]
    versions = machine["versions"]
    recorded = ", ".join(
        dict.fromkeys(f"{c['graphs']} in {c['recording_seconds']:.1f} s ({c['model']})" for c in cells)
    )
    alone = ", ".join(f"{c['one_message_ms']:.2f} ms ({c['model']}, {c['tokens_each']})" for c in cells)
    memory = [c["mib"] for c in cells if c["mib"] is not None]
    peak = f"{max(memory):.0f} MiB of GPU memory at most; " if memory else ""
    gelu = "GELU within the matrix product (tanh); " if measured["fused_gelu"] else ""
    return [
        "Random weights, 77 categories, bfloat16, a word scorer in ours; the pipeline gives no words. "
        "Medians of windows in turns. Labels and words are compared with the same network in float32. "
        f"The peak is that of a large bfloat16 matrix product here: {measured['peak_tflops']:.1f} TFLOP/s. "
        f"One message by itself: {alone}. Graphs recorded: {recorded}. {peak}{gelu}"
        f"{machine['device']}, {machine['cores']} cores, {measured['workers']} processes tokenize, "
        f"torch {versions['torch']}, transformers {versions['transformers']}, "
        f"tokenizers {versions['tokenizers']}, Python {machine['python']}."
    ]


def _rate(spread: dict[str, float]) -> str:
    return f"{spread['median']:,.0f} ({spread['min']:,.0f} to {spread['max']:,.0f})"


def _ratio(spread: dict[str, float]) -> str:
    return f"{spread['median']:.1f} ({spread['min']:.1f} to {spread['max']:.1f})"
