"""The time zone of whoever asks."""

from __future__ import annotations

import datetime

import pytest

from openclaw_instructor import timezone


@pytest.mark.parametrize("name", ["Asia/Tokyo", ":Europe/Berlin", "UTC"])
def test_a_zone_with_a_name_is_told_by_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", name)
    assert timezone.local_name() == name.lstrip(":")


def test_a_zone_of_rules_is_told_by_its_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XYZ-9:30")
    name = timezone.local_name()
    assert len(name) == 6
    assert name[0] in "+-"


def test_it_holds_within_the_block_only() -> None:
    noon = datetime.datetime(2026, 3, 11, 12)
    with timezone.of_caller("Asia/Tokyo"):
        assert timezone.timestamp(noon) == datetime.datetime(2026, 3, 11, 3, tzinfo=datetime.UTC).timestamp()
        assert timezone.now().utcoffset() == datetime.timedelta(hours=9)
    assert timezone.timestamp(noon) == noon.timestamp()


@pytest.mark.parametrize("name", ["No/Such", "../../etc/passwd", "+99:00", "", None, "x" * 5_000])
def test_an_unknown_zone_leaves_that_of_this_process(name: str | None) -> None:
    noon = datetime.datetime(2026, 3, 11, 12)
    with timezone.of_caller(name):
        assert timezone.timestamp(noon) == noon.timestamp()
