"""DuckDB, Polars and pyarrow read the files as they are: prices are decimals, stamps are timestamps."""

import duckdb
import polars
import pyarrow.dataset
import pyarrow.parquet
import pytest
from bars_model import Row, assert_equal
from conftest import AAPL
from peers import table_rows
from test_nautilus_2_reads import days

COLUMNS = ["open", "high", "low", "close", "volume", "ts_event", "ts_init"]
FOLDERS = {"btc": "BTCUSD.BITSTAMP-1-MINUTE-LAST-EXTERNAL", "aapl": AAPL}


@pytest.fixture(params=["nautilus", "compact"])
def profile(request):
    return request.param


@pytest.fixture
def filled(place, profile):
    place.add_real("--profile", profile)
    return place


def test_duckdb(filled, profile, real_rows):
    glob = f"{filled.catalog}/data/bars/*/*.parquet"
    described = duckdb.sql(f"DESCRIBE SELECT * FROM '{glob}'").fetchall()
    types = {line[0]: line[1] for line in described}
    assert list(types) == COLUMNS
    assert all(types[name].startswith("DECIMAL(") for name in COLUMNS[:5]), types
    assert all(types[name].startswith("TIMESTAMP") for name in COLUMNS[5:]), types
    stamps = "epoch_ns(ts_event), epoch_ns(ts_init)"
    rows = duckdb.sql(f"SELECT open, high, low, close, volume, {stamps} FROM '{glob}' ORDER BY ts_init").fetchall()
    assert_equal([Row(*row) for row in rows], real_rows)
    closes = sum(row.close for row in real_rows)
    assert duckdb.sql(f"SELECT sum(close) FROM '{glob}'").fetchall()[0][0] == closes
    found = duckdb.sql(f"SELECT count(*) FROM '{glob}' WHERE close > 62000.5 AND ts_init >= '2026-08-20 00:00:00+00'").fetchall()[0]
    day = 1_787_184_000 * 10**9  # 2026-08-20
    assert found[0] == sum(row.close > 62000.5 and row.ts_init >= day for row in real_rows) > 0


def test_polars(filled, profile, real_rows):
    frame = polars.scan_parquet(f"{filled.catalog}/data/bars/*/*.parquet").sort("ts_init").collect()
    assert frame.columns == COLUMNS
    assert all(isinstance(frame.schema[name], polars.Decimal) for name in COLUMNS[:5]), frame.schema
    assert all(frame.schema[name] == polars.Datetime("ns", "UTC") for name in COLUMNS[5:]), frame.schema
    frame = frame.with_columns(polars.col("ts_event", "ts_init").cast(polars.Int64))
    assert_equal([Row(*row) for row in frame.iter_rows()], real_rows)


def test_pyarrow(filled, profile, real_rows):
    table = pyarrow.dataset.dataset(filled.catalog / "data/bars" / FOLDERS["btc"]).to_table().sort_by("ts_init")
    assert all(pyarrow.types.is_decimal(table.schema.field(name).type) for name in COLUMNS[:5])
    assert all(table.schema.field(name).type == pyarrow.timestamp("ns", "UTC") for name in COLUMNS[5:])
    assert_equal(table_rows(table), real_rows)
    assert table_rows(pyarrow.parquet.read_table(filled.catalog / "data/bars" / FOLDERS["btc"]).sort_by("ts_init"))


def test_after_edits(place, profile):
    """Appended, replaced and merged files are read as one series, each bar once."""
    rows = sum(days(3), [])
    place.add(rows[:500], "--profile", profile)
    place.add(rows[500:])
    changed = [row._replace(close=row.low) for row in rows[450:550]]
    place.add(changed, "--overlap", "replace")
    rows[450:550] = changed
    glob = f"{place.catalog}/data/bars/*/*.parquet"
    query = f"SELECT open, high, low, close, volume, epoch_ns(ts_event), epoch_ns(ts_init) FROM '{glob}' ORDER BY ts_init"
    assert_equal([Row(*row) for row in duckdb.sql(query).fetchall()], rows)
    frame = polars.scan_parquet(glob).sort("ts_init").collect()
    frame = frame.with_columns(polars.col("ts_event", "ts_init").cast(polars.Int64))
    assert_equal([Row(*row) for row in frame.iter_rows()], rows)
