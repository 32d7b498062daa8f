"""What GitHub Pages refuses."""

import pytest

from pipeline.publish.host_limits import find_excesses, is_github_pages

MIB = 1024**2


def test_a_zoo_within_the_limits_is_fine() -> None:
    assert find_excesses({"a": 100 * MIB, "b": 100 * MIB}) == []


def test_files_and_sites_that_are_too_large_are_named() -> None:
    sizes = {f"models/m{i}/group1-shard1of1.bin": 101 * MIB + i for i in range(11)}
    large, whole = find_excesses(sizes)

    assert "m0/group1-shard1of1.bin (101 MiB)" in large
    assert "and 8 more" in large
    assert "this one has 1.1 GiB" in whole


@pytest.mark.parametrize(
    ("url", "expected"),
    [("https://me.github.io/zoo/", True), ("https://github.io.example.org", False), (None, False)],
)
def test_github_pages_is_told_by_its_domain(url: str | None, expected: bool) -> None:
    assert is_github_pages(url) is expected
