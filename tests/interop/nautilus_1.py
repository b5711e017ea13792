"""Runs in the environment of NautilusTrader 1.x: one request as JSON on standard input, the answer as the last line of output."""

import json
import sys

from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.persistence.catalog import ParquetDataCatalog
from nautilus_trader.test_kit.providers import TestInstrumentProvider


def write(catalog, bar_type, rows):
    kind = BarType.from_str(bar_type)
    bars = [
        Bar(kind, *map(Price.from_str, row[:4]), Quantity.from_str(row[4]), row[5], row[6]) for row in rows
    ]
    catalog.write_data(bars)


def write_instruments(catalog):
    instruments = [
        TestInstrumentProvider.equity("AAPL", "NASDAQ"),
        TestInstrumentProvider.default_fx_ccy("EUR/USD"),
        TestInstrumentProvider.btcusdt_perp_binance(),
    ]
    catalog.write_data(instruments)
    return [str(instrument.id) for instrument in instruments]


def read(catalog, bar_type, start, end, where):
    bars = catalog.query(Bar, identifiers=[bar_type], start=start, end=end, where=where)
    values = lambda bar: [str(value) for value in (bar.open, bar.high, bar.low, bar.close, bar.volume)]
    return [[*values(bar), bar.ts_event, bar.ts_init] for bar in bars]


def consolidate(catalog, bar_type):
    catalog.consolidate_data(Bar, bar_type, ensure_contiguous_files=False)


def delete(catalog, bar_type, start, end):
    catalog.delete_data_range(Bar, bar_type, start, end)


request = json.load(sys.stdin)
operations = {"write": write, "write_instruments": write_instruments, "read": read, "consolidate": consolidate, "delete": delete}
operation = operations[request.pop("operation")]
print(json.dumps(operation(ParquetDataCatalog(request.pop("path")), **request)))
