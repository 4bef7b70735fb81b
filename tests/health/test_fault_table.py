"""The table of planted faults: what was missed and what was alarmed stands where it was."""

from tests.health.fault_table import SETTINGS, results
from tests.health.faults import FAULTS


def test_what_was_missed_and_alarmed_is_counted_where_it_was():
    missed = {setting: ([], [[], [], []]) for setting in SETTINGS}
    missed["digits", "adam", 1] = [("dead_layer", ["another"])], [[], ["an alarm"], []]
    case = results(missed, 1.0)
    rows = {row["planted"]: row for row in case["rows"]}
    assert len(rows) == len(FAULTS) + 1
    assert rows["dead layer"]["digits"] == "7 of 8"
    assert rows["dead layer"]["diabetes"] == rows["rate too low"]["digits"] == "8 of 8"
    assert rows["nothing"]["digits"] == "alarms in 1 of 24"
    named, alarmed = case["claims"]
    assert named["value"] == 100 * (1 - 1 / 336)
    assert alarmed["value"] == 100 / 72
