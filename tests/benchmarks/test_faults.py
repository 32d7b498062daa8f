"""The campaigns of benchmarks/faults: a small sample of each, and that their judges see."""

import hashlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ground import History, Reader, Running
from hostile import Campaign, Listener, Watch
from paths import ROOT

FAULTS = ROOT / "benchmarks/faults"


def run_campaign(*arguments: str) -> str:
    """Run a program of the folder; return what it prints."""
    name, *others = arguments
    command = [sys.executable, str(FAULTS / name), *others]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.network  # TensorFlow.js, once
@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted as Linux does")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(("kills.py", "--small", "--count", "3"), "3 kills", id="kills"),
        pytest.param(("disks.py", "--count", "3"), "0 faults of ours", id="disks"),
        pytest.param(("runs.py", "--count", "2"), "2 pairs", id="runs"),
        pytest.param(("hostile.py", "tar: a link"), "3 hostile sources", id="hostile sources"),
    ],
)
def test_a_sample_of_a_campaign_finds_nothing(arguments: tuple[str, ...], told: str) -> None:
    assert told in run_campaign(*arguments, "--seed", "7")


def test_a_reader_of_dist_sees_what_is_half_there(tmp_path: Path) -> None:
    file = {"path": "a.bin", "bytes": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}
    catalog = {"models": [{"variants": [{"files": [file]}]}]}
    (tmp_path / "models.json").write_text(json.dumps(catalog))
    (tmp_path / "a.bin").write_bytes(b"ab")
    reader = Reader(tmp_path)
    reader.read_once()
    (tmp_path / "a.bin").write_bytes(b"abc")
    reader.read_once()

    assert reader.faults == ["a.bin: 2 of 3 bytes"]
    assert reader.rounds == 2


def test_what_ended_and_is_made_again_is_redone() -> None:
    def built(**statuses: str) -> Running:
        running = Running.__new__(Running)
        running.events = [
            {"event": "step", "task": f"convert:{model}", "model": model, "status": status}
            for model, status in statuses.items()
        ]
        return running

    history = History()
    for build in (built(a="ok", b="failed"), built(a="adopted", b="ok"), built(a="ok", b="ok")):
        history.add(build)

    assert history.redone == ["convert:a", "convert:b"]


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_an_escape_is_seen(tmp_path: Path) -> None:
    secret, owned = tmp_path / "secret", tmp_path / "owned"
    secret.write_text("s")
    owned.mkdir()
    watch = Watch(secret, owned)
    before = watch.take()
    secret.read_text()
    (owned / "x").touch()
    after = watch.take()
    watch.close()

    assert before == []
    assert after == ["the secret was opened", "a file was written"]


def test_the_secret_is_found_as_weights_too(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, trust=False)
    made = tmp_path / "zoo/dist/weights.bin"
    made.parent.mkdir(parents=True)
    before = campaign.has_leaked()
    made.write_bytes(b"".join(bytes([0, 0]) + b for b in _halves(campaign.token)))

    assert not before
    assert campaign.has_leaked()
    campaign.listener.close()


def _halves(token: str) -> list[bytes]:
    """Return the upper bytes of a float32 for each letter, which are all that is not zero."""
    values = np.frombuffer(token.encode(), np.uint8).astype("<f4")
    return [value.tobytes()[2:] for value in values]


def test_a_listener_counts_who_asks() -> None:
    listener = Listener()
    socket.create_connection(("127.0.0.1", listener.port)).close()
    listener.close()

    assert listener.count == 1
