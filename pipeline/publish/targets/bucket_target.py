"""A store as the target of a publish: S3, Google Cloud Storage and all that fsspec reaches.

Object stores write a file whole or not at all, and keep its headers. In other stores a file is
written under another name beside the final one and renamed, and their servers choose the headers.
"""

import contextlib
import posixpath
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.disk.typed_json import is_inside
from pipeline.errors import PipelineError, PublishError, TargetError
from pipeline.fetch.filesystem_client import find_code, open_client
from pipeline.fetch.http.credentials import strip_credentials
from pipeline.publish.headers import Headers
from pipeline.publish.targets.bucket import LISTING_SECONDS, list_bucket
from pipeline.publish.targets.lease import Lease, Taken
from pipeline.publish.targets.stored_record import check_size

PART_SUFFIX = ".zoo-part"
_S3 = ("s3", "s3a")
_GS = ("gs", "gcs")
_WHOLE = {*_S3, *_GS, "memory"}
_LOST = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_MISSING_BUCKET = {"NoSuchBucket"}
_NO_SUCH_PART = {"InvalidRange", "416"}
# Longest time of a call, with retries of the client; a call that sends much may take longer.
CALL_SECONDS = 180.0
LEAST_BYTES_PER_SECOND = 4 * 1024
_AGAIN = "run it again: it goes on from here; for a server that is not Amazon's, set `endpoint`"


class BucketTarget:
    """A folder of a store."""

    def __init__(self, fs: Any, root: str, *, scheme: str, shown: str) -> None:
        self._fs = fs
        self._root = root.rstrip("/")
        self._scheme = scheme
        self.shown = shown

    @property
    def is_exclusive(self) -> bool:
        """Whether of several publishers who create a file at once only one succeeds."""
        return self._scheme in {*_S3, *_GS}

    def find(self, below: str = "") -> Mapping[str, int]:
        """Return the size of every file, or of those below a folder, by path.

        Keys that no file of a zoo can have (with "..", control characters, a "/" at the end) are
        left out, and so are keys outside the folder.
        """
        with self._translated(""):
            start = f"{self._root}/"
            found = self._list(self._locate(below).rstrip("/"))
            named = ((name[len(start) :], size) for name, size in found if name.startswith(start))
            return {path: size for path, size in named if is_inside(path)}

    def read(self, path: str, *, limit: int | None = None) -> bytes | None:
        """Return a file's content; None for a file that is missing."""
        end = None if limit is None else limit + 1
        with self._translated(path):
            try:
                content: bytes = self._call("cat_file", self._locate(path), end=end)
            except FileNotFoundError as error:
                if find_code(error) in _MISSING_BUCKET:
                    raise
                return None
            except Exception as error:
                # The server refuses to send a part of an empty file.
                if end is None or find_code(error) not in _NO_SUCH_PART:
                    raise
                content = b""
        return check_size(content, limit, where=f"{self.shown}: {path}")

    def write(self, path: str, content: bytes | Path, headers: Headers) -> None:
        """Write a file, whole or not at all; an existing file is replaced."""
        location = self._locate(path)
        with self._translated(path):
            if self._scheme in _WHOLE:
                self._put(content, location, self._options(headers))
                return
            folder, name = posixpath.split(location)
            beside = f"{folder}/.{name}{PART_SUFFIX}"
            self._call("makedirs", folder, exist_ok=True)
            self._put(content, beside, {})
            self._call("mv", beside, location)

    def create(self, path: str, content: bytes) -> None:
        """Write a file that must not exist yet; see `is_exclusive`.

        Raises:
            Taken: The file exists.
        """
        location = self._locate(path)
        with self._translated(path):
            try:
                if self._scheme not in _WHOLE:
                    self._call("makedirs", posixpath.dirname(location), exist_ok=True)
                self._call("pipe_file", location, content, mode="create")
            except FileExistsError:
                raise Taken from None
            except Exception as error:
                if find_code(error) in _LOST:
                    raise Taken from None
                raise

    def remove(self, path: str) -> None:
        """Remove a file, if it exists."""
        with self._translated(path), contextlib.suppress(FileNotFoundError):
            self._call("rm_file", self._locate(path))

    @contextlib.contextmanager
    def hold(self, announce: Callable[[str], None]) -> Iterator[Callable[[], None]]:
        """Hold a lease, renewed while the context lasts."""
        with Lease(self).held(announce) as check:
            self._sweep()
            yield check

    def _sweep(self) -> None:
        """Remove the parts of files that were being written when a publish was killed."""
        if self._scheme in _S3:
            # A publisher without the right to list uploads can publish all the same; the bucket's
            # own rules end them.
            with contextlib.suppress(Exception):
                self._abort_uploads()
        elif self._scheme not in _WHOLE:
            for path in self.find():
                if path.endswith(PART_SUFFIX):
                    self.remove(path)

    def _abort_uploads(self) -> None:
        bucket, _, prefix = self._root.partition("/")
        begun = self._call(
            "call_s3", "list_multipart_uploads", Bucket=bucket, Prefix=f"{prefix}/".lstrip("/")
        )
        for upload in begun.get("Uploads", ()):
            self._call(
                "call_s3",
                "abort_multipart_upload",
                Bucket=bucket,
                Key=upload["Key"],
                UploadId=upload["UploadId"],
            )

    def _put(self, content: bytes | Path, location: str, options: Mapping[str, Any]) -> None:
        if isinstance(content, bytes):
            self._call("pipe_file", location, content, size=len(content), **options)
        else:
            size = content.stat().st_size
            self._call("put_file", str(content), location, size=size, **options)

    def _options(self, headers: Headers) -> dict[str, Any]:
        """Return the options that pass the headers to the store's client."""
        if self._scheme in _S3:
            return {"ContentType": headers.content_type, "CacheControl": headers.cache_control}
        if self._scheme in _GS:
            fixed = {"cache_control": headers.cache_control}
            return {"content_type": headers.content_type, "fixed_key_metadata": fixed}
        return {}

    def _list(self, folder: str) -> Iterator[tuple[str, int]]:
        """Yield name and size of every file below a folder."""
        try:
            if self._scheme in _S3:
                bucket = folder.partition("/")[0]
                for key, size in list_bucket(self._call, folder, shown=self.shown):
                    yield f"{bucket}/{key}", size
                return
            found = self._call("find", folder, detail=True)
        except FileNotFoundError:
            return
        for name, info in found.items():
            if info.get("type", "file") == "file":
                yield name, int(info["size"])

    def _locate(self, path: str) -> str:
        """Return the key of a path, "bucket/zoo/index.html"; no path leads out of the folder."""
        if path and not is_inside(path):
            raise PublishError(f"{self.shown}: {path!r} leads out of it; expected a file inside")
        return f"{self._root}/{path}"

    def _call(self, name: str, *arguments: Any, size: int = 0, **options: Any) -> Any:
        """Call a method of the store's client, for no longer than a slow line needs.

        Args:
            name: Name of the method.
            arguments: Arguments of the method.
            size: Number of bytes that the call sends.
            options: Keyword arguments of the method.
        """
        if self._fs.async_impl:
            seconds = LISTING_SECONDS if name == "find" else CALL_SECONDS
            options["timeout"] = seconds + size / LEAST_BYTES_PER_SECOND
        return getattr(self._fs, name)(*arguments, **options)

    @contextlib.contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        """Turn the errors of the stores' clients into ours; each client has its own."""
        try:
            yield
        except (PipelineError, Taken):
            raise
        except Exception as error:  # noqa: BLE001  # each client has errors of its own
            raise self._describe(path, error) from None

    def _describe(self, path: str, error: Exception) -> PublishError:
        """Return our error; the client's own message, which may hold a signature, is left out."""
        where = f"{self.shown}: {path}" if path else self.shown
        code = find_code(error)
        said = code or type(error).__name__
        if isinstance(error, PermissionError) or code in {"401", "403"}:
            return TargetError(
                f"{where}: access is denied ({said})",
                hint="whoever publishes must be allowed to list, read, write and delete here",
            )
        if code in _MISSING_BUCKET or isinstance(error, FileNotFoundError):
            return PublishError(f"{self.shown}: there is no such bucket", hint="create it first")
        if "redentials" in said:
            return TargetError(
                f"{self.shown}: no credentials were found",
                hint="for S3: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; "
                "for Google Cloud: GOOGLE_APPLICATION_CREDENTIALS",
            )
        if isinstance(error, TimeoutError):
            said = "it did not answer in time"
        return TargetError(f"{where}: the store fails ({said})", hint=_AGAIN)


def open_bucket(url: str, *, endpoint: str | None = None) -> BucketTarget:
    """Return the target of a URL that fsspec knows; nothing is read from it yet.

    Raises:
        PublishError: The URL names no store, or the client of that store is not installed.
    """
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    shown = strip_credentials(url).rstrip("/")
    if not rest.strip("/"):
        raise PublishError(f"{shown}: names no folder; expected a URL such as s3://bucket/zoo")
    if scheme in _WHOLE and "@" in rest:
        raise PublishError(
            f"{shown}: a bucket's credentials are no part of its URL",
            hint="its client finds them in the environment and in its own files",
        )
    options: dict[str, Any] = {"use_listings_cache": False}
    if endpoint is not None and scheme in _S3:
        options["endpoint_url"] = endpoint
    known = options if scheme in _WHOLE else {}
    fs, root = open_client(url, known, shown=shown, error=PublishError)
    return BucketTarget(fs, root, scheme=scheme, shown=shown)
