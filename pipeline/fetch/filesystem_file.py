"""One file of a file system, brought piece by piece, so that it goes on where it broke off."""

from pathlib import Path

from pipeline.errors import ServerError
from pipeline.fetch.disk_room import Room
from pipeline.fetch.download_cache import Progress
from pipeline.fetch.filesystem_client import Filesystem
from pipeline.fetch.http.http_faults import TransientError
from pipeline.fetch.http.partial_file import Validators, begin_part, discard_part, load_validators

CHUNK_BYTES = 8 * 1024 * 1024


def receive_file(  # noqa: PLR0913  # a file, and what is known of it
    filesystem: Filesystem,
    path: str,
    part: Path,
    *,
    shown: str,
    known: Validators | None,
    progress: Progress,
) -> Validators | None:
    """Bring a file to `part`; None when it is still what the validators tell.

    Raises:
        TransientError: Its server failed, or it changed while it came.
        ServerError: It is a folder, not there, or not for us.
    """
    found = filesystem.find(path, shown=shown)
    if found is None:
        raise ServerError(f"{shown}: a folder; expected a file")
    state = Validators(etag=found.state)
    if found.state and known and known.etag == found.state:
        return None
    started = load_validators(part)
    if not (found.state and started and started.etag == found.state and part.exists()):
        begin_part(part, state)
    room = Room(part.parent, shown=shown, disk="the cache")
    with part.open("ab", buffering=0) as file:
        done = file.tell()
        progress(done, found.size)
        while done < found.size:
            room.check(found.size, written=done)
            content = filesystem.read(path, done, min(done + CHUNK_BYTES, found.size), shown=shown)
            if not content:
                raise TransientError("it ends before its stated size")
            file.write(content)
            done += len(content)
            progress(done, found.size)
    if filesystem.find(path, shown=shown) != found:
        discard_part(part)
        raise TransientError("it changed while it came")
    return state
