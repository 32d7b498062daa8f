"""What servers were asked about a source and may say otherwise later: newest version, listing."""

from collections.abc import Callable
from typing import TypeVar

from pipeline.disk.json_value import JsonValue
from pipeline.errors import NetworkError
from pipeline.fetch.request import Request

T = TypeVar("T")


def recall(
    request: Request,
    key: str,
    ask: Callable[[], T],
    parse: Callable[[JsonValue], T],
    *,
    final: bool = False,
) -> tuple[T, str | None]:
    """Return what a server said, asked now or earlier, and what the user should know of that.

    Args:
        request: What is wanted; it says whether to ask again.
        key: What the answer is kept under.
        ask: Asks; returns what JSON can hold.
        parse: Makes the same of an answer that was kept.
        final: Whether the answer can never change.

    Raises:
        NetworkError: Nobody answers; where there is an earlier answer, that is returned instead.
        ServerError: The server answers that there is no such thing.
    """
    with request.store.lock(key):
        kept = request.store.load_list(key, parse)
        if kept is not None and (final or not request.refresh):
            if not final:
                request.unasked.add(key)
            return kept, None
        try:
            found = ask()
        except NetworkError as error:
            if kept is None:
                raise
            return kept, f"kept the copy fetched earlier: {error.message}"
        request.store.keep_list(key, found)
        return found, None
