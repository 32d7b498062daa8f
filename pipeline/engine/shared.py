"""Shared objects: what the jobs of one run share, such as a process that is slow to start."""

from typing import Protocol, TypeVar


class Shared(Protocol):
    """Something that is made at the first request of a job, and closed with the run."""

    def close(self) -> None:
        """End it at once, also while a job uses it."""
        ...  # pragma: no cover


S = TypeVar("S", bound=Shared)
"""A class of shared objects; it is made without arguments."""
