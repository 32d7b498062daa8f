"""A fault of one attempt at a download, which `http_session.retry` answers with another attempt.

It loads no HTTP library.
"""


class TransientError(Exception):
    """An attempt failed, and the next one may not.

    Attributes:
        wait_seconds: How long the server asks to wait, None when it does not say.
    """

    def __init__(self, reason: str, *, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds
