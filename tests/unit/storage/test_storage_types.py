"""Column types, without a database."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from sqlalchemy.dialects import postgresql, sqlite

from storage.types import UTCDateTime, vector_from_bytes, vector_to_bytes

DIALECTS = [sqlite.dialect(), postgresql.dialect()]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_time_of_any_zone_comes_back_aware_in_utc(dialect):
    tokyo = datetime(2026, 1, 5, 18, 0, tzinfo=timezone(timedelta(hours=9)))
    column = UTCDateTime()
    back = column.process_result_value(column.process_bind_param(tokyo, dialect), dialect)
    assert back == tokyo
    assert back.tzinfo is UTC


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_naive_time_is_refused(dialect):
    with pytest.raises(ValueError, match="aware"):
        UTCDateTime().process_bind_param(datetime(2026, 1, 5), dialect)  # noqa: DTZ001


def test_a_vector_is_packed_as_little_endian_float32():
    packed = vector_to_bytes([1.0, -2.5])
    assert packed.hex() == "0000803f000020c0"
    back = vector_from_bytes(packed)
    assert back.dtype == np.float32
    assert back.tolist() == [1.0, -2.5]
