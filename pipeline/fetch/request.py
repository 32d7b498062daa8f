"""The request for one model's files, and the delivery that answers it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipeline.disk.json_value import JsonValue
from pipeline.errors import NetworkError, UntrustedSourceError
from pipeline.fetch.address.source_type import Source
from pipeline.fetch.archive.content import check_pointer, check_whole
from pipeline.fetch.archive.inner_paths import name_file
from pipeline.fetch.archive.tree import Selection, Tree, select_data, select_files
from pipeline.fetch.download_cache import Progress, Store
from pipeline.fetch.http.deadline import Deadline

if TYPE_CHECKING:
    from pipeline.fetch.http.download import Download
    from pipeline.fetch.http.receive import Location

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Request:
    """The request for the files of one model.

    Attributes:
        source: The source in the manifest.
        root: The folder of models.yaml.
        folder: The folder for the files; empty.
        store: The cache of downloads.
        sha256: The pin, if any: a blob of that digest may serve a URL.
        progress: Called with the bytes downloaded.
        refresh: Whether to ask servers if kept files have changed.
        deadline: The end of the time for all files.
        unasked: Keys of kept files that were used without asking their server; grows.
        notes: What the user should know about the way the files came; grows.
    """

    source: Source
    root: Path
    folder: Path
    store: Store
    sha256: str | None
    progress: Progress
    refresh: bool
    deadline: Deadline = field(default_factory=Deadline)
    unasked: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    @property
    def shown(self) -> str:
        """The source as messages name it: without the path after '#'."""
        return self.source.uri.partition("#")[0]

    def download(
        self, key: str, locate: "Callable[[], Location]", *, may_change: bool = False
    ) -> "Download":
        """Return a file, from the store if it is there.

        Args:
            key: The key of the file in the store.
            locate: Finds the file; called only when its server has to be asked.
            may_change: Whether its server may have another state of the file later.

        Raises:
            FetchError: The file does not come, as `pipeline.fetch.http.download` has it.
        """
        # Every run asks for the state of local sources, which need no HTTP library.
        from pipeline.fetch.http.download import download  # noqa: PLC0415  # brings HTTP

        found = download(
            self.store,
            key,
            locate,
            progress=self.progress,
            refresh=may_change and self.refresh,
            deadline=self.deadline,
        )
        if may_change and not found.asked:
            self.unasked.add(key)
        if found.note:
            self.notes.append(found.note)
        return found

    def recall(
        self,
        key: str,
        ask: Callable[[], T],
        parse: Callable[[JsonValue], T],
        *,
        encode: Callable[[T], object] = lambda answer: answer,
        may_change: bool = True,
    ) -> T:
        """Return a server's answer, from the store if it is there: a version, a listing.

        Args:
            key: The key of the answer in the store.
            ask: Asks the server; its answer is never None.
            parse: Makes the answer of the JSON in the store.
            encode: Makes JSON of the answer, for the store.
            may_change: Whether the server may answer otherwise later.

        Raises:
            NetworkError: No server answers, and the store has no earlier answer.
            ServerError: The server does not have the source.
        """
        with self.store.lock(key):
            kept = self.store.load_list(key, parse)
            if kept is not None and not (may_change and self.refresh):
                if may_change:
                    self.unasked.add(key)
                return kept
            try:
                answer = ask()
            except NetworkError as error:
                if kept is None:
                    raise
                self.notes.append(f"kept the copy fetched earlier: {error.message}")
                return kept
            self.store.keep_list(key, encode(answer))
            return answer


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The files that lie in the folder of a request.

    Attributes:
        entry: Path that the model is opened by, relative to the folder; "." for the folder.
        archive_sha256: Digest of the archive that the model was in, None without an archive.
    """

    entry: str
    archive_sha256: str | None = None


def deliver_tree(request: Request, tree: Tree, inside: str) -> Delivery:
    """Put the files of the model at a path of a tree into the request's folder.

    Raises:
        FetchError: The model is not there, not whole, or a Git-LFS pointer.
        UntrustedSourceError: A file would leave the folder, or two files have one name.
    """
    shown = request.shown
    selection = select_files(tree, inside, shown=shown)
    _copy_files(request, tree, selection)
    if selection.entry != ".":
        model = selection.files[selection.entry]
        data = select_data(tree, model, request.folder / selection.entry, shown=shown)
        _copy_files(request, tree, replace(selection, files=data))
    return Delivery(entry=selection.entry)


def _copy_files(request: Request, tree: Tree, selection: Selection) -> None:
    for path, tree_path in selection.files.items():
        target = make_target(request, path)
        name = name_file(request.shown, tree_path)
        request.deadline.check(name)
        tree.copy(tree_path, target)
        if path == selection.entry:
            check_whole(target, shown=name)
        elif selection.entry != ".":
            check_whole(target, shown=name, may_be_empty=True)
        else:
            check_pointer(target, shown=name)


def make_target(request: Request, path: str) -> Path:
    """Return the path of a file in the request's folder, and make the folder above the file.

    Raises:
        UntrustedSourceError: Another file is there, or is where the folder would be.
    """
    target = request.folder / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        taken = target.exists()  # on some disks "M.h5" and "m.h5" are one name
    except (FileExistsError, NotADirectoryError):
        taken = True
    if taken:
        raise UntrustedSourceError(
            f"{request.shown}: {path!r} and another of its files have the same name"
        )
    return target
