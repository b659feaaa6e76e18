"""An explanation as a picture: one bar a word, in reading order."""

from __future__ import annotations

from pathlib import Path

from classifier.contract import Explanation, InvalidInput

_MOST = 30
_FOR, _AGAINST = "#2f6f4f", "#a63d2f"


def draw(explanation: Explanation, path: Path) -> None:
    """Draw the words' scores into a PNG file.

    Raises:
        InvalidInput: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415

    strongest = sorted(explanation.words, key=lambda word: -abs(word.score))[:_MOST]
    words = sorted(strongest, key=lambda word: word.start)
    figure = Figure(figsize=(7, 1.2 + 0.28 * max(1, len(words))), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    scores = [word.score for word in words]
    axes.barh(range(len(words)), scores, color=[_FOR if score >= 0 else _AGAINST for score in scores])
    # a dollar sign would begin mathematics
    axes.set_yticks(range(len(words)), [word.text[:40].replace("$", r"\$") for word in words])
    axes.invert_yaxis()
    axes.set_xlabel(
        "share of the attention" if explanation.method == "attention" else "loss of log-odds without it"
    )
    axes.set_title(f"{explanation.prediction.category} {explanation.prediction.confidence:.0%}")
    try:
        figure.savefig(path, format="png", dpi=150)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({error.strerror}): name another file") from error
