"""Faults: how files and servers fail, where a reader of the code treats them differently.

It loads no HTTP library.
"""

from pipeline.errors import FetchError, NetworkError


class ServerError(NetworkError):
    """A server answers, but not with what it should; it may be mended there.

    Unlike other NetworkErrors it is no reason to keep using an older copy.
    """


class NotFoundError(ServerError):
    """The server has no such file."""


class SetupError(FetchError):
    """This machine lacks what a source needs: a client library, an environment variable."""

    retry = True


class DamagedArchiveError(FetchError):
    """An archive is cut short or its content is no archive's; another copy may be sound."""


class TransientError(Exception):
    """An attempt failed, and the next one may not.

    Attributes:
        wait_seconds: How long the server asks to wait, None when it does not say.
    """

    def __init__(self, reason: str, *, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds
