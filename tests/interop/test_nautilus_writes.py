"""Barkeep reads what both lines of NautilusTrader write now, and follows what they do to it later."""

import pytest
from bars_model import DAY, assert_equal, synthetic
from conftest import AAPL
from peers import Barkeep, Nautilus1, Nautilus2
from test_nautilus_2_reads import MONDAY, days

SLASH = "EUR/USD.SIM-1-MINUTE-BID-EXTERNAL"


@pytest.mark.parametrize("peer", [Nautilus1, Nautilus2], ids=lambda peer: peer.name)
def test_adopted_and_followed(tmp_path, peer):
    catalog = tmp_path / "catalog"
    nautilus, barkeep = peer(catalog), Barkeep(catalog)
    first, second, third, fourth = days(4)
    nautilus.write(AAPL, first)
    nautilus.write(AAPL, second)
    nautilus.write(SLASH, synthetic(MONDAY, 50, 9))
    barkeep("adopt", "--strict")
    assert_equal(barkeep.rows(AAPL), first + second)
    assert_equal(barkeep.rows(SLASH), synthetic(MONDAY, 50, 9))

    nautilus.write(AAPL, third)
    assert "adopted 1 files with 390 bars" in barkeep("adopt", "--update", "--strict")
    assert_equal(barkeep.rows(AAPL), first + second + third)

    nautilus.consolidate(AAPL)
    said = barkeep("adopt", "--update", "--strict")
    assert "3 files with 1,170 bars are no longer there" in said and "held by other files" in said
    assert_equal(barkeep.rows(AAPL), first + second + third)

    nautilus.delete(AAPL, second[10].ts_init, second[199].ts_init)
    said = barkeep("adopt", "--update")
    assert "deleted: 190 bars" in said, said
    left = first + second[:10] + second[200:] + third
    assert_equal(barkeep.rows(AAPL), left)
    assert_equal(nautilus.read(AAPL), left)

    nautilus.write(AAPL, fourth)
    barkeep("adopt", "--update", "--strict")
    assert_equal(barkeep.rows(AAPL), left + fourth)
    assert "nothing to adopt" in barkeep("adopt", "--update")


def test_both_write_one_catalog(place):
    first, second, third, fourth = days(4)
    place.nautilus.write(AAPL, first)
    place.barkeep("adopt", "--strict")
    place.add(second)
    assert_equal(place.nautilus.read(AAPL), first + second)
    place.nautilus.write(AAPL, third)
    # Barkeep sees that somebody else wrote there, and says what to do.
    assert_equal(place.barkeep.rows(AAPL), first + second)
    place.barkeep("adopt", "--update", "--strict")
    place.add(fourth)
    everything = first + second + third + fourth
    assert_equal(place.barkeep.rows(AAPL), everything)
    assert_equal(place.nautilus.read(AAPL), everything)
    # NautilusTrader merges files of both.
    place.nautilus.consolidate(AAPL)
    place.barkeep("adopt", "--update", "--strict")
    assert_equal(place.barkeep.rows(AAPL), everything)


def test_old_catalogs_are_migrated(tmp_path, place):
    old = Nautilus1(tmp_path / "old")
    rows, other = sum(days(3), []), synthetic(MONDAY + DAY, 77, 5)
    for day in days(3):
        old.write(AAPL, day)
    old.write(SLASH, other)
    ids = old.write_instruments()
    said = place.barkeep("migrate", "nautilus", old.path)
    assert "equal" in said and "DIFFERENT" not in said and "migrated 1,247 bars of 2 series and 2 instruments" in said, said
    for bar_type, wanted in [(AAPL, rows), (SLASH, other)]:
        assert_equal(place.barkeep.rows(bar_type), wanted)
        assert_equal(place.nautilus.read(bar_type), wanted)
    # The perpetual's fields are kept; NautilusTrader 2 gets the classes whose schema is known.
    listed = place.barkeep("instruments", "--format", "json")
    assert all(id in listed for id in ids)
    assert place.nautilus.instruments() == ["AAPL.NASDAQ", "EUR/USD.SIM"]


def test_writes_into_an_old_series_are_refused(tmp_path):
    catalog = tmp_path / "catalog"
    nautilus, barkeep = Nautilus1(catalog), Barkeep(catalog)
    first, second = days(2)
    nautilus.write(AAPL, first)
    barkeep("adopt", "--strict")
    from bars_model import write_csv

    write_csv(tmp_path / "bars.csv", second)
    command = ["import", "csv", tmp_path / "bars.csv", "--instrument", "AAPL.NASDAQ", "--bar", "1-MINUTE"]
    assert "migrate nautilus" in barkeep(*command, "--stamp", "close", code=1)
    assert_equal(nautilus.read(AAPL), first)
