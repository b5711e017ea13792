"""NautilusTrader's two lines behind one face, and Barkeep's command line."""

import json
import os
import subprocess
from pathlib import Path

import pyarrow.parquet
from bars_model import Row
from nautilus_trader.model import Bar, BarType, NautilusDataType, Price, Quantity
from nautilus_trader.persistence import ParquetDataCatalog


class Barkeep:
    """The binary under test on one catalog."""

    def __init__(self, catalog: Path):
        self.catalog = catalog

    def __call__(self, *words: object, code: int = 0) -> str:
        """Runs a command and returns what it printed."""
        done = self._run(words)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout if code == 0 else done.stderr

    def knows(self, command: str) -> bool:
        """Whether this build has a command."""
        return self._run([command, "--help"]).returncode == 0

    def rows(self, bar_type: str) -> list[Row]:
        """All bars of a series."""
        done = self._run(["query", bar_type, "--format", "parquet"], text=False)
        assert done.returncode == 0, done.stderr
        return table_rows(pyarrow.parquet.read_table(pyarrow.BufferReader(done.stdout)))

    def _run(self, words, text=True):
        command = [os.environ["BARKEEP_BIN"], "--catalog", self.catalog, *words]
        return subprocess.run([str(word) for word in command], capture_output=True, text=text)


def table_rows(table) -> list[Row]:
    """The rows of an Arrow table of bars."""
    stamps = [table[name].cast("int64").to_pylist() for name in ("ts_event", "ts_init")]
    values = [table[name].to_pylist() for name in ("open", "high", "low", "close", "volume")]
    return [Row(*row) for row in zip(*values, *stamps)]


class Nautilus2:
    """NautilusTrader 2.0.0rc7, in this process."""

    name = "2.0.0rc7"

    def __init__(self, path: Path):
        self.path = path

    def _catalog(self):
        # It makes no directory. And a new catalog each time: what it remembers must not help it.
        self.path.mkdir(exist_ok=True)
        return ParquetDataCatalog(str(self.path))

    def write(self, bar_type: str, rows: list[Row]) -> None:
        kind = BarType.from_str(bar_type)
        prices = lambda row: [Price.from_str(str(value)) for value in row[:4]]
        bars = [Bar(kind, *prices(row), Quantity.from_str(str(row.volume)), *row[5:]) for row in rows]
        self._catalog().write_bars(bars)

    def read(self, bar_type: str, start=None, end=None, where=None) -> list[Row]:
        bars = self._catalog().query_bars([bar_type], start=start, end=end, where_clause=where)
        assert all(str(bar.bar_type) == bar_type for bar in bars)
        return [bar_row(bar) for bar in bars]

    def consolidate(self, bar_type: str) -> None:
        self._catalog().consolidate_data(NautilusDataType.Bar, bar_type, ensure_contiguous_files=False)

    def delete(self, bar_type: str, start: int, end: int) -> None:
        self._catalog().delete_data_range(NautilusDataType.Bar, bar_type, start, end)

    def intervals(self, bar_type: str) -> list[tuple[int, int]]:
        return self._catalog().get_intervals(NautilusDataType.Bar, bar_type)

    def instruments(self) -> list[str]:
        return sorted(str(instrument.id) for instrument in self._catalog().instruments())


def bar_row(bar) -> Row:
    values = [value.as_decimal() for value in (bar.open, bar.high, bar.low, bar.close, bar.volume)]
    return Row(*values, bar.ts_event, bar.ts_init)


class Nautilus1:
    """NautilusTrader 1.231.0, in a process of its own: it cannot be installed beside version 2, and a bad file ends its process."""

    name = "1.231.0"

    def __init__(self, path: Path):
        self.path = path

    def _ask(self, operation: str, **words):
        request = json.dumps({"operation": operation, "path": str(self.path), **words})
        script = Path(__file__).with_name("nautilus_1.py")
        command = [os.environ["NAUTILUS_1_PYTHON"], str(script)]
        done = subprocess.run(command, input=request, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])

    def write(self, bar_type: str, rows: list[Row]) -> None:
        self._ask("write", bar_type=bar_type, rows=[[*map(str, row[:5]), *row[5:]] for row in rows])

    def write_instruments(self) -> list[str]:
        return self._ask("write_instruments")

    def read(self, bar_type: str, start=None, end=None, where=None) -> list[Row]:
        from decimal import Decimal

        rows = self._ask("read", bar_type=bar_type, start=start, end=end, where=where)
        return [Row(*map(Decimal, row[:5]), *row[5:]) for row in rows]

    def consolidate(self, bar_type: str) -> None:
        self._ask("consolidate", bar_type=bar_type)

    def delete(self, bar_type: str, start: int, end: int) -> None:
        self._ask("delete", bar_type=bar_type, start=start, end=end)
