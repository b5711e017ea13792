"""Bars as plain tuples, so that what peers read can be compared with what was written."""

from decimal import Decimal
from typing import NamedTuple

MINUTE = 60 * 10**9
DAY = 24 * 60 * MINUTE


class Row(NamedTuple):
    """One bar; stamps are nanoseconds, the bar's close. Decimals compare by value, whatever their trailing zeros."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    ts_event: int
    ts_init: int


def synthetic(first_open: int, count: int, seed: int = 1) -> list[Row]:
    """Minutes with two decimals from a linear congruential generator."""
    state, price, rows = seed, 18_500, []
    for number in range(count):
        draws = []
        for _ in range(4):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            draws.append(state >> 33)
        close = max(100, price + draws[0] % 41 - 20)
        high, low = max(price, close) + draws[1] % 15, min(price, close) - draws[2] % 15
        stamp = first_open + (number + 1) * MINUTE
        values = [Decimal(value).scaleb(-2) for value in (price, high, low, close)]
        rows.append(Row(*values, Decimal(draws[3] % 10_000), stamp, stamp))
        price = close
    return rows


def write_csv(path, rows: list[Row]) -> None:
    """A file for `barkeep import csv --stamp close`; times are Unix nanoseconds."""
    with open(path, "w") as file:
        file.write("timestamp,open,high,low,close,volume\n")
        for row in rows:
            file.write(f"{row.ts_init},{row.open},{row.high},{row.low},{row.close},{row.volume}\n")


def between(rows: list[Row], start: int, end: int) -> list[Row]:
    """Rows whose ts_init lies in the closed range, as NautilusTrader counts."""
    return [row for row in rows if start <= row.ts_init <= end]


def assert_equal(found: list[Row], wanted: list[Row]) -> None:
    """Every row, every value, in order."""
    for at, (left, right) in enumerate(zip(found, wanted)):
        assert left == right, f"row {at}"
    assert len(found) == len(wanted)
