"""The campaigns of benchmarks/faults: a small sample of each, and that their judges see."""

import hashlib
import json
import random
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import fuzz
import numpy as np
import pytest
from ground import History, Reader, Running
from hostile import Campaign, Listener, Watch
from mutate import minimize, mutate_bytes, mutate_json, mutate_text
from readers import IN_TENSORFLOW, KINDS
from zoos import ROOT

from pipeline.errors import FormatError

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
        pytest.param(("hostile.py", "tar: a link"), "4 hostile sources", id="hostile sources"),
    ],
)
def test_a_sample_of_a_campaign_finds_nothing(arguments: tuple[str, ...], told: str) -> None:
    assert told in run_campaign(*arguments, "--seed", "7")


# Found and not mended yet; who mends one takes it out.
OPEN = {"vectors": "RecursionError", "results of Node.js": "fields of any type"}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.xfail(reason=OPEN[kind], strict=True))
        if kind in OPEN
        else kind
        for kind in KINDS
    ],
)
def test_a_few_mutated_files_of_each_kind(kind: str, tmp_path: Path) -> None:
    tally = fuzz.fuzz(kind, count=25, seed=7, seconds=120, work=tmp_path)

    assert tally.findings == {}
    assert tally.endings.total() == tally.count == 25


@pytest.mark.tensorflow
@pytest.mark.parametrize("kind", IN_TENSORFLOW)
def test_a_few_mutated_files_of_each_kind_that_tensorflow_reads(kind: str, tmp_path: Path) -> None:
    tally = fuzz.fuzz(kind, count=25, seed=7, seconds=120, work=tmp_path)

    assert tally.findings == {}


@pytest.mark.tensorflow
def test_what_was_found_once_stays_mended() -> None:
    assert "0 cases are not mended" in run_campaign("fuzz.py", "--cases")


def test_a_mutation_is_told_by_its_seed() -> None:
    whole = json.dumps({"a": [1, {"b": "c"}], "d": None}).encode()
    for mutate in (mutate_bytes, mutate_json, mutate_text):
        made = [mutate(whole, random.Random(i)) for i in range(50)]

        assert made == [mutate(whole, random.Random(i)) for i in range(50)]
        assert len(set(made)) > 25


def test_a_finding_is_made_small() -> None:
    assert minimize(b"x" * 100 + b"!" + b"y" * 57, lambda found: b"!" in found, tries=200) == b"!"


def test_words_that_cannot_be_shown_are_findings(tmp_path: Path) -> None:
    child = fuzz.Child("command", 0, tmp_path)
    fine = child.read({})
    broken = child.read({"command": b"tensorflowjs_converter --nonsense x y"})

    assert fine == ("read", "")
    assert broken == ("CommandLineError", "")
    assert fuzz.judge_message("a\x1b[2J") == "a message that cannot be shown"
    assert fuzz.judge_message("models.yaml: '\ud800'") == "a message that cannot be shown"
    assert fuzz.judge_message("models.yaml:1:1: a tab\n\t^") == ""


def test_what_a_reader_raises_and_leaves_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_folder: Path) -> None:
        (child.temporary / "left").touch()
        raise error

    error: Exception = KeyError("weightsManifest")
    monkeypatch.setitem(KINDS, "command", replace(KINDS["command"], read=read))
    child = fuzz.Child("command", 0, tmp_path)
    raised, _ = child.read({})
    error = FormatError("no")
    left, _ = child.read({})

    assert raised == "KeyError in ?"
    assert left == "left behind: left"


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
