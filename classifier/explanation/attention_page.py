"""Attention maps as a page to explore and as one picture of all heads."""

from __future__ import annotations

import base64
import hashlib
import io
import warnings

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from classifier.explanation.attention_maps import AttentionMaps

_NAMED_WORDS = 24
"""Words up to which the picture names them at its edge."""


def page(maps: AttentionMaps) -> str:
    """Return one HTML file that needs nothing else: layers and heads to choose, words to point at.

    Weights are kept in steps of 1/255. Every text is data for the page's script, which writes it as text;
    the page's policy lets nothing load from anywhere.
    """
    templates = Environment(
        loader=PackageLoader("classifier.explanation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    script = templates.get_template("attention_page.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    layers, heads, size, _ = maps.weights.shape
    steps = np.round(np.clip(maps.weights, 0, 1) * 255).astype(np.uint8)
    data = {
        "words": maps.words,
        "special": maps.special,
        "shape": [layers, heads, size],
        "weights": base64.b64encode(steps.tobytes()).decode(),
    }
    return templates.get_template("attention_page.html").render(
        maps=maps, layers=layers, heads=heads, data=data, digest=digest
    )


def picture(maps: AttentionMaps) -> bytes:
    """Return a PNG: one square a head, one row a layer; rows of a square attend to its columns."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415

    layers, heads, size, _ = maps.weights.shape
    named = size <= _NAMED_WORDS
    each = 2.4 if named else 1.5
    figure = Figure(figsize=(each * heads + 1, each * layers + 1), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(layers, heads, squeeze=False)
    # a dollar sign would begin mathematics
    names = [word[:14].replace("$", r"\$") for word in maps.words]
    for layer in range(layers):
        for head in range(heads):
            axes = grid[layer][head]
            axes.imshow(maps.weights[layer, head], cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
            axes.set_title(f"layer {layer + 1}, head {head + 1}", fontsize=7)
            axes.set_xticks([])
            axes.set_yticks([])
            if named and head == 0:
                axes.set_yticks(range(size), names, fontsize=5)
            if named and layer == layers - 1:
                axes.set_xticks(range(size), names, fontsize=5, rotation=90)
    figure.suptitle(
        f"{maps.category}, {maps.confidence:.0%}: rows attend to columns (dark 0, bright 1)", fontsize=10
    )
    out = io.BytesIO()
    with warnings.catch_warnings():
        # words of scripts that the font lacks are drawn as boxes; the page shows them
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        figure.savefig(out, format="png", dpi=110)
    return out.getvalue()
