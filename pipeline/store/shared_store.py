"""The shared store: results of steps by key, whole or absent, checked on the way in.

    v1/results/<2 digits>/<key>.json    the document of a key: its results and their files
    v1/blobs/<2 digits>/<sha256>        the content of a file that is not small
    v1/clock                            a file whose time is the time of the store

The blobs of a result are written first, its document last. So a document is there only if its
result is whole; a reader who finds that eviction has just removed a blob has no result, and the
step runs. Two writers of one key replace each other's document, and either is sound.

Nothing in a store is believed: a document of the wrong form, a path that leads out, a file of
another size or digest make the result absent. Faults cost time only: they end the use of the store
for some minutes, and the user is told once.
"""

import shutil
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from pipeline.disk.canonical import format_json
from pipeline.disk.files import digest_file, empty_folder
from pipeline.disk.typed_json import WrongJsonError
from pipeline.errors import StoreError
from pipeline.store.blob_writer import BlobWriter, UnfitError
from pipeline.store.outage import Outage
from pipeline.store.store_files import StoreClosed, StoreFiles
from pipeline.store.stored_result import (
    MAX_DOCUMENT_BYTES,
    MAX_RESULTS,
    StoredDocument,
    StoredFile,
    StoredResult,
    blob_path,
    document_path,
    parse_document,
)
from pipeline.text.quantity import count, format_bytes

_NOTHING: Mapping[str, Path] = MappingProxyType({})


class _Damage(Exception):  # noqa: N818  # never leaves this module
    """A result of a store is not as it was put there."""


def _accept(_result: StoredResult) -> bool:
    return True


def _ignore(_done: int, _total: int | None) -> None:
    pass


class SharedStore:
    """Results of steps by key, shared by machines.

    A key is the name of a step and a digest of all that decides its result but the tools:
    "convert-3f2a…". Threads and processes may use a store at the same time.

    Args:
        files: The files of the store.
        read_only: Whether nothing is put there.

    Attributes:
        shown: The store as messages name it.
        read_only: Whether nothing is put there.
        num_fetched: Number of results that came from the store.
        num_put: Number of results that were put there.
        bytes_fetched: Bytes that came.
        bytes_put: Bytes that went.
    """

    def __init__(self, files: StoreFiles, *, read_only: bool = False) -> None:
        self.shown = files.shown
        self.read_only = read_only
        self.num_fetched = self.num_put = 0
        self.bytes_fetched = self.bytes_put = 0
        self._files = files
        self._lock = threading.Lock()
        self._notices: list[str] = []
        self._reading = Outage("going on without the store")
        self._writing = Outage("results are no longer put there")
        self._writer = BlobWriter(files, count=lambda size: self._count(put=size))
        self._told_damage = False

    def close(self) -> None:
        """End all use of the store at once."""
        self._files.close()

    def take_notices(self) -> list[str]:
        """Return what the user has to be told, and forget it."""
        with self._lock:
            notices, self._notices = self._notices, []
        return notices

    def describe(self) -> str | None:
        """Return what came and went: "34 results came from the store s3://zoo (1.2 GiB)"."""
        parts = []
        if self.num_fetched:
            came = count(self.num_fetched, "result")
            size = format_bytes(self.bytes_fetched)
            parts.append(f"{came} came from the store {self.shown} ({size})")
        if self.num_put:
            went = f"{self.num_put:,}" if parts else count(self.num_put, "result")
            place = "there" if parts else f"into the store {self.shown}"
            parts.append(f"{went} went {place} ({format_bytes(self.bytes_put)})")
        faults = filter(None, (self._reading.notice, self._writing.notice))
        return "; ".join([*filter(None, [", ".join(parts)]), *faults]) or None

    def fetch(
        self,
        key: str,
        folder: Path,
        *,
        accepts: Callable[[StoredResult], bool] = _accept,
        near: Mapping[str, Path] = _NOTHING,
        progress: Callable[[int, int | None], None] = _ignore,
    ) -> bool:
        """Bring a result into an empty folder, whole; without one the folder stays empty.

        Args:
            key: The key of the result.
            folder: The folder.
            accepts: Says whether a result can serve; the first that can is brought.
            near: Files of this machine by digest, which need no transfer.
            progress: Called with bytes done and bytes in all.

        Returns:
            Whether a result came. Every fault of the store counts as no result.
        """
        if self._reading.lasts:
            return False
        try:
            document = self._load(key)
            if document is None:
                return False
            for result in filter(accepts, document.results):
                if self._bring(result, folder, near, progress):
                    self._touch(key, document)
                    return True
        except StoreError as error:
            self._notify(self._reading.begin(error.message))
        except StoreClosed:
            pass
        return False

    def put(
        self, key: str, folder: Path, *, tools: Mapping[str, str | None] = MappingProxyType({})
    ) -> bool:
        """Put the files of a folder there as the result of a key.

        Args:
            key: The key of the result.
            folder: The folder.
            tools: Versions of the tools that made the result.

        Returns:
            Whether the store has it now.
        """
        if self.read_only or self._writing.lasts or self._reading.lasts:
            return False
        try:
            files = tuple(self._writer.write_files(folder))
            made = StoredResult(tools=dict(tools), files=files)
            before = self._load(key)
            others = [one for one in before.results if one.tools != made.tools] if before else []
            self._save(key, [made, *others][:MAX_RESULTS])
        except UnfitError as error:
            self._notify(f"not put into the store: {error}")
            return False
        except (StoreError, OSError) as error:
            message = error.message if isinstance(error, StoreError) else str(error)
            self._notify(self._writing.begin(message))
            return False
        except StoreClosed:
            return False
        with self._lock:
            self.num_put += 1
        return True

    def _load(self, key: str) -> StoredDocument | None:
        """Return the document of a key; None if there is none, or none that is sound."""
        content = self._files.read(document_path(key), limit=MAX_DOCUMENT_BYTES)
        if content is None:
            return None
        self._count(fetched=len(content))
        try:
            return parse_document(content)
        except WrongJsonError as error:
            self._report_damage(f"{document_path(key)}: {error}")
            return None

    def _save(self, key: str, results: list[StoredResult]) -> None:
        document = StoredDocument(used=_today(), results=tuple(results))
        content = format_json(document.model_dump(mode="json"), indent=None)
        self._files.write(document_path(key), content)
        self._count(put=len(content))

    def _touch(self, key: str, document: StoredDocument) -> None:
        """Write a document again that was not used today, so that eviction finds it young."""
        if document.used == _today() or self.read_only or self._writing.lasts:
            return
        try:
            self._save(key, list(document.results))
        except StoreError as error:
            self._notify(self._writing.begin(error.message))

    def _bring(
        self,
        result: StoredResult,
        folder: Path,
        near: Mapping[str, Path],
        progress: Callable[[int, int | None], None],
    ) -> bool:
        """Bring the files of a result; return whether all came, and are as they should be."""
        done = 0

        def advance(num_bytes: int) -> None:
            nonlocal done
            done += num_bytes
            progress(done, result.size)

        try:
            for file in result.files:
                self._bring_file(file, folder, near, advance)
        except _Damage as damage:
            empty_folder(folder)
            self._report_damage(str(damage))
            return False
        except OSError:
            # This disk is full, or the paths exclude one another; the step will say what it is.
            empty_folder(folder)
            return False
        except BaseException:
            empty_folder(folder)
            raise
        with self._lock:
            self.num_fetched += 1
        return True

    def _bring_file(
        self,
        file: StoredFile,
        folder: Path,
        near: Mapping[str, Path],
        advance: Callable[[int], None],
    ) -> None:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.content is not None:
            with target.open("xb") as written:
                written.write(file.content)
        elif not _copy_near(near.get(file.sha256), file, target):
            path = blob_path(file.sha256)
            whole = self._files.download(path, target, size=file.size, progress=advance)
            self._count(fetched=target.stat().st_size)
            if not whole:
                self._writer.replace(file.sha256)
                raise _Damage(f"{path} is missing, or has not the size of {file.path}")
        if target.stat().st_size != file.size or digest_file(target) != file.sha256:
            self._writer.replace(file.sha256)
            raise _Damage(f"{blob_path(file.sha256)} has another content than its name says")

    def _report_damage(self, text: str) -> None:
        with self._lock:
            told, self._told_damage = self._told_damage, True
        if not told:
            self._notify(f"{self.shown}: a result is not whole, and not used ({text})")

    def _notify(self, notice: str | None) -> None:
        if notice is not None:
            with self._lock:
                self._notices.append(notice)

    def _count(self, *, fetched: int = 0, put: int = 0) -> None:
        with self._lock:
            self.bytes_fetched += fetched
            self.bytes_put += put


def _copy_near(source: Path | None, file: StoredFile, target: Path) -> bool:
    """Make a file of this machine the file of a result, if it still has its content."""
    if source is None:
        return False
    try:
        if source.stat().st_size != file.size or digest_file(source) != file.sha256:
            return False
        shutil.copyfile(source, target)
    except OSError:
        target.unlink(missing_ok=True)
        return False
    return True


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
