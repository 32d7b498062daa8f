"""Hugging Face and Kaggle as their clients see them, served on this machine."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from loopback import Fault, Server

_LFS_SUFFIXES = (".h5", ".keras", ".bin", ".zip")


class HuggingFace:
    """A repository of Hugging Face; its large files come from another host, as there.

    Args:
        server: Where it is served.
        name: "owner/repo".
        token: What has to be shown, None for a public one.
        kind: "models", "datasets" or "spaces".
    """

    def __init__(
        self, server: Server, name: str, *, token: str | None = None, kind: str = "models"
    ) -> None:
        self.server = server
        self.name = name
        self.kind = kind
        self.authorization = f"Bearer {token}" if token else None

    def commit(self, files: Mapping[str, bytes], *, branch: str = "main") -> str:
        """Make a commit of all files, and a branch of it; return it."""
        commit = _git_digest(repr(sorted(files.items())).encode())
        api = f"/api/{self.kind}/{self.name}"
        self._put(f"{api}/revision/{branch}", {"id": self.name, "sha": commit})
        folders = {""} | {path.rpartition("/")[0] for path in files}
        for folder in folders:
            inner = {path for path in files if path.startswith(f"{folder}/") or not folder}
            listing = [_describe(path, files[path]) for path in sorted(inner)]
            listing += [{"type": "directory", "oid": "0" * 40, "size": 0, "path": "a-folder"}]
            self._put_pages(f"{api}/tree/{commit}" + (f"/{folder}" if folder else ""), listing)
        for path, content in files.items():
            self._put_file(commit, path, content)
        return commit

    def refuse(self, path: str, status: int, code: str) -> None:
        """Let the API answer with an error, as often as it is asked."""
        faults = [Fault(status=status, headers={"X-Error-Code": code})] * 9
        self.server.put(f"/api/{self.kind}/{self.name}/{path}", b"", *faults)

    def downloads(self) -> list[str]:
        """Return the files whose content was asked for, in order."""
        return [path for path in self.server.paths() if "/resolve/" in path]

    def _put_file(self, commit: str, path: str, content: bytes) -> None:
        prefix = "" if self.kind == "models" else f"/{self.kind}"
        place = f"{prefix}/{self.name}/resolve/{commit}/{path}"
        if not path.endswith(_LFS_SUFFIXES):
            self._put(place, content, etag=f'"{_git_digest(content)}"')
            return
        digest = hashlib.sha256(content).hexdigest()
        self.server.put(f"/cdn/{digest}", content, etag=f'"{digest}"')
        target = f"{self.server.url}/cdn/{digest}".replace("127.0.0.1", "localhost")
        self._put(place, b"", redirect=target)

    def _put_pages(self, path: str, listing: list[dict[str, Any]]) -> None:
        """Publish a listing in two pages, as long ones are."""
        half = len(listing) // 2
        link = f'<{self.server.url}{path}-next>; rel="next"'
        self._put(path, listing[:half], headers={"Link": link})
        self._put(f"{path}-next", listing[half:])

    def _put(self, path: str, content: Any, **page: Any) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        if self.authorization:
            page["headers"] = {"X-Error-Code": "RepoNotFound", **page.get("headers", {})}
        self.server.put(path, body, authorization=self.authorization, **page)


class Kaggle:
    """A model of Kaggle; its archives come from another host, as there.

    Args:
        server: Where it is served.
        handle: "owner/model/framework/variation".
        authorization: What has to be sent, None for a public one.
    """

    def __init__(self, server: Server, handle: str, *, authorization: str | None = None) -> None:
        self.server = server
        self.place = f"/api/v1/models/{handle}"
        self.authorization = authorization

    def publish(self, version: int, archive: bytes) -> None:
        """Make a version the newest."""
        self.server.put(f"/bucket/{version}.tar.gz", archive, etag=f'"{version}"')
        target = f"{self.server.url}/bucket/{version}.tar.gz".replace("127.0.0.1", "localhost")
        self._put(f"{self.place}/{version}/download", b"", redirect=target)
        newest = {"id": 1, "versionNumber": version}
        self._put(f"{self.place}/get", json.dumps(newest).encode())

    def _put(self, path: str, body: bytes, **page: Any) -> None:
        self.server.put(path, body, authorization=self.authorization, **page)


def _describe(path: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content)}
    if not path.endswith(_LFS_SUFFIXES):
        return entry | {"oid": _git_digest(content)}
    digest = hashlib.sha256(content).hexdigest()
    lfs = {"oid": digest, "size": len(content), "pointerSize": 134}
    return entry | {"oid": "1" * 40, "lfs": lfs}


def _git_digest(content: bytes) -> str:
    named = b"blob %d\0%b" % (len(content), content)
    return hashlib.sha1(named, usedforsecurity=False).hexdigest()
