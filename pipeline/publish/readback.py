"""Reading back: a published zoo fetched over HTTP as a page of another origin fetches it.

Every file has to come with the content that was published, with a content type that browsers
accept, and open to all origins. What a zoo can do without (parts of files, cache headers) is
told as a warning.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import requests

from pipeline.catalog import CATALOG_FILE
from pipeline.errors import PipelineError, PublishError
from pipeline.fetch.session import HttpSettings, open_url, retry
from pipeline.publish.commit import Progress
from pipeline.publish.findings import ORIGIN, Answer, Finding, judge_answer
from pipeline.publish.generation import (
    INDEX_FILE,
    PublishedFile,
    parse_generation,
    parse_index,
    record_file,
)
from pipeline.publish.offer import listed_files

PATIENCE_SECONDS = 30.0
_THREADS = 8
_CHUNK_BYTES = 1024**2
_FOR_HOSTS = {"CNAME", "_headers", "_redirects"}
_PARTIAL = requests.codes.partial_content


@dataclass(frozen=True, kw_only=True)
class ReadBack:
    """What came of reading a zoo back.

    Attributes:
        url: The zoo's folder.
        files: Number of files read.
        bytes: Size of them all.
        faults: What keeps pages from using it.
        warnings: What it can do without.
    """

    url: str
    files: int
    bytes: int
    faults: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


class Reader:
    """Reads a published zoo.

    Args:
        url: Its folder, or its models.json.
        settings: How servers are reached.
        patience_seconds: How long a cache may go on giving what was published before.
        progress: Told of bytes.
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

    def read_back(self, files: Mapping[str, PublishedFile] | None = None) -> ReadBack:
        """Fetch every file and look at it.

        Args:
            files: What was published, by path; None to take it from the zoo itself: from
                the record of its generation, else from its models.json.

        Raises:
            FetchError: There is no zoo, or its server cannot be reached.
            PublishError: What is there is none.
        """
        expected = self._find_files() if files is None else files
        expected = {path: file for path, file in expected.items() if not _is_for_host(path)}
        total = sum(file.bytes for file in expected.values())
        deadline = time.monotonic() + self._patience_seconds
        findings: list[Finding] = []
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
        """Return what the zoo says that it has."""
        content = self._get(CATALOG_FILE)
        shown = PublishedFile(
            bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), immutable=False
        )
        try:
            listed = listed_files(json.loads(content)["models"])
        except (ValueError, KeyError, TypeError):
            raise PublishError(
                f"{self.url}{CATALOG_FILE}: is no catalog of a zoo; expected JSON with 'models'"
            ) from None
        return self._find_generation(shown) or {CATALOG_FILE: shown, **listed}

    def _find_generation(self, catalog: PublishedFile) -> Mapping[str, PublishedFile] | None:
        """Return the files of the generation that is shown, where its record can be read."""
        try:
            where = f"{self.url}{INDEX_FILE}"
            current = parse_index(self._get(INDEX_FILE), where=where).current
            record = parse_generation(self._get(record_file(current)), where=where)
        except PipelineError:
            return None
        return record.files if record.files.get(CATALOG_FILE) == catalog else None

    def _get(self, path: str) -> bytes:
        url = self._locate(path)

        def attempt() -> bytes:
            with open_url(url, settings=self._settings, headers={"Origin": ORIGIN}) as response:
                content: bytes = response.content
                return content

        return retry(attempt, settings=self._settings, url=url)

    def _fetch(self, path: str, file: PublishedFile, deadline: float) -> Answer:
        """Fetch a file; one that is replaced in place may come late out of a cache."""
        wait = 1.0
        while True:
            answer = self._fetch_once(path)
            late = time.monotonic() + wait > deadline
            if answer.sha256 == file.sha256 or file.immutable or late:
                return answer
            time.sleep(wait)
            wait *= 2

    def _fetch_once(self, path: str) -> Answer:
        url = self._locate(path)

        def attempt() -> Answer:
            with open_url(url, settings=self._settings, headers={"Origin": ORIGIN}) as response:
                digest = hashlib.sha256()
                answer = Answer(headers=response.headers)
                for chunk in response.iter_content(_CHUNK_BYTES):
                    digest.update(chunk)
                    answer.bytes += len(chunk)
                answer.sha256 = digest.hexdigest()
                return answer

        try:
            return retry(attempt, settings=self._settings, url=url)
        except PipelineError as error:
            return Answer(reason=error.message.removeprefix(f"{url}: "))

    def _try_range(self, expected: Mapping[str, PublishedFile]) -> Iterator[Finding]:
        """Ask for a part of the largest file that never changes."""
        large = [path for path, file in expected.items() if file.immutable and file.bytes > 1]
        if not large:
            return
        path = max(large, key=lambda path: expected[path].bytes)
        url = self._locate(path)
        wanted = {"Origin": ORIGIN, "Range": "bytes=1-1", "Accept-Encoding": "identity"}

        def attempt() -> tuple[int, str, int]:
            with open_url(url, settings=self._settings, headers=wanted) as response:
                found = response.headers.get("Content-Range", "")
                size = len(response.content) if response.status_code == _PARTIAL else -1
                return response.status_code, found, size

        try:
            status, found, size = retry(attempt, settings=self._settings, url=url)
        except PipelineError:
            return  # told already
        right = f"bytes 1-1/{expected[path].bytes}"
        if (status, found, size) != (_PARTIAL, right, 1):
            said = f"{status}, Content-Range {found!r}" if found else f"status {status}"
            text = f"a part was asked for and {said} came; expected 206, {right!r}"
            yield Finding(kind="range", path=path, text=text)

    def _locate(self, path: str) -> str:
        return urljoin(self.url, quote(path))


def folder_url(url: str) -> str:
    """Return the URL of a zoo's folder from it, or from that of a file at its top.

    Raises:
        PublishError: It is no URL of a server.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise PublishError(f"{url}: is no URL of a server; expected https://host/folder/")
    path = parts.path
    if path.endswith((f"/{CATALOG_FILE}", "/index.html")):
        path = path.rpartition("/")[0]
    return urlunsplit((parts.scheme, parts.netloc, path.rstrip("/") + "/", "", ""))


def _is_for_host(path: str) -> bool:
    """Say whether a file is for the server that has it, which may keep it to itself."""
    return path in _FOR_HOSTS or any(part.startswith(".") for part in path.split("/"))
