"""Support: the systems that the pinned TensorFlow runs on, and advice for the others."""

import platform

from pipeline.errors import WorkerError

_SUPPORTED = {("Linux", "x86_64"), ("Darwin", "arm64")}
_USE_INSTEAD = {
    "Windows": "use WSL 2 (Windows Subsystem for Linux) and install there",
    "Linux": "use a linux/amd64 container (docker run --platform linux/amd64 python:3.12)",
    "Darwin": "use a linux/amd64 container, or a Mac with Apple silicon",
}


def check_platform(system: str | None = None, machine: str | None = None) -> None:
    """Raise an error on a system for which the pinned TensorFlow has no packages.

    Args:
        system: A name of `platform.system()`; None for this machine.
        machine: A name of `platform.machine()`; None for this machine.

    Raises:
        WorkerError: "TensorFlow … has no packages for Linux aarch64; use a … container".
    """
    system = system or platform.system()
    machine = machine or platform.machine()
    if (system, machine) not in _SUPPORTED:
        remedy = _USE_INSTEAD.get(system, "use Linux x86-64 or a Mac with Apple silicon")
        raise WorkerError(
            f"TensorFlow 2.19 with its decision forests has no packages for {system} {machine}; "
            f"{remedy}"
        )
