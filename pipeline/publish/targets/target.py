"""Targets: a zoo is published to a folder, or to a store that fsspec reaches.

`open_target` reads a target as people write it: "../site", "s3://bucket/zoo". `Target` states the
operations; `folder_target` has them for folders, `bucket_target` for stores.
"""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from pipeline.errors import PublishError
from pipeline.publish.headers import Headers
from pipeline.publish.targets.bucket_target import open_bucket
from pipeline.publish.targets.folder_target import FolderTarget

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://?")
_NOT_WRITABLE = ("http", "https")
# "local" is fsspec's name for it.
_FOLDERS = ("file", "local")


Notify = Callable[[str], None]
"""Shows a message to the person who publishes."""


class Target(Protocol):
    """The target of a publish. Paths are relative to it, with "/" between their parts."""

    @property
    def shown(self) -> str:
        """The target as messages name it, without credentials: "s3://bucket/zoo"."""

    def find(self) -> Mapping[str, int]:
        """Return the size of every file, by path."""

    def read(self, path: str, *, limit: int | None = None) -> bytes | None:
        """Return a file's content; None for a file that is missing.

        Raises:
            PublishError: The file has more bytes than the limit.
        """

    def write(self, path: str, content: bytes | Path, headers: Headers) -> None:
        """Write a file, whole or not at all; an existing file is replaced.

        Args:
            path: Path of the file.
            content: Its content, or the file that has it.
            headers: Headers that a server sends with it.
        """

    def remove(self, path: str) -> None:
        """Remove a file, if it exists."""

    def hold(self, announce: Notify) -> AbstractContextManager[Callable[[], None]]:
        """Be the only publisher to this target while the context lasts; wait for others.

        Args:
            announce: Shows a message, once, if another publisher is at work.

        Returns:
            A function that raises TargetError if another publisher has taken over.
        """


def open_target(text: str, *, root: Path, output: Path, endpoint: str | None = None) -> Target:
    """Return the target that a text names; nothing is read from it yet.

    Args:
        text: A folder relative to `root`, or a URL: `file:`, `s3://bucket/zoo`, `gs:` …
        root: Folder of models.yaml.
        output: Folder of the built zoo, which cannot be the target.
        endpoint: Address of an S3 server that is not Amazon's.

    Raises:
        PublishError: The text is neither, or the folder is one of the zoo's own.
    """
    match = _SCHEME.match(text)
    scheme = match[1].lower() if match else ""
    if scheme in _NOT_WRITABLE:
        raise PublishError(
            f"{text}: cannot be written over {scheme}; expected a folder, or a URL of a store "
            "such as s3://bucket/zoo",
            hint=f"`tfjs-zoo publish --check {text}` reads a published zoo back",
        )
    if scheme and scheme not in _FOLDERS:
        return open_bucket(text, endpoint=endpoint)
    folder = Path(unquote(urlsplit(text).path)) if scheme else root / text
    return FolderTarget(_check_folder(folder, text, root=root, output=output), shown=text)


def _check_folder(folder: Path, text: str, *, root: Path, output: Path) -> Path:
    """Refuse folders that hold the zoo's own files, or lie among them."""
    target = Path(os.path.abspath(folder))  # noqa: PTH100  # links stay, for messages
    for taken in (output, root / ".zoo"):
        # Compared as written, because the folder may not exist yet, and with links resolved.
        if _overlap(target, taken) or _overlap(target.resolve(), taken.resolve()):
            raise PublishError(
                f"{text}: holds or lies in {taken.name}/, which belongs to the build; "
                "expected another folder",
                hint=f"{output.name}/ itself can be served as it is",
            )
    return target


def _overlap(one: Path, other: Path) -> bool:
    return one == other or other in one.parents or one in other.parents
