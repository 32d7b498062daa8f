"""Fuzzing: a few mutated files of each kind, and what counts as a finding."""

import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import fuzz
import pytest
from mutate import minimize, mutate_bytes, mutate_json, mutate_text
from paths import ROOT
from readers import IN_TENSORFLOW, KINDS

from pipeline.errors import FormatError


@pytest.mark.parametrize("kind", KINDS)
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
    command = [sys.executable, str(ROOT / "benchmarks/faults/fuzz.py"), "--cases"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 cases are not mended" in done.stdout


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
