"""Bad rows by reason: rows whose faults differ only in places, numbers and names are counted as one."""

from __future__ import annotations

from engine.formats.names import shown
from engine.formats.reasons import KEPT, Reasons


def test_a_reason_is_told_once_with_its_first_row_and_its_count() -> None:
    reasons = Reasons()
    for number in range(1, 2001):
        names = ", ".join(shown(f"x{number}" * 20) for _ in range(number % 3 + 1))
        reasons.add(f"row {number}", f"byte {number}: expected the field `output`, found {names}")
        reasons.add(f"row {number}", f"turn {number % 5} calls a tool")
    first, second = map(str, reasons)
    assert first.startswith("row 1 and 1,999 more: byte 1: expected the field `output`, found ")
    assert second == "row 1 and 1,999 more: turn 1 calls a tool"
    assert (reasons.count, reasons.others) == (4000, 0)


def test_reasons_without_end_take_no_memory_without_end() -> None:
    reasons = Reasons()
    for number in range(1000):
        reasons.add(f"row {number}", "x" * (number + 1))
    assert len(list(reasons)) == KEPT
    assert reasons.others == 1000 - KEPT
