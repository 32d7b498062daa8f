"""The type of a source: `parse_source` makes it of the text in the manifest. It opens no file."""

import re
from dataclasses import dataclass, replace
from typing import Literal, Self

from pipeline.errors import SourceError
from pipeline.fetch.address.hub import is_hub_version

Kind = Literal["path", "http", "npm", "pypi", "hf", "kaggle", "filesystem"]

# A .task is a zip archive of MediaPipe with the models of a task.
ARCHIVE_SUFFIXES = (".zip", ".whl", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".task")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class Source:
    """The source of a model.

    Attributes:
        kind: The way to reach it; "path" also for `file:`.
        uri: The text in the manifest without credentials and absolute folders, fit to be
            published.
        location: A path (a relative one belongs to the manifest's folder); a URL with its
            credentials (`${NAME}` not yet replaced) and without fragment; the name of a package
            or repository; Kaggle's "owner/model/framework/variation".
        version: Exact version of a package, revision of a repository, version of a model or of
            an object; None for the present state.
        inside: Path in the archive, package or repository, "/" between its parts; None for the
            root, and for other kinds.
        archive: Whether the model lies inside `location`: an archive, package or repository.
        nested: Path in the archive at `inside`, and after a "#" the path in an archive there, and
            so on; None for its root, and without such an archive.
    """

    kind: Kind
    uri: str
    location: str
    version: str | None = None
    inside: str | None = None
    archive: bool = False
    nested: str | None = None

    @property
    def final(self) -> bool:
        """Whether the source can never bring other files, so that nobody has to ask again."""
        match self.kind:
            case "path":
                return False
            case "http":
                return is_hub_version(self.location)
            case "hf":
                return is_commit(self.version or "")
            case "filesystem":  # the shards of a model.json have versions of their own
                return self.version is not None and (
                    self.archive or not self.location.endswith(".json")
                )
            case "npm" | "pypi" | "kaggle":
                return self.version is not None

    @property
    def within(self) -> Self:
        """The same source, seen from the archive at `inside`."""
        inside, _, nested = (self.nested or "").partition("#")
        return replace(self, inside=inside or None, nested=nested or None)

    @property
    def refreshable(self) -> bool:
        """Whether only its server can tell if the source has changed."""
        return self.kind != "path" and not self.final


def is_archive_name(name: str) -> bool:
    """Return whether a file's name is the name of an archive that we can open."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def is_commit(revision: str) -> bool:
    """Return whether a revision is a whole commit, which never changes."""
    return _COMMIT.fullmatch(revision) is not None


def parse_inside(text: str, fragment: str) -> str | None:
    """Return the path after '#' in its plain form, "a/b" for "./a//b"; None for the root.

    Args:
        text: The source as messages show it.
        fragment: The part of the source after '#'.

    Raises:
        SourceError: The path is absolute or leads out.
    """
    if fragment.startswith("/") or "\\" in fragment:
        raise SourceError(f"{text!r}: the path after '#' starts at the root, without '/' before it")
    parts = [part for part in fragment.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise SourceError(f"{text!r}: the path after '#' must stay inside; expected no '..'")
    return "/".join(parts) or None


def parse_fragment(text: str, fragment: str) -> tuple[str | None, str | None]:
    """Return `inside` and `nested`: ("m.task", "a.tflite") for "m.task#a.tflite".

    Only a path to an archive is followed by another one: elsewhere "#" is part of a name.

    Raises:
        SourceError: A path is absolute or leads out.
    """
    first, *others = fragment.split("#")
    paths = [first]
    for part in others:
        if is_archive_name(paths[-1]):
            paths.append(part)
        else:
            paths[-1] += f"#{part}"
    inside, *nested = (parse_inside(text, path) for path in paths)
    return inside, "#".join(path for path in nested if path is not None) or None


def refuse_fragment(text: str, path: str) -> SourceError:
    """Return the error of a '#path' after a name that is no archive's."""
    return SourceError(
        f"{text!r}: '#path' goes with an archive, and {path!r} is none; "
        f"expected a name in {' '.join(ARCHIVE_SUFFIXES)} before '#'",
        hint="a '#' that belongs to a file's name is written %23 in a file: URL",
    )
