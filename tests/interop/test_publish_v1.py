"""NautilusTrader 1.x reads what `barkeep publish --format nautilus-v1` writes: every row, by its own catalog class, with time ranges.

Needs nautilus_trader==1.231.0 and the environment variable BARKEEP_BIN, the binary to test.
"""

import csv
import datetime
import io
import os
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

persistence = pytest.importorskip("nautilus_trader.persistence.catalog")
model = pytest.importorskip("nautilus_trader.model.data")

if not hasattr(persistence, "ParquetDataCatalog") or not hasattr(model, "BarType"):
    pytest.skip("this NautilusTrader is not a 1.x", allow_module_level=True)

BARKEEP = os.environ.get("BARKEEP_BIN")
BTC = "BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL"
ACME = "ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL"
INDEX = "^SPX.CBOE-1-MINUTE-BID-EXTERNAL"

pytestmark = pytest.mark.skipif(BARKEEP is None, reason="BARKEEP_BIN does not name the binary")


def barkeep(catalog: Path, *words: str) -> str:
    done = subprocess.run([BARKEEP, "--catalog", catalog, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def stored(catalog: Path, series: str, *words: str) -> list[tuple]:
    """What Barkeep says it holds: five exact values and both stamps in text."""
    text = barkeep(catalog, "query", series, "--format", "csv", *words)
    names = ("open", "high", "low", "close", "volume")
    return [(*(Decimal(row[name]) for name in names), row["ts_event"]) for row in csv.DictReader(io.StringIO(text))]


def stamp(nanos: int) -> str:
    seconds, rest = divmod(nanos, 1_000_000_000)
    assert rest == 0
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(bars) -> list[tuple]:
    """The same of NautilusTrader's bars."""
    rows = []
    for bar in bars:
        assert bar.ts_init == bar.ts_event
        values = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        rows.append((*(value.as_decimal() for value in values), stamp(bar.ts_event)))
    return rows


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("publish_v1")
    catalog = place / "catalog"
    barkeep(catalog, "demo", "--no-serve")
    lines = ["time,open,high,low,close,volume"]
    # Two months, so two files; a negative price; 16 decimals.
    for day in ("2024-01-31", "2024-02-01"):
        for minute in range(60):
            price = f"-37.{minute:02d}00000000000001"
            lines.append(f"{day}T12:{minute:02d}:00Z,{price},1.5,-40.25,{price},{minute}")
    source = place / "spx.csv"
    source.write_text("\n".join(lines) + "\n")
    barkeep(catalog, "import", "csv", str(source), "--instrument", "^SPX.CBOE", "--bar", "1-MINUTE-BID", "--stamp", "open")
    barkeep(catalog, "publish", str(place / "v1"), "--format", "nautilus-v1")
    return place


def nautilus(place: Path):
    return persistence.ParquetDataCatalog(str(place / "v1"))


@pytest.mark.parametrize("series", [BTC, ACME, INDEX])
def test_every_row_is_equal(place, series):
    expected = stored(place / "catalog", series)
    found = nautilus(place).bars(bar_types=[series])
    assert {str(bar.bar_type) for bar in found} == {series}
    assert read(found) == expected


@pytest.mark.parametrize(
    ("series", "start", "end"),
    [
        (BTC, "2026-08-20T12:00:00Z", "2026-08-21T00:00:00Z"),
        (ACME, "2026-08-31T19:00:00Z", "2026-09-01T14:00:00Z"),
        (INDEX, "2024-01-31T12:59:00Z", "2024-02-01T12:02:00Z"),
    ],
)
def test_a_time_range_holds_the_same_rows(place, series, start, end):
    found = read(nautilus(place).bars(bar_types=[series], start=start, end=end))
    # Its end is inclusive, Barkeep's is not.
    expected = [row for row in stored(place / "catalog", series, "--start", start) if row[-1] <= end]
    assert expected
    assert found == expected


def test_files_read_by_pyarrow_are_equal(place):
    files = sorted(str(path) for path in (place / "v1/data/bar/BTCUSD.BITSTAMP-1-MINUTE-LAST-EXTERNAL").glob("*.parquet"))
    found = nautilus(place).query(data_cls=model.Bar, identifiers=[BTC], files=files)
    assert read(found) == stored(place / "catalog", BTC)


def test_intervals_are_those_of_the_bars(place):
    intervals = nautilus(place).get_intervals(model.Bar, identifier=INDEX)
    hour = 3_600_000_000_000
    noon = [1_706_702_400_000_000_000, 1_706_788_800_000_000_000]
    assert intervals == [(start + hour // 60, start + hour) for start in noon]


def test_the_copy_grows_and_stays_readable(place):
    catalog = place / "catalog"
    lines = ["time,open,high,low,close,volume", "2024-02-01T13:00:00Z,1.5,1.5,1.5,1.5,7"]
    source = place / "more.csv"
    source.write_text("\n".join(lines) + "\n")
    barkeep(catalog, "import", "csv", str(source), "--instrument", "^SPX.CBOE", "--bar", "1-MINUTE-BID", "--stamp", "open")
    barkeep(catalog, "publish", str(place / "v1"), "--format", "nautilus-v1")
    directory = place / "v1/data/bar" / INDEX
    assert len(list(directory.iterdir())) == 2
    assert read(nautilus(place).bars(bar_types=[INDEX])) == stored(catalog, INDEX)
