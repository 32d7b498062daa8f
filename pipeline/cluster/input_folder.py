"""Inputs: the results that a worker reads, kept in a folder of its own from step to step.

A result comes from the store once, and its files are compared with the digests that the run gave.
The results that have been out of use longest give way when the folder grows too large.
"""

import shutil
import threading
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipeline.cluster.errand import Input
from pipeline.disk.files import total_size
from pipeline.engine.receipt import RECEIPT, explain_loss, list_outputs, load_receipt
from pipeline.store.shared_store import SharedStore
from pipeline.store.stored_result import StoredResult


class MissingInputsError(Exception):
    """The store lacks inputs.

    Attributes:
        keys: Their keys in the errand: ("fetch", "variant:base").
    """

    def __init__(self, keys: Collection[str]) -> None:
        super().__init__(", ".join(keys))
        self.keys = tuple(keys)


class InputFolder:
    """A folder of results; several threads may use it.

    Args:
        folder: The folder.
        limit_bytes: Size of all results that are not in use.
    """

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._fetching: dict[str, threading.Lock] = {}
        self._in_use: Counter[str] = Counter()
        # The least recently used first.
        self._sizes: dict[str, int] = {}

    @contextmanager
    def hold(self, inputs: Mapping[str, Input], store: SharedStore) -> Iterator[dict[str, Path]]:
        """Bring results here, and keep them while the block runs.

        Args:
            inputs: The results, by any key.
            store: The store that has them.

        Returns:
            The folder of each, by its key.

        Raises:
            MissingInputsError: The store has not all of them.
        """
        names = {key: given.name for key, given in inputs.items()}
        with self._lock:
            self._in_use.update(names.values())
        try:
            missing = [key for key, given in inputs.items() if not self._bring(given, store)]
            if missing:
                raise MissingInputsError(missing)
            yield {key: self._folder / name for key, name in names.items()}
        finally:
            with self._lock:
                self._in_use.subtract(names.values())
                self._make_room(self._limit_bytes)

    def empty(self) -> None:
        """Remove all results that are not in use."""
        with self._lock:
            self._make_room(0)

    def add(self, given: Input, folder: Path) -> None:
        """Move a result here that was made on this worker: the next step probably reads it."""
        target = self._folder / given.name
        with self._lock:
            if given.name not in self._sizes:
                self._folder.mkdir(parents=True, exist_ok=True)
                folder.rename(target)
                self._sizes[given.name] = total_size(target)

    def _bring(self, given: Input, store: SharedStore) -> bool:
        with self._lock:
            fetching = self._fetching.setdefault(given.name, threading.Lock())
        with fetching:
            target = self._folder / given.name
            # A step that finds a file of it changed removes the receipt.
            if not (target / RECEIPT).exists() and not self._fetch(given, store, target):
                return False
            with self._lock:
                # The last of a dict is the one that was used last.
                size = self._sizes.pop(given.name, None)
                self._sizes[given.name] = total_size(target) if size is None else size
        return True

    def _fetch(self, given: Input, store: SharedStore, target: Path) -> bool:
        def made_it(result: StoredResult) -> bool:
            return dict(result.tools) == dict(given.tools)

        shutil.rmtree(target, ignore_errors=True)
        coming = self._folder / f".{uuid.uuid4().hex}"
        coming.mkdir(parents=True)
        try:
            if not store.fetch(given.key, coming, accepts=made_it) or not _is(given, coming):
                return False
            coming.rename(target)
        finally:
            shutil.rmtree(coming, ignore_errors=True)
        return True

    def _make_room(self, limit_bytes: int) -> None:
        """Remove the results that are out of use longest; the caller holds the lock."""
        for name in [name for name in self._sizes if self._in_use[name] <= 0]:
            if sum(self._sizes.values()) <= limit_bytes:
                return
            del self._sizes[name]
            self._fetching.pop(name, None)
            shutil.rmtree(self._folder / name, ignore_errors=True)


def _is(given: Input, folder: Path) -> bool:
    """Return whether a folder has the files of an outcome, and a receipt of them."""
    receipt = load_receipt(folder)
    if receipt is None or explain_loss(receipt, folder) is not None:
        return False
    return {file.path: file.sha256 for file in list_outputs(folder)} == given.outcome.outputs
