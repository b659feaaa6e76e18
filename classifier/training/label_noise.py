"""Which labels a training doubts: out-of-fold confident learning on the frozen encoder.

The one defence against wrong labels: of `fit`, of a retraining and of the learning benchmark.

A doubted label neither teaches nor judges in this training; a retraining hands it to a person. Starter
messages are never doubted, nor are labels that somebody has looked at and kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from classifier.data.confident_learning import KEPT_OF_A_CATEGORY, Suspect, distrusted_voices, suspects
from classifier.data.dataset import Example
from classifier.model.embed import embed
from classifier.progress import Progress
from classifier.training.config import TrainingConfig
from classifier.training.inputs import prepare
from classifier.training.out_of_fold import probabilities_of

FEWEST_LABELS = 50
"""With fewer labels each one is heard as it is: a correction is what the model did not know."""
LEFT_OUT_FROM = 0.7
"""Score from which a label waits. To leave all suspects out, as one who cleans a file does, costs right ones
of just the messages that are hard: 2 points of accuracy at ten labels a category of BANKING77."""
SOFTENED = 0.3
"""Share of its weight with which a weaker suspect teaches: half a point there, where nothing is wrong, and 4
points gained where a fifth of the labels is."""


@dataclass(frozen=True, slots=True)
class CleanLabels:
    """Examples without the doubted ones.

    Attributes:
        train: to learn from; weaker suspects with `SOFTENED` of their weight.
        held_out: to judge by.
        left_out: how many of both are missing.
        suspects: that were left out, worst first; beside them the labels of who mostly errs are left out.
    """

    train: tuple[Example, ...]
    held_out: tuple[Example, ...] = ()
    left_out: int = 0
    suspects: tuple[Suspect, ...] = ()


def clean_labels(
    train: Sequence[Example],
    config: TrainingConfig,
    held_out: Sequence[Example] = (),
    progress: Callable[[Progress], None] | None = None,
) -> CleanLabels:
    """Leave labels out that are probably wrong, and let those that are perhaps wrong teach less.

    Args:
        train: what is to be learned.
        config: of the encoder.
        held_out: what is to judge; only the recent tickets among it are looked at.
        progress: called often from the same thread.

    Raises:
        InvalidInput: the examples cannot be learned from.
    """
    examples = [*train, *(example for example in held_out if example.judges == "recent")]
    open_to_doubt = {row for row, e in enumerate(examples) if e.labelled and not e.settled}
    if not open_to_doubt or sum(example.labelled for example in examples) < FEWEST_LABELS:
        return CleanLabels(tuple(train), tuple(held_out))
    found, distrusted = _look_twice(examples, config, progress or (lambda _: None))
    suspicious = [suspect for suspect in found if suspect.row in open_to_doubt]
    surely = [suspect for suspect in suspicious if suspect.score >= LEFT_OUT_FROM]
    mistrusted = [row for row in sorted(open_to_doubt) if examples[row].voice in distrusted]
    left = Counter(example.label for example in train)
    out = set[int]()
    for row in [*(suspect.row for suspect in surely), *mistrusted]:
        label, judges = examples[row].label, row >= len(train)
        if row not in out and (judges or left[label] > KEPT_OF_A_CATEGORY):
            out.add(row)
            left[label] -= not judges
    softened = {suspect.row for suspect in suspicious}
    judging = {examples[row].ticket for row in out if row >= len(train)}
    return CleanLabels(
        train=tuple(
            replace(example, weight=SOFTENED * example.weight) if row in softened else example
            for row, example in enumerate(train)
            if row not in out
        ),
        held_out=tuple(e for e in held_out if e.judges != "recent" or e.ticket not in judging),
        left_out=len(out),
        suspects=tuple(surely),
    )


def _look_twice(
    examples: Sequence[Example], config: TrainingConfig, progress: Callable[[Progress], None]
) -> tuple[list[Suspect], tuple[str, ...]]:
    """Suspects, worst first, and the voices most of whose labels are suspicious.

    What one person got wrong makes the others' labels look odd: those are looked at again without it. The
    encoder reads the messages once.
    """
    prepared = prepare(examples, config)
    network = prepared.network(config).eval()
    texts = [example.text for example in examples]
    pooled = embed(network, prepared.texts, texts, prepared.device, progress, first=0.0, last=0.8)

    def look(rows: Sequence[int]) -> list[Suspect]:
        """Suspects among some rows, named by their place among all examples."""
        chosen = [examples[row] for row in rows]
        labels = sorted({example.label for example in chosen})
        said = probabilities_of(pooled[list(rows)], chosen, labels, config.seed)
        return [replace(found, row=rows[found.row]) for found in suspects(chosen, said, labels)]

    found = look(range(len(examples)))
    distrusted = distrusted_voices(examples, found)
    trusted = [row for row, example in enumerate(examples) if example.voice not in distrusted]
    if distrusted:
        found = [*(suspect for suspect in found if suspect.example.voice in distrusted), *look(trusted)]
        found.sort(key=lambda suspect: -suspect.score)
    return found, distrusted
