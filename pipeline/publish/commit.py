"""Committing: a plan is carried out, and a reader sees a whole zoo at any moment.

After a kill the target shows the old zoo or the new one; the next publish goes on from there.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

from pipeline.disk.files import digest_file
from pipeline.errors import PublishError
from pipeline.publish.generations.generation import (
    INDEX_FILE,
    Generation,
    content_file,
    format_generation,
    format_index,
    record_file,
)
from pipeline.publish.generations.journal import Journal
from pipeline.publish.generations.state import State
from pipeline.publish.headers import IMMUTABLE, OCTETS, Headers, find_headers
from pipeline.publish.plan import Plan
from pipeline.publish.targets.target import Target

Progress = Callable[[int, int], None]
"""Takes the number of bytes that are written, and of all bytes to be written."""

_THREADS = 8
_KEPT_CONTENT = Headers(content_type=OCTETS, cache_control=IMMUTABLE)


class Commit:
    """One publish under way.

    Args:
        target: The target.
        state: The target's state before.
        plan: The plan to be carried out.
        check: Raises an error where another publisher has taken over.
        progress: Called with the bytes that are written.
    """

    def __init__(
        self,
        target: Target,
        state: State,
        plan: Plan,
        *,
        check: Callable[[], None],
        progress: Progress,
    ) -> None:
        self._target = target
        self._state = state
        self._plan = plan
        self._check = check
        self._progress = progress
        self._journal = Journal(target)
        self._written = 0
        self._total = sum(file.bytes for file in plan.written.values())

    def run(self, generation: Generation) -> None:
        """Write the files of the plan, and the record of the new generation."""
        self._upload(generation.published)
        self._keep_contents()
        self._check()
        self._write_record(record_file(generation.number), format_generation(generation))
        self._swap()
        index = self._state.index.add(generation, models=self._plan.contents.catalog.num_models)
        self._check()
        self._write_record(INDEX_FILE, format_index(index))
        self._tidy()

    def _upload(self, now: str) -> None:
        """Upload the files that never change, and note each in the journal."""
        try:
            for path in self._each(self._plan.upload, self._upload_one):
                self._journal.add(path, self._plan.contents.files[path], since=now)
        finally:
            # After an interrupt too: the next publish goes on from here.
            self._journal.flush()

    def _upload_one(self, path: str) -> None:
        file, content = self._plan.contents.files[path], self._plan.contents.sources[path]
        if isinstance(content, Path) and digest_file(content) != file.sha256:
            raise _changed(path)
        self._target.write(path, content, find_headers(path, immutable=True))

    def _keep_contents(self) -> None:
        """Keep the contents of files that are replaced in place, for a rollback."""
        files = self._plan.contents.files.items()
        wanted = {file.sha256: path for path, file in files if not file.immutable}
        missing = {
            content_file(sha256): path
            for sha256, path in wanted.items()
            if content_file(sha256) not in self._state.present
        }

        def keep(kept: str) -> None:
            self._target.write(kept, self._read(missing[kept]), _KEPT_CONTENT)

        for _ in self._each(missing, keep):
            pass

    def _swap(self) -> None:
        for group in self._plan.swap:
            for _ in self._each(group, self._swap_one):
                pass

    def _swap_one(self, path: str) -> None:
        self._check()
        self._target.write(path, self._read(path), find_headers(path, immutable=False))

    def _read(self, path: str) -> bytes:
        """Return the content of a file that is replaced in place."""
        file = self._plan.contents.files[path]
        content = self._plan.contents.sources.get(path)
        if content is None:
            content = self._target.read(content_file(file.sha256))
            if content is None:
                raise PublishError(
                    f"{self._target.shown}: {path} is not kept with the content that it shall have",
                    hint="build the zoo with all of its models, and publish it",
                )
        elif isinstance(content, Path):
            content = content.read_bytes()
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise _changed(path)
        return content

    def _each(self, paths: Iterable[str], work: Callable[[str], None]) -> Iterator[str]:
        """Call `work` for each path, several at a time; yield each path when its call has ended."""
        with _pool() as pool:
            running: dict[Future[None], str] = {}
            for path in paths:
                running[pool.submit(work, path)] = path
            for future in as_completed(running):
                path = running.pop(future)
                future.result()
                if path in self._plan.contents.files:
                    self._written += self._plan.contents.files[path].bytes
                    self._progress(self._written, self._total)
                yield path

    def _write_record(self, path: str, content: bytes) -> None:
        self._target.write(path, content, find_headers(path, immutable=False))

    def _tidy(self) -> None:
        """Forget publishes that never ended; their files stay in the journal, to be pruned."""
        pending = self._state.pending
        left_over = Journal(self._target)
        for path, file in pending.files.items():
            if path not in self._plan.contents.files:
                left_over.add(path, file, since=pending.since[path])
        left_over.flush()
        shown = self._state.index.current
        unfinished = [
            record_file(number)
            for number in self._state.records()
            if shown < number < self._plan.number
        ]
        for path in (*pending.pieces, *self._journal.pieces, *unfinished):
            self._target.remove(path)


@contextlib.contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """Run threads; calls that have not begun when the context ends never begin."""
    pool = ThreadPoolExecutor(_THREADS)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _changed(path: str) -> PublishError:
    return PublishError(
        f"{path}: changed while it was published", hint="let no build run meanwhile; publish again"
    )
