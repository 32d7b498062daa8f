"""Systems without the pinned packages."""

import pytest

from pipeline.errors import WorkerError
from pipeline.workers.support import check_platform


@pytest.mark.parametrize(
    ("system", "machine"), [("Linux", "x86_64"), ("Darwin", "arm64")], ids=["linux", "mac"]
)
def test_supported_systems_pass(system: str, machine: str) -> None:
    check_platform(system, machine)


@pytest.mark.parametrize(
    ("system", "machine", "remedy"),
    [
        pytest.param("Windows", "AMD64", "WSL 2", id="windows"),
        pytest.param("Linux", "aarch64", "linux/amd64 container", id="linux arm64"),
        pytest.param("Darwin", "x86_64", "Apple silicon", id="intel mac"),
        pytest.param("FreeBSD", "amd64", "use Linux x86-64", id="another"),
    ],
)
def test_others_are_told_what_to_use(system: str, machine: str, remedy: str) -> None:
    with pytest.raises(WorkerError, match=remedy) as caught:
        check_platform(system, machine)

    assert "\n" not in str(caught.value)
