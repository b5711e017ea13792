"""NautilusTrader 2 reads what Barkeep wrote, every row equal, through its own catalog."""

from decimal import Decimal

import pytest
from bars_model import DAY, MINUTE, assert_equal, between, synthetic
from conftest import AAPL, BTC

MONDAY = 1_704_722_400 * 10**9 + 30 * MINUTE  # 2024-01-08T14:30Z


def days(count: int, seed: int = 1):
    """Sessions of 390 minutes on consecutive days."""
    return [synthetic(MONDAY + day * DAY, 390, seed + day) for day in range(count)]


def test_real_bars_by_time_and_condition(place, real_rows):
    place.add_real()
    assert_equal(place.nautilus.read(BTC), real_rows)
    assert_equal(place.barkeep.rows(BTC), real_rows)
    first, last = real_rows[0].ts_init, real_rows[-1].ts_init
    for start, end in [
        (first, first),
        (first + 1, first + MINUTE),
        (first + DAY - MINUTE, first + DAY + MINUTE),
        (last, last + DAY),
        (last + 1, last + DAY),
    ]:
        assert_equal(place.nautilus.read(BTC, start, end), between(real_rows, start, end))
    middle = sorted(row.close for row in real_rows)[len(real_rows) // 2]
    above = [row for row in real_rows if row.close > middle]
    assert_equal(place.nautilus.read(BTC, where=f"close > {middle}"), above)
    start, end = first + DAY, last - DAY
    both = place.nautilus.read(BTC, start, end, where=f"close > {middle} AND volume > 1")
    assert_equal(both, [row for row in between(above, start, end) if row.volume > 1])
    assert 0 < len(both) < len(above)


def test_intervals_are_disjoint(place, real_rows):
    place.add_real()
    intervals = place.nautilus.intervals(BTC)
    assert len(intervals) == 14
    assert (intervals[0][0], intervals[-1][1]) == (real_rows[0].ts_init, real_rows[-1].ts_init)
    assert all(left[1] < right[0] for left, right in zip(intervals, intervals[1:]))


def test_appended_and_replaced_bars(place):
    rows = []
    for day in days(4):
        for part in (day[:100], day[100:]):
            place.add(part)
            rows += part
            assert_equal(place.nautilus.read(AAPL), rows)
    changed = [row._replace(close=row.low, volume=row.volume + 1) for row in rows[300:500]]
    place.add(changed, "--overlap", "replace")
    rows[300:500] = changed
    assert_equal(place.nautilus.read(AAPL), rows)
    assert_equal(place.nautilus.read(AAPL, where="volume > 5000.0"), [row for row in rows if row.volume > 5000])
    # Into a hole, and before everything.
    early = synthetic(MONDAY - DAY, 60, 77)
    place.add(early)
    assert_equal(place.nautilus.read(AAPL), early + rows)


def test_deleted_and_consolidated_bars(place):
    for command in ("delete", "consolidate"):
        if not place.barkeep.knows(command):
            pytest.skip(f"this build has no `barkeep {command}`")
    rows = sum(days(4), [])
    place.add(rows)
    start, end = rows[100].ts_init, rows[900].ts_init
    place.barkeep("delete", AAPL, "--start", iso(start), "--end", iso(end))
    rows = rows[:100] + rows[900:]
    assert_equal(place.nautilus.read(AAPL), rows)
    for period in ("week", "all", "day"):
        place.barkeep("consolidate", AAPL, "--by", period)
        assert_equal(place.nautilus.read(AAPL), rows)
        assert_equal(place.nautilus.read(AAPL, rows[50].ts_init, rows[200].ts_init), rows[50:201])


def iso(nanos: int) -> str:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(nanos // 10**9, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_every_decimal_and_sign(place):
    rows = [
        row._replace(open=Decimal("-37.63"), low=Decimal("-40.32"), close=Decimal("-0.01"), high=Decimal("0.01"))
        for row in synthetic(MONDAY, 3)
    ]
    place.add(rows)
    assert_equal(place.nautilus.read(AAPL), rows)
    assert_equal(place.nautilus.read(AAPL, where="low < -40"), rows)
