"""NautilusTrader 1.x reads what `barkeep publish --format nautilus-v1` writes: every row, by its own catalog class, with time ranges.

NAUTILUS_1_PYTHON names a Python with nautilus_trader==1.231.0 (this one if it is not set), BARKEEP_BIN the binary to test.
"""

import csv
import datetime
import io
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

BTC = "BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL"
ACME = "ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL"
INDEX = "^SPX.CBOE-1-MINUTE-BID-EXTERNAL"

# Runs where NautilusTrader 1.x is; a file that it does not like ends its process.
READER = """
import json, sys
from nautilus_trader.model.data import Bar
from nautilus_trader.persistence.catalog import ParquetDataCatalog
path, series, query = json.loads(sys.argv[1])
catalog = ParquetDataCatalog(path)
if query is None:
    print(json.dumps(catalog.get_intervals(Bar, identifier=series)))
else:
    bars = catalog.query(data_cls=Bar, identifiers=[series], **query)
    assert {str(bar.bar_type) for bar in bars} <= {series}
    values = lambda bar: [str(value) for value in (bar.open, bar.high, bar.low, bar.close, bar.volume)]
    print(json.dumps([[*values(bar), bar.ts_event, bar.ts_init] for bar in bars]))
"""


def nautilus(place: Path, series: str, query: dict | None) -> list:
    request = json.dumps([str(place / "v1"), series, query])
    python = os.environ.get("NAUTILUS_1_PYTHON", sys.executable)
    done = subprocess.run([python, "-c", READER, request], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def read(place: Path, series: str, **query) -> list[tuple]:
    """NautilusTrader's bars: five exact values and both stamps."""
    return [(*map(Decimal, row[:5]), *row[5:]) for row in nautilus(place, series, query)]


def barkeep(place: Path, *words: str) -> str:
    command = [os.environ["BARKEEP_BIN"], "--catalog", str(place / "catalog"), *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def stored(place: Path, series: str, start: str | None = None, last: str | None = None) -> list[tuple]:
    """The same of what Barkeep holds; `last` is inclusive, as NautilusTrader's end is."""
    words = ["--columns", "open,high,low,close,volume,ts_event,ts_init", *(["--start", start] if start else [])]
    text = barkeep(place, "query", series, "--format", "csv", *words)
    values = ("open", "high", "low", "close", "volume")
    stamps = ("ts_event", "ts_init")
    rows = csv.DictReader(io.StringIO(text))
    found = [(*(Decimal(row[name]) for name in values), *(nanos(row[name]) for name in stamps)) for row in rows]
    return [row for row in found if last is None or row[-1] <= nanos(last)]


def nanos(text: str) -> int:
    return round(datetime.datetime.fromisoformat(text).timestamp()) * 10**9


def index_bars(place: Path, name: str, lines: list[str]) -> None:
    source = place / name
    source.write_text("\n".join(["time,open,high,low,close,volume", *lines]) + "\n")
    words = ["--instrument", "^SPX.CBOE", "--bar", "1-MINUTE-BID", "--stamp", "open"]
    barkeep(place, "import", "csv", str(source), *words)


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("publish_v1")
    barkeep(place, "demo", "--no-serve")
    # Two months, so two files; negative prices; 16 decimals; a `^` in the name.
    price = lambda minute: f"-37.{minute:02d}00000000000001"
    line = lambda day, minute: f"{day}T12:{minute:02d}:00Z,{price(minute)},1.5,-40.25,{price(minute)},{minute}"
    index_bars(place, "spx.csv", [line(day, minute) for day in ("2024-01-31", "2024-02-01") for minute in range(60)])
    barkeep(place, "publish", str(place / "v1"), "--format", "nautilus-v1")
    return place


@pytest.mark.parametrize("series", [BTC, ACME, INDEX])
def test_every_row_is_equal(published, series):
    assert read(published, series) == stored(published, series)


@pytest.mark.parametrize(
    ("series", "start", "end"),
    [
        (BTC, "2026-08-20T12:00:00Z", "2026-08-21T00:00:00Z"),
        (ACME, "2026-08-31T19:00:00Z", "2026-09-01T14:00:00Z"),
        (INDEX, "2024-01-31T12:59:00Z", "2024-02-01T12:02:00Z"),
    ],
)
def test_a_time_range_holds_the_same_rows(published, series, start, end):
    expected = stored(published, series, start, end)
    assert expected
    assert read(published, series, start=start, end=end) == expected


def test_files_read_by_pyarrow_are_equal(published):
    folder = published / "v1/data/bar/BTCUSD.BITSTAMP-1-MINUTE-LAST-EXTERNAL"
    files = sorted(str(path) for path in folder.glob("*.parquet"))
    assert read(published, BTC, files=files) == stored(published, BTC)


def test_intervals_are_those_of_the_bars(published):
    intervals = nautilus(published, INDEX, None)
    days = ("2024-01-31", "2024-02-01")
    assert intervals == [[nanos(f"{day}T12:01:00Z"), nanos(f"{day}T13:00:00Z")] for day in days]


def test_the_copy_grows_and_stays_readable(published):
    index_bars(published, "more.csv", ["2024-02-01T13:00:00Z,1.5,1.5,1.5,1.5,7"])
    barkeep(published, "publish", str(published / "v1"), "--format", "nautilus-v1")
    assert len(list((published / "v1/data/bar" / INDEX).iterdir())) == 2
    found = read(published, INDEX)
    assert found == stored(published, INDEX)
    assert len(found) == 121
