"""The process of the harness asks no hub unless it may."""

from __future__ import annotations

import pytest

from engine.tasks.process import HUB_SWITCHES, environment


def test_only_with_fetch_may_the_hub_be_asked_and_nothing_is_told_in_any_case(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in HUB_SWITCHES:
        monkeypatch.setenv(name, "0")
    assert {environment(fetch=False)[name] for name in HUB_SWITCHES} == {"1"}
    assert {environment(fetch=True)[name] for name in HUB_SWITCHES} == {"0"}
    for fetch in (False, True):
        assert environment(fetch=fetch)["HF_HUB_DISABLE_TELEMETRY"] == "1"
        assert environment(fetch=fetch)["HF_HUB_DISABLE_IMPLICIT_TOKEN"] == "1"
