"""The listing of an S3 bucket, page by page, which ends whatever the server answers.

fsspec's client keeps a kilobyte for each key, and never ends if a server names the same next
page again.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from pipeline.errors import TargetError

LISTING_SECONDS = 1800.0
MAX_KEYS = 10_000_000
_HINT = "publish to another store, or to a folder of the bucket that holds nothing else"


def list_bucket(call: Callable[..., Any], root: str, *, shown: str) -> Iterator[tuple[str, int]]:
    """Yield key and size of every object below a folder.

    Args:
        call: Calls a method of the store's client.
        root: The folder: "bucket/zoo/models".
        shown: The store as messages name it.

    Raises:
        TargetError: The listing does not end.
    """
    bucket, _, folder = root.partition("/")
    options = {"Bucket": bucket, "Prefix": f"{folder}/" if folder else ""}
    deadline = time.monotonic() + LISTING_SECONDS
    seen: set[str] = set()
    count = 0
    while True:
        page = call("call_s3", "list_objects_v2", **options)
        for entry in page.get("Contents") or ():
            count += 1
            yield entry["Key"], int(entry["Size"])
        token = page.get("NextContinuationToken") if page.get("IsTruncated") else None
        if not token:
            return
        if token in seen:
            raise TargetError(f"{shown}: the store lists the same files again", hint=_HINT)
        if count > MAX_KEYS or time.monotonic() > deadline:
            fault = f"lists more than {count:,} files; expected those of a zoo"
            raise TargetError(f"{shown}: the store {fault}", hint=_HINT)
        seen.add(token)
        options["ContinuationToken"] = token
