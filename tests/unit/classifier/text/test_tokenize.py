"""Which texts run together."""

from hypothesis import given
from hypothesis import strategies as st

from classifier.text.tokenize import batches_by_budget, cheapest_batches


def cost(batches, lengths, overhead):
    return sum(overhead + len(batch) * max(lengths[at] for at in batch) for batch in batches)


@given(
    lengths=st.lists(st.integers(1, 600), max_size=60),
    budget=st.integers(1, 600),
    overhead=st.integers(1, 64),
)
def test_every_text_runs_once_within_the_budget_and_no_dearer_than_in_full_batches(lengths, budget, overhead):
    batches = cheapest_batches(lengths, budget, overhead)
    assert sorted(at for batch in batches for at in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[at] for at in batch) <= budget
    full = list(batches_by_budget(lengths, budget, most=1000))
    assert cost(batches, lengths, overhead) <= cost(full, lengths, overhead)


def test_one_long_text_does_not_pad_the_short_ones():
    assert cheapest_batches([9, 60, 10, 9], 384, 16) == [[0, 3, 2], [1]]
    assert cheapest_batches([9, 12, 10, 9], 384, 16) == [[0, 3, 2, 1]]
