"""Times in UTC, written and read."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.disk.clock import parse_utc, utc_now


def test_a_time_that_was_written_is_read_again() -> None:
    before = datetime.now(UTC)
    read = parse_utc(utc_now())

    assert before - timedelta(seconds=1) < read <= datetime.now(UTC)
    assert read.utcoffset() == timedelta(0)


def test_the_form_is_that_of_rfc_3339() -> None:
    text = utc_now()

    assert parse_utc(text) == datetime.fromisoformat(text)
    assert len(text) == len("2026-11-29T16:02:03Z")


@pytest.mark.parametrize("text", ["2026-11-29", "2026-11-29T16:02:03+00:00", "", "yesterday"])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not match format"):
        parse_utc(text)
