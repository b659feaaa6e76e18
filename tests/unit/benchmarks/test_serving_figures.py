"""Arithmetic of the serving benchmark: arrivals, batches, ratios, agreement, tables."""

import asyncio

import numpy as np
import pytest

from benchmarks.serving.ceiling import flop_per_token
from benchmarks.serving.loops import over_rounds, run_open_loop
from benchmarks.serving.rows import Row, baselines, rows
from benchmarks.serving.soak import soak_table
from benchmarks.serving.summary import accuracy, agreement, ratios, row_summary, table
from benchmarks.serving.texts import lengths_summary, long_texts, split
from benchmarks.timing import percentiles, poisson_arrivals, slope
from benchmarks.turns import batches, timed
from classifier.contract import InvalidInput
from classifier.data.dataset import Example


def test_arrivals_are_those_of_a_poisson_process():
    times = poisson_arrivals(200.0, 100.0, seed=1)
    gaps = np.diff(times)
    assert (gaps >= 0).all()
    assert times[0] >= 0
    assert times[-1] < 100.0
    # the count has mean 20,000 and standard deviation 141; gaps are exponential: deviation equals mean
    assert len(times) == pytest.approx(20_000, abs=5 * 141)
    assert gaps.std() / gaps.mean() == pytest.approx(1.0, abs=0.05)
    assert np.quantile(gaps, 0.5) == pytest.approx(np.log(2) / 200, rel=0.05)


def test_the_same_seed_draws_the_same_arrivals():
    first, again, other = (poisson_arrivals(50.0, 5.0, seed=seed) for seed in (3, 3, 4))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_few_or_no_arrivals_are_fine():
    assert len(poisson_arrivals(0.001, 0.001, seed=0)) == 0
    assert percentiles([]) == {}


async def test_a_slow_moment_counts_against_all_that_came_meanwhile():
    """Latency is from the scheduled arrival: while one blocks everything, the others' clocks run."""
    asked = []

    async def ask(number):
        asked.append(number)
        if number == 0:
            await asyncio.sleep(0.2)
        return "refused" if number == 1 else "failed" if number == 2 else "answered"

    observed = await run_open_loop(np.array([0.0, 0.01, 0.02, 0.03]), ask)
    assert asked == [0, 1, 2, 3]
    assert (observed.refused, observed.failed, len(observed.latencies)) == (1, 1, 2)
    assert max(observed.latencies) >= 0.2
    assert observed.as_dict()["messages"] == 4


async def test_what_is_never_answered_has_failed():
    async def ask(number):
        if number == 0:
            raise ValueError
        await asyncio.sleep(100)

    observed = await run_open_loop(np.array([0.0, 0.0]), ask, patience=0.01)
    assert observed.failed == 2


def test_sorted_batches_hold_texts_of_like_length_in_mixed_order():
    texts = ["x" * length for length in range(1, 41)]
    cut = batches(texts, 4, start=2, sort=True)
    assert sorted(text for part in cut for text in part) == sorted(texts)
    assert all(max(map(len, part)) - min(map(len, part)) == 3 for part in cut)
    assert [len(part[0]) for part in cut] != sorted(len(part[0]) for part in cut)
    assert batches(texts, 4, start=2, sort=True) == cut


def test_unsorted_batches_begin_where_they_are_told():
    assert batches(["a", "b", "c", "d", "e"], 2, start=3) == [["d", "e"], ["a", "b"], ["c"]]


def test_a_turn_answers_at_least_one_batch_and_no_text_twice():
    asked = []
    found = timed(asked.append, [["a", "b"], ["c"]], seconds=1000.0)
    assert asked == [["a", "b"], ["a", "b"], ["c"]]  # the first one is not timed
    assert found["messages"] == 3
    assert timed(asked.append, [["a", "b"], ["c"]], seconds=0.0)["messages"] == 2


def test_ratios_are_of_turns_in_the_same_round():
    turns = {
        "ours-32": [{"rate": 10.0}, {"rate": 40.0}, {"rate": 18.0}],
        "pipeline-32": [{"rate": 5.0}, {"rate": 10.0}, {"rate": 6.0}],
    }
    [ratio] = ratios(turns)
    assert (ratio["of"], ratio["to"]) == ("ours-32", "pipeline-32")
    assert (ratio["min"], ratio["median"], ratio["max"]) == (2.0, 3.0, 4.0)


def test_agreement_counts_categories_and_first_three_words():
    ours = {"categories": ["a", "b"], "words": [[[0, 1], [2, 3], [4, 5], [6, 7]], [[0, 1]]]}
    other = {"categories": ["a", "c"], "words": [[[4, 5], [0, 1], [2, 3], [8, 9]], [[2, 3]]]}
    assert agreement(ours, other) == {"category": 0.5, "words": 0.5}
    assert accuracy(ours, ["a", "a"]) == 0.5


def test_growth_is_a_line_through_the_samples():
    assert slope([0.0, 1.0, 2.0], [5.0, 7.0, 9.0]) == pytest.approx(2.0)
    assert slope([1.0], [5.0]) is None


def test_without_other_messages_a_third_is_learned_from_and_not_answered():
    examples = [Example(f"text {number}", "a") for number in range(9)]
    answered, fitted = split(examples, None, 0)
    assert (len(answered), len(fitted)) == (6, 3)
    assert {e.text for e in answered} | {e.text for e in fitted} == {e.text for e in examples}
    answered, fitted = split(examples, examples[:2], 0)
    assert (len(answered), len(fitted)) == (9, 2)


def test_long_texts_have_the_tokens_that_padding_gives_short_ones():
    texts, lengths = ["a b c d", "e f"], [6, 4]
    found = long_texts(texts, lengths, 3)
    assert len(found) == 3
    for text in found:
        assert 126 <= len(text.split()) < 126 + 4
    assert lengths_summary([3, 1, 2]) == {"mean": 2.0, "p50": 2, "p95": 3, "max": 3}


def test_an_untrained_model_is_compared_with_nothing_that_learns():
    assert "tfidf-32" in baselines((), trained=True)
    assert "tfidf-32" not in baselines((), trained=False)
    assert baselines(("eager-32",), trained=True) == ["eager-32"]
    with pytest.raises(InvalidInput, match="pipeline-1"):
        baselines(("nobody",), trained=True)


def test_the_work_of_a_token_is_that_of_the_published_shapes():
    assert flop_per_token(12, 768, 3072) == pytest.approx(169.9e6, rel=0.001)
    assert flop_per_token(6, 384, 1536) == pytest.approx(21.2e6, rel=0.005)


def test_every_row_says_who_and_how_many():
    assert all("{}" not in row.said and row.callers > 0 for row in rows())
    assert len({row.name for row in rows()}) == len(rows())


TURN = {"messages": 32, "seconds": 0.1, "rate": 320.0, "p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 3.0}


def measured(**changes):
    turns = {"ours-32": [TURN, {**TURN, "rate": 340.0}], "pipeline-32": [TURN, TURN]}
    counts = {"messages": 1500, "answered": 1499, "refused": 0, "failed": 1}
    return {
        "machine": {"processor": "CPU", "cores": 2, "load_before": 0.1, "versions": {"torch": "2"}},
        "rounds": 2,
        "turn_seconds": 0.5,
        "texts": {
            "name": "made up",
            "messages": 64,
            "tokens": {"mean": 10.0, "p50": 9, "p95": 20, "max": 30},
        },
        "rows": [row_summary(Row(name, f"said {name}", "ours"), turns[name]) for name in turns],
        "ratios": ratios(turns),
        "open_loop": [
            over_rounds(
                0.3,
                [
                    {**TURN, **counts, "saturation": 1000.0, "p99_ms": p99, "generator_p99_ms": 0.1}
                    for p99 in (2.5, 3.0, 90.0)
                ],
            )
        ],
        "memory": {
            "ours": {"rss_mib": 1.0, "peak_mib": 700.0},
            "http": {"rss_mib": 800.0, "peak_mib": 900.0},
        },
        "service": {"ready_first_seconds": 9.5, "ready_again_seconds": 4.25},
        "ceiling": {"flop_per_token": 1e6, "fp32_flops": 2e9, "int8_ops": 1e10},
        "gates": {
            "accuracy": {"ours": 0.9, "reference": 0.92},
            "agreement": {"category": 0.995, "words": 0.97},
            "alone": 1.0,
        },
        "notes": {"ours": {"ready_seconds": 1.0, "backend": "int8"}},
        "left_out": {"eager-32": "eager-32 ended: no memory"},
        "model": {"base_model": "base", "layers": 2, "hidden": 32, "categories": 3},
        **changes,
    }


def test_the_table_shows_rates_with_spread_ratios_and_gates():
    shown = table(measured())
    assert "| said ours-32 | 330 (320 to 340) | 33% | 1.0 / 2.0 / 3.0 |" in shown
    assert "| said ours-32, to said pipeline-32 | 1.03 (1.00 to 1.06) |" in shown
    assert "| 30% of 1,000 a second | 4,500 | 1.0 | 2.0 | 3.0 (2.5 to 90.0) | 0, 3 |" in shown
    assert "| same category as float32 torch | 99.50% |" in shown
    assert "| 9.5 s, 4.2 s |" in shown
    assert "800, 900 MiB" in shown
    assert "ours: int8." in shown
    assert "Left out: eager-32 ended: no memory." in shown
    lines = [line for line in shown.splitlines() if line.startswith("|")]
    for block in shown.split("\n\n"):
        columns = {line.count("|") for line in block.splitlines() if line.startswith("|")}
        assert len(columns) <= 1
    assert lines


def test_the_table_does_without_what_was_not_measured():
    shown = table(measured(gates={}, ceiling={}, memory={"ours": None, "http": None}))
    assert "float32 torch" not in shown
    assert "MiB" not in shown
    assert "Bound by" not in shown


def test_the_soak_table_shows_failures_and_growth():
    figures = {**TURN, "refused": 0, "failed": 0, "swaps": 4, "swaps_followed": 3, "rss_mib": [1.0, 2.0, 3.0]}
    shown = soak_table({**figures, "rss_slope": 0.5, "rss_slope_second_half": None})
    assert "| refused, failed | 0, 0 |" in shown
    assert "+0.50, unknown" in shown
