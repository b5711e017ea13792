"""Barkeep appends while NautilusTrader reads: no error, no bar twice, never fewer bars than were committed."""

import threading

from bars_model import assert_equal
from conftest import AAPL
from test_nautilus_2_reads import days


def test_appending_under_a_reader(place):
    parts = [part for day in days(12) for part in (day[:130], day[130:260], day[260:])]
    place.add(parts[0])
    committed, failures = [len(parts[0])], []

    def append():
        try:
            for part in parts[1:]:
                place.add(part)
                committed[0] += len(part)
        except BaseException as error:
            failures.append(error)

    writer = threading.Thread(target=append)
    writer.start()
    wanted, reads, seen = sum(parts, []), 0, 0
    while writer.is_alive():
        at_least = committed[0]
        rows = place.nautilus.read(AAPL)
        assert len(rows) >= max(at_least, seen)
        assert_equal(rows, wanted[: len(rows)])
        reads, seen = reads + 1, len(rows)
    writer.join()
    assert not failures, failures[0]
    assert reads > 10, "the reader was hardly reading"
    assert_equal(place.nautilus.read(AAPL), wanted)
