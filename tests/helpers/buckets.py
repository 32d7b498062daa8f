"""Real servers of buckets on this machine: S3, and Google Cloud Storage."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

import requests

_S3 = """
import logging, sys, time
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").disabled = True
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print("%s:%d" % server.get_host_and_port(), flush=True)
sys.stdin.read()
server.stop()
"""
_GS = """
import logging, sys
from gcp_storage_emulator.server import create_server
logging.disable()
server = create_server("127.0.0.1", 0, in_memory=True)
server.start()
print("127.0.0.1:%d" % server._api._httpd.server_address[1], flush=True)
sys.stdin.read()
server.stop()
"""


@contextlib.contextmanager
def serve_s3() -> Iterator[str]:
    """Run an S3 server in a process of its own; yield its URL."""
    with _run(_S3) as url:
        yield url


@contextlib.contextmanager
def serve_gs() -> Iterator[str]:
    """Run a server of Google Cloud Storage in a process of its own; yield its URL."""
    with _run(_GS) as url:
        yield url


def put_gs(url: str, bucket: str, name: str, content: bytes) -> None:
    """Put an object into a bucket, which is made."""
    requests.post(f"{url}/storage/v1/b", json={"name": bucket}, timeout=10)
    answer = requests.post(
        f"{url}/upload/storage/v1/b/{bucket}/o",
        params={"uploadType": "media", "name": name},
        data=content,
        timeout=10,
    )
    answer.raise_for_status()


@contextlib.contextmanager
def _run(program: str) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield f"http://{process.stdout.readline().strip()}"
        finally:
            process.stdin.close()
            process.wait(30)
