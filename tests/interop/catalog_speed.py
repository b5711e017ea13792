"""What peers need for the tasks of tests/benches/catalog_speed.rs, on the same bars.

Usage: catalog_speed.py BARS.parquet [nautilus|others]

BARS.parquet is a file that `barkeep query --format parquet` wrote. Each task is printed as a line of JSON. Times are wall-clock in this
process: without its start, its imports, or making the objects that are written. Nothing here calls fsync; Barkeep does.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SERIES = "AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL"
DAY = ("2024-06-03", "2024-06-04")


def report(who, task, rows, times):
    print(json.dumps({"who": who, "task": task, "rows": rows, "seconds": statistics.median(times)}), flush=True)


def timed(rounds, work, prepare=lambda: None):
    times, rows = [], 0
    for _ in range(rounds):
        given = prepare()
        start = time.perf_counter()
        rows = work(given) if given is not None else work()
        times.append(time.perf_counter() - start)
    return rows, times


def nautilus(table):
    """NautilusTrader 1.231's own catalog, through its own objects, as its users write and read."""
    import pandas as pd
    from nautilus_trader.model.data import Bar, BarType
    from nautilus_trader.model.objects import Price, Quantity
    from nautilus_trader.persistence.catalog import ParquetDataCatalog

    bar_type = BarType.from_str(SERIES)
    columns = {name: table.column(name).cast(pa.float64()).to_pylist() for name in ("open", "high", "low", "close", "volume")}
    stamps = table.column("ts_init").cast(pa.int64()).to_pylist()
    bars = [
        Bar(bar_type, Price(o, 2), Price(h, 2), Price(l, 2), Price(c, 2), Quantity(v, 0), t, t)
        for o, h, l, c, v, t in zip(*(columns[n] for n in ("open", "high", "low", "close", "volume")), stamps, strict=True)
    ]
    by_day = {}
    for bar in bars:
        by_day.setdefault((bar.ts_init - 1) // 86_400_000_000_000, []).append(bar)

    def empty():
        return ParquetDataCatalog(tempfile.mkdtemp())

    def write_daily(catalog):
        for day in by_day.values():
            catalog.write_data(day)
        return len(bars)

    def write_whole(catalog):
        catalog.write_data(bars)
        return len(bars)

    who = "NautilusTrader 1.231"
    report(who, "write a year", *timed(3, write_daily, empty))
    report(who, "write a year, one file", *timed(3, write_whole, empty))
    daily, whole = empty(), empty()
    write_daily(daily)
    write_whole(whole)
    last = max(by_day)
    shift = 2 * 86_400_000_000_000

    def shifted():
        catalog = empty()
        write_daily(catalog)
        later = [
            Bar(bar_type, b.open, b.high, b.low, b.close, b.volume, b.ts_event + shift, b.ts_init + shift) for b in by_day[last]
        ]
        return catalog, later

    def append(given):
        catalog, later = given
        catalog.write_data(later)
        return len(later)

    report(who, "append a day", *timed(3, append, shifted))
    for catalog, files in ((daily, "daily files"), (whole, "one file")):
        read = lambda: len(catalog.bars(bar_types=[SERIES]))
        report(who, f"decode a year, {files}", *timed(3, read))
        one = lambda: len(catalog.bars(bar_types=[SERIES], start=pd.Timestamp(DAY[0], tz="UTC"), end=pd.Timestamp(DAY[1], tz="UTC")))
        report(who, f"read one day, {files}", *timed(5, one))

    def full():
        catalog = empty()
        write_daily(catalog)
        return catalog

    def consolidate(catalog):
        catalog.consolidate_data(data_cls=Bar, identifier=SERIES, ensure_contiguous_files=False)
        return len(bars)

    report(who, "consolidate a year", *timed(3, consolidate, full))


def by_day(table):
    days = pc.floor_temporal(pc.subtract(table.column("ts_init"), pa.scalar(1, pa.duration("ns"))), unit="day")
    runs, start = [], 0
    values = days.to_pylist()
    for at in range(1, len(values) + 1):
        if at == len(values) or values[at] != values[start]:
            runs.append(table.slice(start, at - start))
            start = at
    return runs


def others(table):
    """pyarrow and DuckDB on Parquet files of the same bars as decimals; both on one thread, as Barkeep decodes."""
    import duckdb

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    days = by_day(table)

    def write_daily(folder):
        for number, day in enumerate(days):
            pq.write_table(day, Path(folder) / f"{number:04}.parquet", compression="zstd", use_dictionary=False)
        return table.num_rows

    report("pyarrow", "write a year", *timed(5, write_daily, tempfile.mkdtemp))
    daily, whole = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())
    write_daily(daily)
    pq.write_table(table, whole / "year.parquet", compression="zstd", use_dictionary=False, row_group_size=5000)
    start, end = (pa.scalar(text + "T00:00:00Z").cast(pa.timestamp("ns", "UTC")) for text in DAY)
    doubles = {name: pa.float64() for name in ("open", "high", "low", "close", "volume")}

    def to_doubles(found):
        schema = pa.schema([(f.name, doubles.get(f.name, f.type)) for f in found.schema])
        return found.cast(schema).num_rows

    for folder, files in ((daily, "daily files"), (whole, "one file")):
        read = lambda: to_doubles(pq.read_table(folder))
        report("pyarrow", f"decode a year, {files}", *timed(5, read))
        wanted = [("ts_init", ">=", start), ("ts_init", "<", end)]
        report("pyarrow", f"read one day, {files}", *timed(5, lambda: to_doubles(pq.read_table(folder, filters=wanted))))
        report("pyarrow", f"read a year of closes, {files}", *timed(5, lambda: to_doubles(pq.read_table(folder, columns=["close", "ts_init"]))))
    connection = duckdb.connect()
    connection.execute("SET threads = 1; SET TimeZone = 'UTC'")
    casts = "open::DOUBLE, high::DOUBLE, low::DOUBLE, close::DOUBLE, volume::DOUBLE, ts_event, ts_init"

    def duck(what, folder, condition=""):
        found = connection.execute(f"SELECT {what} FROM '{folder}/*.parquet' {condition}").fetchnumpy()
        return len(found["ts_init"])

    between = f"WHERE ts_init >= TIMESTAMPTZ '{DAY[0]} 00:00:00+00' AND ts_init < TIMESTAMPTZ '{DAY[1]} 00:00:00+00'"
    for folder, files in ((daily, "daily files"), (whole, "one file")):
        report("DuckDB", f"decode a year, {files}", *timed(5, lambda: duck(casts, folder)))
        report("DuckDB", f"read one day, {files}", *timed(5, lambda: duck(casts, folder, between)))
        report("DuckDB", f"read a year of closes, {files}", *timed(5, lambda: duck("close::DOUBLE, ts_init", folder)))

    def consolidate():
        out = Path(tempfile.mkdtemp()) / "year.parquet"
        connection.execute(f"COPY (SELECT * FROM '{daily}/*.parquet' ORDER BY ts_init) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")
        return table.num_rows

    report("DuckDB", "consolidate a year", *timed(5, consolidate))


if __name__ == "__main__":
    bars = pq.read_table(sys.argv[1])
    {"nautilus": nautilus, "others": others}[sys.argv[2]](bars)
