"""What a kind of source is asked for, and what it brings."""

from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import UntrustedSourceError
from pipeline.fetch.address.source import Source
from pipeline.fetch.archive.content import check_pointer, check_whole
from pipeline.fetch.archive.tree import Tree, name_file, select_files
from pipeline.fetch.download_cache import Progress, Store
from pipeline.fetch.http.deadline import Deadline


@dataclass(frozen=True, kw_only=True)
class Request:
    """One model's files, wanted in a folder.

    Attributes:
        source: Where they come from.
        root: The folder of models.yaml.
        folder: Where they shall lie; empty.
        store: The cache of downloads.
        sha256: The pin, if any: a blob of that digest may serve a URL.
        progress: Told of bytes downloaded.
        refresh: Ask the server whether a kept file has changed.
        unasked: Keys of the kept files that were used without asking their server; grows.
        deadline: When all of it has to be there.
    """

    source: Source
    root: Path
    folder: Path
    store: Store
    sha256: str | None
    progress: Progress
    refresh: bool
    unasked: set[str] = field(default_factory=set)
    deadline: Deadline = field(default_factory=Deadline)

    @property
    def shown(self) -> str:
        """The source without its path inside, as messages call it."""
        return self.source.uri.partition("#")[0]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What lies in the folder now.

    Attributes:
        entry: Path that the model is opened by, relative to the folder; "." for the folder.
        archive_sha256: Digest of the archive that it was in, None when it was in none.
        note: What the user should know of how it was fetched, else None.
    """

    entry: str
    archive_sha256: str | None = None
    note: str | None = None


def deliver_tree(request: Request, tree: Tree, inside: str) -> str:
    """Put the files of the model at a path into the request's folder; return its entry.

    Raises:
        FetchError: It is not there, not whole, or only stands for the real file.
        UntrustedSourceError: A file would leave the folder or hide another.
    """
    shown = request.shown
    selection = select_files(tree, inside, shown=shown)
    for path, place in selection.files.items():
        target = make_place(request, path)
        name = name_file(shown, place)
        request.deadline.check(name)
        tree.place(place, target)
        if path == selection.entry:
            check_whole(target, shown=name)
        elif selection.entry != ".":
            check_whole(target, shown=name, may_be_empty=True)
        else:
            check_pointer(target, shown=name)
    return selection.entry


def make_place(request: Request, path: str) -> Path:
    """Return where one of the model's files goes, and make its folder.

    Raises:
        UntrustedSourceError: Another file is there, or is where its folder would be.
    """
    target = request.folder / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        taken = target.exists()  # names that differ in case only are one name on some disks
    except (FileExistsError, NotADirectoryError):
        taken = True
    if taken:
        raise UntrustedSourceError(
            f"{request.shown}: {path!r} and another of its files have the same name"
        )
    return target
