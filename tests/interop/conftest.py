"""What the interoperability tests share."""

import csv
import gzip
from decimal import Decimal
from pathlib import Path

import pytest
from bars_model import MINUTE, Row, write_csv
from peers import Barkeep, Nautilus2

AAPL = "AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL"
BTC = "BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL"
REAL = Path(__file__).parents[2] / "server/demo/bitstamp_btcusd_1min_14d.csv.gz"


class Place:
    """A catalog, Barkeep and NautilusTrader 2 on it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.catalog = folder / "catalog"
        self.barkeep = Barkeep(self.catalog)
        self.nautilus = Nautilus2(self.catalog)

    def add(self, rows: list[Row], *words: str) -> None:
        """Imports bars of AAPL."""
        path = self.folder / "bars.csv"
        write_csv(path, rows)
        command = ["import", "csv", path, "--instrument", "AAPL.NASDAQ", "--bar", "1-MINUTE", "--stamp", "close"]
        self.barkeep(*command, "--price-precision", "2", *words)

    def add_real(self, *words: str) -> None:
        """Imports the real bars of BTC/USD, whose file is stamped with opens."""
        command = ["import", "csv", REAL, "--instrument", "BTC/USD.BITSTAMP", "--bar", "1-MINUTE"]
        self.barkeep(*command, "--stamp", "open", "--tz", "UTC", *words)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture(scope="session")
def real_rows() -> list[Row]:
    """The real bars, read by nothing of Barkeep's."""
    with gzip.open(REAL, "rt") as file:
        lines = list(csv.DictReader(file))
    value = lambda line, name: Decimal(line[name])
    stamp = lambda line: int(float(line["timestamp"])) * 10**9 + MINUTE
    names = ("open", "high", "low", "close", "volume")
    return [Row(*(value(line, name) for name in names), stamp(line), stamp(line)) for line in lines]
