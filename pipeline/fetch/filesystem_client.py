"""File systems that fsspec reaches: the state of a file, the files of a folder, some bytes.

Each file system has its own client (s3fs, gcsfs, adlfs, …), which finds the user's credentials in
its own way. Here its errors become our errors; their texts may hold signatures and are dropped.
"""

import contextlib
import errno
import functools
import importlib
import logging
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import (
    FetchError,
    NotFoundError,
    PipelineError,
    ServerError,
    SetupError,
)
from pipeline.fetch.address.source_type import Source
from pipeline.fetch.archive.inner_paths import is_plain_path, shorten
from pipeline.fetch.archive.tree import MAX_FILES
from pipeline.fetch.http.credentials import expand_variables
from pipeline.fetch.http.deadline import Deadline
from pipeline.fetch.http.http_faults import TransientError

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "hf": "hf"}
_HINTS = {
    "s3": "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; is the bucket's region "
    "AWS_REGION, its server AWS_ENDPOINT_URL?",
    "gs": "run 'gcloud auth application-default login', or set GOOGLE_APPLICATION_CREDENTIALS",
}
# Names that clients have for the state of a file: its ETag or checksum, else its date.
_STATES = ("generation", "ETag", "etag", "md5Hash", "content_md5", "checksum", "sha", "uid")
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "modified", "modify", "created")
# Names of connection errors in the clients' libraries.
_BROKEN = {
    "ConnectionError",
    "HTTPClientError",
    "ClientConnectionError",
    "ClientPayloadError",
    "TransportError",
    "ResponseStreamingError",
    "IncompleteReadError",
    "FSTimeoutError",
    "ServiceRequestError",
}
_BUSY = {errno.EIO, errno.EBUSY, errno.EAGAIN, getattr(errno, "EREMOTEIO", errno.EIO)}
_SERVER_ERROR = 500

_quiet = threading.Lock()  # the filters of warnings belong to the whole process


@dataclass(frozen=True, kw_only=True)
class FileState:
    """A file as its server describes it.

    Attributes:
        path: Its path, as the client writes it.
        size: Bytes.
        state: A text that changes with the content, None if the server has none.
    """

    path: str
    size: int
    state: str | None


class Filesystem:
    """A file system, and the path of one source in it.

    Args:
        source: The source in the manifest.
        environ: The environment, for `${NAME}` in the source.
        deadline: The end of the time for all answers.

    Attributes:
        root: The path of the source, as the client writes it.

    Raises:
        SetupError: The client is not installed, or a variable is not set.
        FetchError: The client does not understand the address.
    """

    def __init__(self, source: Source, environ: Mapping[str, str], *, deadline: Deadline) -> None:
        self.shown = source.uri.partition("#")[0]
        self.scheme = source.location.partition(":")[0]
        self._url = expand_variables(source.location, environ, shown=self.shown)
        self._options: dict[str, Any] = {"use_listings_cache": False}
        if source.version is not None:
            self._options["version_aware"] = True
        self._deadline = deadline
        self._client, self.root = self._open()

    def find(self, path: str, *, shown: str) -> FileState | None:
        """Return a file; None for a folder.

        Args:
            path: Its path, as the client writes it.
            shown: The file as messages name it.

        Raises:
            NotFoundError: The path does not exist.
        """
        with self._translating(shown):
            info = self._call("info", path)
            return None if info["type"] == "directory" else _describe(info)

    def walk(self, folder: str) -> Iterator[FileState]:
        """Yield all files below a folder; the caller may stop before the end.

        Raises:
            FetchError: There are too many folders, or their paths are too long.
            ServerError: The server lists a file of another folder.
        """
        pending, num_folders = [folder], 0
        while pending:
            current = pending.pop()
            with self._translating(self.shown):
                entries = self._call("ls", current, detail=True)
                found = sorted((str(info["name"]).rstrip("/"), info) for info in entries)
            for name, info in found:
                if name == current:
                    continue
                if not name.startswith(f"{current}/"):
                    raise ServerError(
                        f"{self.shown}: its server lists {shorten(name)}, which is elsewhere"
                    )
                with self._translating(self.shown):
                    file = None if info["type"] == "directory" else _describe(info)
                if file is not None:
                    yield file
                    continue
                num_folders += 1
                if num_folders > MAX_FILES or not is_plain_path(name[len(folder) :]):
                    raise FetchError(
                        f"{self.shown}: has too many folders, or one with a name that is too "
                        "long or not printable; expected one model"
                    )
                pending.append(name)

    def list_names(self, folder: str) -> list[str]:
        """Return the paths in a folder; none if it cannot be listed."""
        with contextlib.suppress(FetchError, TransientError), self._translating(self.shown):
            entries = self._call("ls", folder, detail=True) if folder else ()
            return [str(info["name"]).rstrip("/") for info in entries]
        return []

    def read(self, path: str, start: int, end: int, *, shown: str) -> bytes:
        """Return the bytes of a file from `start` to `end`; fewer only at the end of the file."""
        with self._translating(shown):
            content: bytes = self._call("cat_file", path, start=start, end=end)
        if len(content) > end - start:
            raise ServerError(f"{shown}: its server sends more than the part that was asked for")
        self._deadline.extend(len(content))
        return content

    def _open(self) -> tuple[Any, str]:
        try:
            core = importlib.import_module("fsspec.core")
            with _quiet, warnings.catch_warnings():
                # google.api_core warns that a Python will be too old in some years.
                warnings.simplefilter("ignore", FutureWarning)
                kind = core.get_filesystem_class(self.scheme)
            _silence(kind)
            with self._translating(self.shown):
                client, root = core.url_to_fs(self._url, **self._options)
        except ImportError as error:
            raise self._missing_client(error) from None
        return client, str(root).rstrip("/")

    def _call(self, name: str, path: str, **arguments: Any) -> Any:
        """Call the client; without credentials if the bucket asks for some and there are none."""
        try:
            return self._call_in_time(name, path, **arguments)
        except Exception as error:
            if type(error).__name__ != "NoCredentialsError" or self._options.get("anon"):
                raise
        self._options["anon"] = True
        self._client, _ = self._open()
        return self._call_in_time(name, path, **arguments)

    def _call_in_time(self, name: str, path: str, **arguments: Any) -> Any:
        call = functools.partial(getattr(self._client, name), path, **arguments)
        return self._deadline.run(call, shown=self.shown)

    def _missing_client(self, error: ImportError) -> SetupError:
        extra = _EXTRAS.get(self.scheme)
        hint = f'pip install "tfjs-zoo[{extra}]"' if extra else "pip install fsspec, and with it "
        if not extra:
            hint += error.msg if error.name != "fsspec" else "the package for this scheme"
        found = f"{self.scheme}: sources need a package that is not installed"
        return SetupError(f"{self.shown}: {found}", hint=hint)

    @contextlib.contextmanager
    def _translating(self, shown: str) -> Iterator[None]:
        try:
            yield
        except (ImportError, FetchError):
            raise
        except Exception as error:  # noqa: BLE001  # each client has errors of its own, without a common class
            raise self._translate(error, shown) from None

    def _translate(self, error: Exception, shown: str) -> Exception:
        names = {kind.__name__ for kind in type(error).__mro__}
        code = find_code(error)
        said = f" ({code})" if code else ""
        hint = _HINTS.get(_EXTRAS.get(self.scheme, ""))
        if isinstance(error, FileNotFoundError) or code == "404":
            return NotFoundError(f"{shown}: nothing is there{said}")
        if isinstance(error, PermissionError) or code in {"401", "403"}:
            return ServerError(f"{shown}: its server refuses{said}", hint=hint)
        busy = isinstance(error, OSError) and error.errno in _BUSY
        if isinstance(error, (ConnectionError, TimeoutError)) or names & _BROKEN or busy:
            return TransientError(
                f"its server is not reached{said or f' ({type(error).__name__})'}"
            )
        if code.isdigit() and int(code) >= _SERVER_ERROR:
            return TransientError(f"its server fails{said}")
        found = said or f" ({type(error).__name__})"
        return ServerError(f"{shown}: its client cannot read it{found}", hint=hint)


def _describe(info: Mapping[str, Any]) -> FileState:
    states = [f"{key}={info[key]}" for key in _STATES if info.get(key)][:1]
    states = states or [f"{key}={info[key]}" for key in _TIMES if info.get(key)][:1]
    size = int(info.get("size") or 0)
    if size < 0:
        raise ValueError(size)
    state = f"{states[0]} size={info.get('size')}" if states else None
    return FileState(path=str(info["name"]), size=size, state=state)


def open_client(
    url: str, options: Mapping[str, Any], *, shown: str, error: type[PipelineError] = SetupError
) -> tuple[Any, str]:
    """Return fsspec's file system for the URL of a store, and the path of the URL in it.

    Args:
        url: The URL.
        options: What the client takes.
        shown: The URL as messages name it.
        error: What is raised where the URL is of no known kind, or its client is not installed.
    """
    core = importlib.import_module("fsspec.core")
    scheme = url.partition(":")[0].lower()
    try:
        with _quiet, warnings.catch_warnings():
            # google.api_core warns that a Python will be too old in some years.
            warnings.simplefilter("ignore", FutureWarning)
            client, root = core.url_to_fs(url, **options)
    except ImportError:
        extra = _EXTRAS.get(scheme)
        hint = f"pip install 'tfjs-zoo[{extra}]'" if extra else "install its client for fsspec"
        raise error(f"{shown}: {scheme}: needs a package", hint=hint) from None
    except ValueError:
        text = f"{shown}: {scheme}: is no kind of store; expected a folder, s3: or gs:"
        raise error(text) from None
    _silence(type(client))
    return client, str(root)


def _silence(kind: type) -> None:
    """Keep a client's log from the terminal, where it goes without a handler."""
    logger = logging.getLogger(kind.__module__.partition(".")[0])
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def find_code(error: BaseException | None) -> str:
    """Return the code of a server's error: "AccessDenied", "404"; "" if it has none."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
        for name in ("code", "status", "status_code"):
            code = getattr(error, name, None)
            if isinstance(code, int | str) and str(code).isalnum():
                return str(code)
        error = error.__cause__
    return ""
