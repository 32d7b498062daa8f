"""Buckets that everybody may read, in a real S3 server on this machine."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import fsspec
import pytest
from buckets import serve_s3

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class S3:
    """An S3 server.

    Attributes:
        url: Its address.
        environ: What a client has to find in its environment.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.environ = {**CREDENTIALS, "AWS_ENDPOINT_URL": url}
        self._num_buckets = 0

    def client(self) -> Any:
        """Return fsspec's client."""
        return fsspec.filesystem("s3", endpoint_url=self.url, use_listings_cache=False)

    def make_bucket(self) -> str:
        """Make a bucket that everybody may read; return its name."""
        self._num_buckets += 1
        name = f"zoo-{self._num_buckets}"
        client = self.client()
        client.mkdir(name)
        everybody = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:GetObject"],
            "Resource": [f"arn:aws:s3:::{name}/*"],
        }
        policy = {"Version": "2012-10-17", "Statement": [everybody]}
        client.call_s3("put_bucket_policy", Bucket=name, Policy=json.dumps(policy))
        return name


@contextlib.contextmanager
def serve_public_s3(patch: pytest.MonkeyPatch) -> Iterator[S3]:
    """Run a server, with credentials for it in the environment."""
    with serve_s3() as url:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield S3(url)
