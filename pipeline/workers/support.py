"""Support: the systems that the pinned TensorFlow runs on, and a word for the others."""

import platform

from pipeline.errors import WorkerError

_SUPPORTED = {("Linux", "x86_64"), ("Darwin", "arm64")}
_USE_INSTEAD = {
    "Windows": "use WSL 2 (Windows Subsystem for Linux) and install there",
    "Linux": "use a linux/amd64 container (docker run --platform linux/amd64 python:3.12)",
    "Darwin": "use a linux/amd64 container, or a Mac with Apple silicon",
}


def check_platform(system: str | None = None, machine: str | None = None) -> None:
    """Raise where the pinned TensorFlow has no packages.

    Args:
        system: As `platform.system()` writes it; None for this machine.
        machine: As `platform.machine()` writes it; None for this machine.

    Raises:
        WorkerError: One sentence that says what to use instead.
    """
    system = system or platform.system()
    machine = machine or platform.machine()
    if (system, machine) not in _SUPPORTED:
        remedy = _USE_INSTEAD.get(system, "use Linux x86-64 or a Mac with Apple silicon")
        raise WorkerError(
            f"TensorFlow 2.19 with its decision forests has no packages for {system} {machine}; "
            f"{remedy}"
        )
