"""Quantities as people read them."""

import pytest

from pipeline.text.quantity import (
    count,
    format_age,
    format_bytes,
    format_limit,
    format_parameters,
    format_ratio,
    format_seconds,
    format_time_left,
    format_whole_seconds,
)


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (56_517, "55 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (3_571_428, "3.4 MiB"),
        (250 * 1024**2, "250 MiB"),
        (5 * 1024**4, "5120 GiB"),
    ],
)
def test_bytes(num_bytes: int, text: str) -> None:
    assert format_bytes(num_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (7199, "1 h ago"),
        (86_400, "1 day ago"),
        (41.9 * 86_400, "41 days ago"),
    ],
)
def test_age(seconds: float, text: str) -> None:
    assert format_age(seconds) == text


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [(4 * 1024**3, "4 GiB"), (3 * 2**29, "1.5 GiB"), (200 * 2**20, "200 MiB"), (12, "12 bytes")],
)
def test_a_limit_is_written_as_people_do(num_bytes: int, text: str) -> None:
    assert format_limit(num_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "<0.1 s"),
        (0.05, "0.1 s"),
        (4.12, "4.1 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (133, "2 min 13 s"),
        (3725, "1 h 02 min"),
    ],
)
def test_seconds(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_a_running_time_counts_full_seconds() -> None:
    assert [format_whole_seconds(s) for s in (0.9, 59.9, 60.9)] == ["0 s", "59 s", "1 min 00 s"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "about 5 s left"),
        (38, "about 40 s left"),
        (57, "about 55 s left"),
        (59, "about 1 min left"),
        (100, "about 2 min left"),
        (3590, "about 1 h 00 min left"),
        (3600 + 720, "about 1 h 10 min left"),
    ],
)
def test_time_left_is_no_more_exact_than_it_can_be(seconds: float, text: str) -> None:
    assert format_time_left(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (980, "980"), (56_517, "56.5 k"), (999_900, "1 M"), (3_412_345, "3.41 M")],
)
def test_parameters(number: int, text: str) -> None:
    assert format_parameters(number) == text


@pytest.mark.parametrize(
    ("size", "base", "text"),
    [(50, 100, "50%"), (1, 1000, "<1%"), (100, 100, "100%"), (9996, 10000, "100.0%")],
)
def test_ratio(size: int, base: int, text: str) -> None:
    assert format_ratio(size, base) == text


def test_count() -> None:
    assert [count(n, "model") for n in (0, 1, 1000)] == ["0 models", "1 model", "1,000 models"]
