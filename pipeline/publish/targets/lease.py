"""A lease: one publisher at a time writes to a store.

A store has no locks that end with the process that holds them. So the holder creates a numbered
file in `generations/locks/`, by a write that fails if the file exists. The highest number is the
holder's, who writes the file anew every few seconds. A publisher who sees the file unchanged for
a minute on its own clock creates the next number, and so becomes the holder. No clock is compared
with another, and the store needs to know one thing: how to create a file only if it is missing.

S3 and Google Cloud Storage know it. In other stores a publisher looks and then writes, so that two
may write the same file. There each waits a moment before it reads its file back, and the owner in
the file decides: whoever finds another owner there does not hold the lease, or has lost it.

A conditional write of models.json alone would not do: a publish replaces several files (pages,
then the catalog), and two publishers at once would mix their pages. Of the stores that fsspec
reaches, few can replace a file only if it is unchanged.
"""

import contextlib
import hashlib
import math
import os
import platform
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

from pipeline.disk.canonical import format_json
from pipeline.disk.typed_json import WrongJsonError, parse_json
from pipeline.errors import TargetError
from pipeline.publish.headers import Headers, find_headers
from pipeline.publish.targets.stored_record import FOLDER

LEASE_SECONDS = 60.0
RENEW_SECONDS = 10.0
POLL_SECONDS = 1.0
# In a store that cannot create exclusively: the longest usual time from a look to the write.
SETTLE_SECONDS = 2.0
LOCKS = f"{FOLDER}/locks"
_LOCK = re.compile(rf"{LOCKS}/(\d{{6,18}})\.json", re.ASCII)
_MAX_BYTES = 64 * 1024


class Taken(Exception):  # noqa: N818  # an answer, no error
    """A file that should be created exists already."""


class _Holder(BaseModel):
    """The holder of a lease, as its file describes it."""

    model_config = ConfigDict(extra="ignore", strict=True)

    owner: str | None = None
    released: bool = False
    machine: str | None = None
    process: Annotated[int, Field(gt=0)] | None = None


class LockStore(Protocol):
    """The operations of a store that a lease needs."""

    @property
    def shown(self) -> str: ...  # noqa: D102  # see BucketTarget
    @property
    def is_exclusive(self) -> bool: ...  # noqa: D102  # see BucketTarget
    def find(self, below: str = "") -> Mapping[str, int]: ...  # noqa: D102  # see BucketTarget
    def read(self, path: str, *, limit: int | None = None) -> bytes | None: ...  # noqa: D102  # see BucketTarget
    def write(self, path: str, content: bytes, headers: Headers) -> None: ...  # noqa: D102  # see BucketTarget
    def create(self, path: str, content: bytes) -> None: ...  # noqa: D102  # see BucketTarget
    def remove(self, path: str) -> None: ...  # noqa: D102  # see BucketTarget


def _now() -> float:
    """Return the seconds of a clock that nobody sets, and that counts while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


class Lease:
    """The right to publish to a store.

    Args:
        store: The store.
        lease_seconds: How long a holder is waited for that is not heard of.
        renew_seconds: How often the holder writes its file anew.
        poll_seconds: How often the file is looked at.
        clock: Returns seconds since any fixed moment.
        sleep: Waits for so many seconds.
    """

    def __init__(  # noqa: PLR0913  # its times, and the clock that they are measured with
        self,
        store: LockStore,
        *,
        lease_seconds: float = LEASE_SECONDS,
        renew_seconds: float = RENEW_SECONDS,
        poll_seconds: float = POLL_SECONDS,
        clock: Callable[[], float] = _now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self._lease_seconds = lease_seconds
        self._renew_seconds = renew_seconds
        self._poll_seconds = poll_seconds
        self._owner = uuid.uuid4().hex
        self._number = 0
        self._renewed = 0.0
        self._looked = -math.inf
        self._lost = False
        self._over = threading.Event()

    @contextlib.contextmanager
    def held(self, announce: Callable[[str], None]) -> Iterator[Callable[[], None]]:
        """Hold the lease while the context lasts.

        Args:
            announce: Shows a message, once, if another publisher holds the lease.

        Yields:
            A function that raises TargetError if another publisher has taken over.
        """
        self._acquire(announce)
        renewal = threading.Thread(target=self._renew, daemon=True)
        renewal.start()
        try:
            yield self.check
        finally:
            self._over.set()
            renewal.join()
            self._release()

    def check(self) -> None:
        """Raise TargetError if another publisher has taken over."""
        late = self._clock() - self._renewed > self._lease_seconds / 2
        # This is called for each file that is replaced; the store is asked once a second.
        again = self._clock() - self._looked >= self._poll_seconds
        if self._lost or late or (again and not self._is_held()):
            self._lost = True
            raise TargetError(
                f"{self._store.shown}: another publish has taken over, as this one was not heard "
                f"of for {self._lease_seconds:g} s",
                hint="run it again",
            )
        if again:
            self._looked = self._clock()

    def _acquire(self, announce: Callable[[str], None]) -> None:
        announced = False
        seen: tuple[int, bytes | None] = (-1, None)
        since = self._clock()
        while True:
            number = self._highest()
            content = self._read(number) if number else None
            if (number, content) != seen:
                seen, since = (number, content), self._clock()
            over = self._clock() - since >= self._lease_seconds
            if (_is_free(content) or over) and self._take(number + 1):
                return
            if not announced and not _is_free(content):
                announce(f"{self._store.shown}: waiting for another publish to end")
                announced = True
            self._sleep(self._poll_seconds)

    def _take(self, number: int) -> bool:
        """Try to become the holder; of several publishers who try, one succeeds."""
        content = self._describe(beat=0)
        with contextlib.suppress(Taken):
            self._store.create(_lock_file(number), content)
        if not self._store.is_exclusive:
            self._sleep(SETTLE_SECONDS)
        if self._read(number) != content:
            return False
        if self._highest() != number:
            # Other publishers came and went meanwhile, and removed the lower numbers.
            self._store.remove(_lock_file(number))
            return False
        self._number, self._renewed = number, self._clock()
        for earlier in self._numbers():
            if earlier < number:
                self._store.remove(_lock_file(earlier))
        return True

    def _read(self, number: int) -> bytes | None:
        return self._store.read(_lock_file(number), limit=_MAX_BYTES)

    def _is_held(self) -> bool:
        """Return whether the store says that this publisher is the holder."""
        return self._highest() == self._number and (
            self._store.is_exclusive or _owner_of(self._read(self._number)) == self._owner
        )

    def _renew(self) -> None:
        beat = 0
        while not self._over.wait(self._renew_seconds):
            beat += 1
            self.renew(beat)

    def renew(self, beat: int) -> None:
        """Write the holder's file anew, unless another publisher has taken over.

        Args:
            beat: A number that the file has not had yet.
        """
        # A failed renewal is tried again; `check` notices when it has failed for too long.
        with contextlib.suppress(TargetError):
            self._lost = self._lost or not self._is_held()
            if not self._lost:
                self._write(self._describe(beat=beat))
                self._renewed = self._clock()

    def _release(self) -> None:
        # If the store fails now, the lease runs out.
        with contextlib.suppress(TargetError):
            if not self._lost and self._is_held():
                self._write(format_json({"released": True}))

    def _write(self, content: bytes) -> None:
        path = _lock_file(self._number)
        self._store.write(path, content, find_headers(path, immutable=False))

    def _describe(self, *, beat: int) -> bytes:
        holder = {
            "owner": self._owner,
            "machine": _machine(),
            "process": os.getpid(),
            "beat": beat,
            "released": False,
        }
        return format_json(holder)

    def _highest(self) -> int:
        return max(self._numbers(), default=0)

    def _numbers(self) -> list[int]:
        return [int(match[1]) for match in map(_LOCK.fullmatch, self._store.find(LOCKS)) if match]


def _lock_file(number: int) -> str:
    return f"{LOCKS}/{number:06d}.json"


def _parse_holder(content: bytes | None) -> _Holder | None:
    """Return the holder that a file describes; None if it describes none."""
    try:
        return None if content is None else parse_json(_Holder, content)
    except WrongJsonError:
        return None


def _owner_of(content: bytes | None) -> str | None:
    holder = _parse_holder(content)
    return None if holder is None else holder.owner


def _is_free(content: bytes | None) -> bool:
    """Say whether a lease has no holder: it was released, or its process on this machine died."""
    holder = _parse_holder(content)
    if holder is None:
        return content is None
    return holder.released or (
        holder.machine == _machine() and holder.process is not None and _is_dead(holder.process)
    )


def _is_dead(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _machine() -> str:
    """Return an identifier of this machine and of this container's process numbers.

    Containers share a machine and often a name. The file is public, so the identifier is a
    digest: "5f1c9a…", 16 hexadecimal digits.
    """
    known = [platform.node(), str(uuid.getnode())]
    with contextlib.suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
        known.append(os.readlink("/proc/self/ns/pid"))  # noqa: PTH115  # the link leads to no path
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:16]
