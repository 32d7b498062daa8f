"""Reading back: a published zoo is fetched over HTTP as a page of another origin fetches it.

Every file must come with the content that was published, with a content type that browsers
accept, and open to all origins. Ranges and cache headers, without which a zoo still works, are
checked too, and give warnings.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import requests

from pipeline.catalog.document import CATALOG_FILE
from pipeline.disk.typed_json import WrongJsonError
from pipeline.errors import NetworkError, PipelineError, PublishError
from pipeline.fetch.http.deadline import Deadline
from pipeline.fetch.http.http_session import HttpSettings, open_url, retry
from pipeline.publish.commit import Progress
from pipeline.publish.dist_contents import listed_files
from pipeline.publish.findings import ORIGIN, Answer, FileFinding, judge_answer
from pipeline.publish.generations.file_listing import parse_published
from pipeline.publish.generations.generation import (
    INDEX_FILE,
    PublishedFile,
    parse_generation,
    parse_index,
    record_file,
)
from pipeline.publish.targets.stored_record import MAX_RECORD_BYTES, check_size

PATIENCE_SECONDS = 30.0
# Time for a small file; a larger file may take longer, up to the most.
FILE_SECONDS = 120.0
MOST_SECONDS = 3600.0
_LEAST_BYTES_PER_SECOND = 16 * 1024
# After so many files in a row without an answer, the rest is not requested.
_NUM_SILENT = 16
_THREADS = 8
# A decompressed chunk may be a thousand times as large.
_CHUNK_BYTES = 64 * 1024
_FOR_HOSTS = {"CNAME", "_headers", "_redirects"}
_PARTIAL = requests.codes.partial_content


@dataclass(frozen=True, kw_only=True)
class ReadBack:
    """The result of reading a zoo back.

    Attributes:
        url: The zoo's folder.
        files: Number of files read.
        bytes: Size of all files.
        faults: Findings that keep pages from using the zoo.
        warnings: Findings with which the zoo still works.
    """

    url: str
    files: int
    bytes: int
    faults: tuple[FileFinding, ...]
    warnings: tuple[FileFinding, ...]


class _Deadline(Deadline):
    """The end of the time for one file."""

    def fault(self, shown: str) -> NetworkError:
        """Return the error of a time that has passed."""
        return NetworkError(
            f"{shown}: reading it took more than {self.seconds:g} s",
            hint="run it again when the server answers faster",
        )


class Reader:
    """Reads a published zoo.

    Args:
        url: Its folder, or its models.json.
        settings: How servers are reached.
        patience_seconds: How long a cache may still send the zoo that was published before.
        progress: Called with the bytes that are read.
    """

    def __init__(
        self,
        url: str,
        *,
        settings: HttpSettings,
        progress: Progress,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.url = folder_url(url)
        self._settings = settings
        self._progress = progress
        self._patience_seconds = patience_seconds
        self._num_silent = 0

    def read_back(self, files: Mapping[str, PublishedFile] | None = None) -> ReadBack:
        """Fetch every file and check it.

        Args:
            files: The published files, by path; None to take them from the zoo itself: from
                the record of its generation, else from its models.json.

        Raises:
            FetchError: There is no zoo, or its server cannot be reached.
            PublishError: The models.json is no catalog.
        """
        expected = self._find_files() if files is None else files
        expected = {path: file for path, file in expected.items() if not _is_for_host(path)}
        total = sum(file.bytes for file in expected.values())
        deadline = time.monotonic() + self._patience_seconds
        findings: list[FileFinding] = []
        done = 0
        with ThreadPoolExecutor(_THREADS) as pool:
            answers = pool.map(lambda path: self._fetch(path, expected[path], deadline), expected)
            for (path, file), answer in zip(expected.items(), answers, strict=True):
                findings += judge_answer(path, file, answer)
                done += file.bytes
                self._progress(done, total)
        findings += self._try_range(expected)
        return ReadBack(
            url=self.url,
            files=len(expected),
            bytes=total,
            faults=tuple(found for found in findings if found.kind not in {"range", "cache"}),
            warnings=tuple(found for found in findings if found.kind in {"range", "cache"}),
        )

    def _find_files(self) -> Mapping[str, PublishedFile]:
        """Return the files that the zoo itself lists, by path."""
        content = self._get(CATALOG_FILE, limit=MAX_RECORD_BYTES)
        shown = PublishedFile(
            bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), immutable=False
        )
        try:
            listed = listed_files(parse_published(content).models)
        except WrongJsonError as error:
            raise PublishError(
                f"{self.url}{CATALOG_FILE}: is no catalog of a zoo: {error}"
            ) from None
        return self._find_generation(shown) or {CATALOG_FILE: shown, **listed}

    def _find_generation(self, catalog: PublishedFile) -> Mapping[str, PublishedFile] | None:
        """Return the files of the current generation; None where its record cannot be read."""
        try:
            where = f"{self.url}{INDEX_FILE}"
            current = parse_index(
                self._get(INDEX_FILE, limit=MAX_RECORD_BYTES), where=where
            ).current
            content = self._get(record_file(current), limit=MAX_RECORD_BYTES)
            record = parse_generation(content, where=where)
        except PipelineError:
            return None
        return record.files if record.files.get(CATALOG_FILE) == catalog else None

    def _get(self, path: str, *, limit: int) -> bytes:
        """Return the content of a file.

        Raises:
            PublishError: The file has more bytes than the limit.
        """
        pieces: list[bytes] = []
        self._receive(path, limit, pieces)
        return check_size(b"".join(pieces), limit, where=self._locate(path))

    def _fetch(self, path: str, file: PublishedFile, deadline: float) -> Answer:
        """Fetch a file; a cache may send the old content of a replaced file for a while."""
        wait = 1.0
        while True:
            answer = self._fetch_once(path, file)
            late = time.monotonic() + wait > deadline
            if answer.sha256 == file.sha256 or file.immutable or late:
                return answer
            time.sleep(wait)
            wait *= 2

    def _fetch_once(self, path: str, file: PublishedFile) -> Answer:
        if self._num_silent >= _NUM_SILENT:
            return Answer(reason="not asked for, as the server answers no more")
        try:
            answer = self._receive(path, file.bytes)
        except PipelineError as error:
            silent = isinstance(error, NetworkError)
            self._num_silent = self._num_silent + 1 if silent else 0
            reason = error.message.removeprefix(f"{self._locate(path)}: ")
            return Answer(reason=reason, hint=error.hint)
        self._num_silent = 0
        return answer

    def _receive(self, path: str, limit: int, pieces: list[bytes] | None = None) -> Answer:
        """Receive a file, up to one chunk beyond its size.

        Args:
            path: Path of the file.
            limit: Its size in bytes, or the largest size that it may have.
            pieces: Takes the chunks of the content; None to keep only the digest.
        """
        url = self._locate(path)
        seconds = min(FILE_SECONDS + limit / _LEAST_BYTES_PER_SECOND, MOST_SECONDS)
        deadline = _Deadline(seconds)

        def attempt() -> Answer:
            with open_url(
                url, settings=self._settings, headers={"Origin": ORIGIN}, deadline=deadline
            ) as response:
                digest = hashlib.sha256()
                answer = Answer(headers=response.headers)
                if pieces is not None:
                    pieces.clear()
                for chunk in response.iter_content(_CHUNK_BYTES):
                    digest.update(chunk)
                    answer.bytes += len(chunk)
                    if pieces is not None:
                        pieces.append(chunk)
                    if answer.bytes > limit:
                        break
                answer.sha256 = digest.hexdigest()
                return answer

        return retry(attempt, settings=self._settings, url=url, deadline=deadline)

    def _try_range(self, expected: Mapping[str, PublishedFile]) -> Iterator[FileFinding]:
        """Request one byte of the largest file that never changes."""
        large = [path for path, file in expected.items() if file.immutable and file.bytes > 1]
        if not large:
            return
        path = max(large, key=lambda path: expected[path].bytes)
        url = self._locate(path)
        wanted = {"Origin": ORIGIN, "Range": "bytes=1-1", "Accept-Encoding": "identity"}

        deadline = _Deadline(FILE_SECONDS)

        def attempt() -> tuple[int, str, int]:
            with open_url(
                url, settings=self._settings, headers=wanted, deadline=deadline
            ) as response:
                found = response.headers.get("Content-Range", "")
                size = len(response.content) if response.status_code == _PARTIAL else -1
                return response.status_code, found, size

        try:
            status, found, size = retry(
                attempt, settings=self._settings, url=url, deadline=deadline
            )
        except PipelineError:
            return  # the file's own request has failed too, and has its finding
        right = f"bytes 1-1/{expected[path].bytes}"
        if (status, found, size) != (_PARTIAL, right, 1):
            said = f"{status}, Content-Range {found!r}" if found else f"status {status}"
            text = f"a part was asked for and {said} came; expected 206, {right!r}"
            yield FileFinding(kind="range", path=path, text=text)

    def _locate(self, path: str) -> str:
        return urljoin(self.url, quote(path))


def folder_url(url: str) -> str:
    """Return the URL of a zoo's folder, "https://host/zoo/", from it or from a file at its top.

    Raises:
        PublishError: The text is no URL of a server.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise PublishError(f"{url}: is no URL of a server; expected https://host/folder/")
    path = parts.path
    if path.endswith((f"/{CATALOG_FILE}", "/index.html")):
        path = path.rpartition("/")[0]
    return urlunsplit((parts.scheme, parts.netloc, path.rstrip("/") + "/", "", ""))


def _is_for_host(path: str) -> bool:
    """Say whether a file is for the server itself, which need not send it to readers."""
    return path in _FOR_HOSTS or any(part.startswith(".") for part in path.split("/"))
