"""Records read from a target, where others may have changed them.

It opens no file.
"""

from typing import TypeVar

from pipeline.disk.typed_json import WrongJsonError, parse_json
from pipeline.errors import PublishError
from pipeline.text.quantity import format_bytes

T = TypeVar("T")
FOLDER = "generations"
"""Folder of all records in a target."""

# A zoo of a hundred thousand files has records of 20 MiB.
MAX_RECORD_BYTES = 256 * 1024**2
_HINT = "remove it, and the next publish uploads everything; generations before it are lost"


def parse_record(kind: type[T], content: bytes, *, where: str) -> T:
    """Read a record.

    Args:
        kind: Its type.
        content: Its JSON.
        where: The record as the error names it.

    Raises:
        PublishError: The content is no record of this type.
    """
    try:
        return parse_json(kind, content)
    except WrongJsonError as error:
        message = f"{where}: is no record of what was published: {error}"
        raise PublishError(message, hint=_HINT) from None


def check_size(content: bytes, limit: int | None, *, where: str) -> bytes:
    """Return a content, if it is not larger than a limit.

    Raises:
        PublishError: The content is larger.
    """
    if limit is not None and len(content) > limit:
        raise PublishError(
            f"{where}: has more than {format_bytes(limit)}; expected a record of a zoo",
            hint=_HINT,
        )
    return content
