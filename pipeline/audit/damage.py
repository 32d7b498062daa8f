"""Damage: what is wrong with something that a zoo keeps, and what mends it."""

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ZooPart = Literal["results", "cache", "dist"]


@dataclass(frozen=True, kw_only=True)
class Damage:
    """Something that is not as it was made.

    Attributes:
        part: What it belongs to.
        where: What people call it: ".zoo/build/cat/convert/model.json".
        found: What is wrong: "is missing".
        forget: Files and folders without which the next run makes it again.
    """

    part: ZooPart
    where: str
    found: str
    forget: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class Content:
    """A file that has to have a content.

    Attributes:
        part: What it belongs to.
        where: What people call it.
        path: The file.
        bytes: Its size; None where only its digest is known.
        sha256: The digest of its content.
        forget: Files and folders without which the next run makes it again.
    """

    part: ZooPart
    where: str
    path: Path
    bytes: int | None
    sha256: str
    forget: tuple[Path, ...]

    def damaged(self, found: str) -> Damage:
        """Return that something is wrong with it."""
        return Damage(part=self.part, where=self.where, found=found, forget=self.forget)


Found = Iterator[Damage | Content]


def forget(damages: Iterable[Damage]) -> list[OSError]:
    """Remove what keeps the next run from making damaged things again.

    Returns:
        What could not be removed.
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
