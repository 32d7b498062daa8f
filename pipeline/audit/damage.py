"""Damage to the files that a zoo keeps, and its repair."""

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ZooPart = Literal["results", "cache", "dist"]


@dataclass(frozen=True, kw_only=True)
class Damage:
    """A file or folder that is not as it was made.

    Attributes:
        part: The part of the zoo that it belongs to.
        where: Its name for people: ".zoo/build/cat/convert/model.json".
        found: The fault: "is missing".
        forget: Files and folders to be removed, so that the next run makes it again.
    """

    part: ZooPart
    where: str
    found: str
    forget: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class Content:
    """A file and the content that it must have.

    Attributes:
        part: The part of the zoo that it belongs to.
        where: Its name for people.
        path: The file.
        bytes: Its size; None where only its digest is known.
        sha256: Digest of its content.
        forget: Files and folders to be removed, so that the next run makes it again.
    """

    part: ZooPart
    where: str
    path: Path
    bytes: int | None
    sha256: str
    forget: tuple[Path, ...]

    def damaged(self, found: str) -> Damage:
        """Return the damage of this file, with its fault."""
        return Damage(part=self.part, where=self.where, found=found, forget=self.forget)


Found = Iterator[Damage | Content]


def forget(damages: Iterable[Damage]) -> list[OSError]:
    """Remove damaged files and folders, so that the next run makes them again.

    Returns:
        The errors of files and folders that could not be removed.
    """
    faults = []
    for path in dict.fromkeys(path for damage in damages for path in damage.forget):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
        except OSError as error:
            faults.append(error)
    return faults
