"""NautilusTrader 1.x reads a copy published for it."""

import pytest
from bars_model import assert_equal, between
from conftest import BTC
from peers import Nautilus1


def test_a_published_copy(place, real_rows, tmp_path):
    if not place.barkeep.knows("publish"):
        pytest.skip("this build has no `barkeep publish`")
    place.add_real()
    copy = tmp_path / "copy"
    place.barkeep("publish", copy, "--format", "nautilus-v1")
    nautilus = Nautilus1(copy)
    assert_equal(nautilus.read(BTC), real_rows)
    start, end = real_rows[1000].ts_init, real_rows[5000].ts_init
    assert_equal(nautilus.read(BTC, start, end), between(real_rows, start, end))
