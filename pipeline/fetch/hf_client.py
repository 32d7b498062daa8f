"""Hugging Face's own client: the user's token, commits, and the files of a repository.

It brings no file of a model. HF_TOKEN, HF_ENDPOINT and the client's other variables hold.
"""

import functools
import importlib
import itertools
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pipeline.disk.json_value import JsonValue
from pipeline.errors import (
    FetchError,
    NetworkError,
    NotFoundError,
    PipelineError,
    ServerError,
    SetupError,
)
from pipeline.fetch.address.source_type import is_commit
from pipeline.fetch.archive.tree import MAX_FILES
from pipeline.fetch.http.deadline import Deadline
from pipeline.fetch.http.http_faults import TransientError
from pipeline.fetch.http.http_session import HttpSettings, retry
from pipeline.text.printable import printable

_HINT = "set HF_TOKEN or run 'hf auth login'; a gated repository also wants its terms accepted"
_NOT_FOUND = 404
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_TIMEOUT_SECONDS = 60.0
# SHA-1 of Git, SHA-256 of Git-LFS.
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHOWN_LENGTH = 100
_SETTINGS = HttpSettings(attempts=3)  # the client itself makes several attempts, too
_TYPES = {"datasets": "dataset", "spaces": "space"}

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class HfFile:
    """A file of a commit.

    Attributes:
        size: Bytes.
        algorithm: "sha256" for a file in Git-LFS, "git" for any other file.
        digest: Hexadecimal digest by that algorithm.
    """

    size: int
    algorithm: str
    digest: str

    @classmethod
    def parse(cls, value: JsonValue) -> "HfFile":
        """Return a file that the store keeps as [size, algorithm, digest]."""
        try:
            size, algorithm, digest = value.items()
        except ValueError:
            value.refuse("size, algorithm and digest")
        return cls(size=size.whole(), algorithm=algorithm.text(), digest=digest.text())

    def to_json(self) -> list[int | str]:
        """Return the file as the store keeps it."""
        return [self.size, self.algorithm, self.digest]


class _Local(threading.local):
    """The state of one thread: `check` raises if the thread's time has passed."""

    check: Callable[[], None] | None = None


_local = _Local()


class HfRepository:
    """A repository.

    Args:
        name: "owner/repo", with "datasets/" or "spaces/" before it for these types.
        shown: The repository as messages name it.
        deadline: The end of the time for all answers.

    Raises:
        SetupError: The client is not installed.
    """

    def __init__(self, name: str, *, shown: str, deadline: Deadline) -> None:
        prefix, _, rest = name.partition("/")
        self.type = _TYPES.get(prefix, "model")
        self.id = rest if prefix in _TYPES else name
        self.shown = shown
        self._deadline = deadline
        self._hub = _load_client(shown)
        self._endpoint = os.environ.get("HF_ENDPOINT") or None

    def find_commit(self, revision: str) -> str:
        """Return the commit that a branch or tag stands for.

        Raises:
            NotFoundError: There is no such repository, or no such revision.
            FetchError: Hugging Face does not answer, or refuses.
        """
        info = self._ask(
            lambda api: api.repo_info(
                self.id, repo_type=self.type, revision=revision, timeout=_TIMEOUT_SECONDS
            ),
            revision,
        )
        if not (isinstance(info.sha, str) and is_commit(info.sha)):
            raise self._lies(f"the commit {info.sha!r}")
        return info.sha

    def list_files(self, commit: str, folder: str) -> dict[str, HfFile]:
        """Return all files below a folder by their paths in the repository.

        Raises:
            NotFoundError: There is no such folder.
            FetchError: Hugging Face does not answer, or refuses.
        """
        entries = self._ask(
            lambda api: self._list(
                api.list_repo_tree(
                    self.id,
                    folder or None,
                    repo_type=self.type,
                    revision=commit,
                    recursive=True,
                )
            ),
            commit,
        )
        if len(entries) > MAX_FILES:
            raise FetchError(f"{self.shown}: more than {MAX_FILES} files; expected one model")
        # A folder has no blob_id.
        return dict(self._parse(entry) for entry in entries if hasattr(entry, "blob_id"))

    def locate(self, commit: str, path: str) -> tuple[str, HttpSettings]:
        """Return the URL of a file, and the settings of the connection to its server."""
        url: str = self._hub.hf_hub_url(
            self.id, path, repo_type=self.type, revision=commit, endpoint=self._endpoint
        )
        header = self._hub.utils.build_hf_headers().get("authorization")
        scope = f"//{urlsplit(url).netloc}/"
        return url, HttpSettings(credentials=((scope, header),) if header else (), hint=_HINT)

    def _parse(self, entry: Any) -> tuple[str, HfFile]:
        """Return path and file of an entry that has been checked."""
        path, size = entry.path, entry.lfs.size if entry.lfs else entry.size
        algorithm, digest = ("sha256", entry.lfs.sha256) if entry.lfs else ("git", entry.blob_id)
        if not (isinstance(path, str) and isinstance(size, int) and size >= 0):
            raise self._lies(f"a file {path!r} of {size!r} bytes")
        if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
            raise self._lies(f"{path!r} with the digest {digest!r}")
        return path, HfFile(size=size, algorithm=algorithm, digest=digest)

    def _list(self, entries: Iterator[Any]) -> list[Any]:
        """Return the entries of a listing, at most one more than a model may have."""
        found = []
        for entry in itertools.islice(entries, MAX_FILES + 1):
            self._deadline.check(self.shown)
            found.append(entry)
        return found

    def _lies(self, found: str) -> ServerError:
        text = printable(found, limit=_SHOWN_LENGTH)
        return ServerError(f"{self.shown}: Hugging Face answers with {text}, which is none")

    def _ask(self, ask: Callable[[Any], T], revision: str) -> T:
        api = self._hub.HfApi(endpoint=self._endpoint)

        def in_time() -> T:
            _local.check = functools.partial(self._deadline.check, self.shown)
            return ask(api)

        def attempt() -> T:
            try:
                return self._deadline.run(in_time, shown=self.shown)
            except PipelineError:
                raise
            except Exception as error:  # noqa: BLE001  # the errors of its HTTP library are no part of its API
                raise self._translate(error, revision) from None

        return retry(attempt, settings=_SETTINGS, url=self.shown, deadline=self._deadline)

    def _translate(self, error: Exception, revision: str) -> Exception:
        """Return our error for an error of the client, whose text has URLs and request ids."""
        faults = self._hub.errors
        status = getattr(getattr(error, "response", None), "status_code", None)
        kind: type[FetchError] = ServerError
        hint: str | None = _HINT
        match error:
            case faults.OfflineModeIsEnabled():
                kind, found, hint = NetworkError, "HF_HUB_OFFLINE forbids to ask Hugging Face", None
            case faults.GatedRepoError() | faults.DisabledRepoError():
                found = "Hugging Face refuses: it is gated or disabled"
            case faults.RevisionNotFoundError():
                kind, hint = NotFoundError, None
                found = f"no revision {revision!r}{_guess(self.shown, revision)}"
            case faults.RepositoryNotFoundError():
                kind, found = NotFoundError, f"no such {self.type} repository, or it is private"
            case _ if status == _NOT_FOUND:
                kind, found, hint = NotFoundError, "no such folder", None
            case _ if status in {401, 403}:
                found = f"{status}: Hugging Face refuses"
            case _ if status and status not in _AGAIN:
                found, hint = f"Hugging Face answers {status}; expected 200", None
            case _:
                reason = (
                    f"answers {status}" if status else f"is not reached ({type(error).__name__})"
                )
                return TransientError(f"Hugging Face {reason}")
        return kind(f"{self.shown}: {found}", hint=hint)


def _guess(shown: str, revision: str) -> str:
    """Return the end of a message about "main/m.h5": "; did you mean 'hf:ann/zoo@main#m.h5'?"."""
    branch, slash, path = revision.partition("/")
    if not slash:
        return ""
    return f"; did you mean '{shown.partition('@')[0]}@{branch}#{path}'?"


def _load_client(shown: str) -> Any:
    try:
        hub = importlib.import_module("huggingface_hub")
    except ImportError:
        raise SetupError(
            f"{shown}: hf: sources need huggingface_hub, which is not installed",
            hint='pip install "tfjs-zoo[hf]"',
        ) from None
    hub.set_client_factory(_make_http_client)
    if "HF_HUB_VERBOSITY" not in os.environ:  # the client would print the advice to log in
        hub.utils.logging.set_verbosity_error()
    return hub


def _make_http_client() -> Any:
    """Return the HTTP client of Hugging Face's client, with a timeout and our deadline."""
    client = importlib.import_module("huggingface_hub.utils._http").default_client_factory()
    client.timeout = _TIMEOUT_SECONDS
    # A listing may have pages without an end.
    hooks = client.event_hooks
    client.event_hooks = {**hooks, "request": [*hooks["request"], _check_time]}
    return client


def _check_time(_request: Any) -> None:
    if _local.check:
        _local.check()
