"""`tfjs-zoo init`: a zoo to start from, and a workflow for GitHub Pages."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from doit.exceptions import InvalidCommand

from pipeline.commands.init import WORKFLOW, Init
from pipeline.disk.versions import installed_version
from pipeline.manifest.load import load_manifest


def init(folder: Path, *, github: bool = False) -> int:
    command = Init()
    command.opt_vals = {"cwdPath": str(folder)}
    return int(command.execute({"github": github}, []))


def workflow(folder: Path) -> Any:
    return yaml.safe_load((folder / WORKFLOW).read_text())


def test_the_manifest_to_start_from_is_valid_and_never_replaced(tmp_path: Path) -> None:
    assert init(tmp_path) == 0

    (model,) = load_manifest(tmp_path / "models.yaml").models
    assert model.labels is not None
    assert not (tmp_path / WORKFLOW).exists()
    with pytest.raises(InvalidCommand, match=r"models\.yaml is there already"):
        init(tmp_path)


def test_a_zoo_that_is_there_gets_a_workflow_and_keeps_its_files(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("models: []\n")
    (tmp_path / ".gitignore").write_text("mine\n")

    assert init(tmp_path, github=True) == 0

    assert (tmp_path / "models.yaml").read_text() == "models: []\n"
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
    with pytest.raises(InvalidCommand, match=r"zoo\.yml is there already"):
        init(tmp_path, github=True)


def test_the_workflow_installs_this_version_and_its_scripts_are_scripts(tmp_path: Path) -> None:
    init(tmp_path, github=True)
    (job,) = workflow(tmp_path)["jobs"].values()
    scripts = [step["run"] for step in job["steps"] if "run" in step]

    assert f'pip install "tfjs-zoo=={installed_version("tfjs-zoo")}"' in scripts[0]
    assert (tmp_path / ".gitignore").read_text() == ".zoo/\ndist/\n"
    for script in scripts:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
