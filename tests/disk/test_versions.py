"""The versions that were tried: constraints.txt, and the bounds of pyproject.toml."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from paths import ROOT

LINE = re.compile(r"[a-z0-9-]+==[0-9][0-9a-z.]*")
EXTRAS = ("s3", "gs", "hf", "kaggle", "openvino", "dask", "test")
NEVER_HELD_BACK = {"certifi"}


def tried_versions(root: Path) -> dict[str, str]:
    """Return the version of each package in constraints.txt."""
    lines = (root / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines)


def requirements(root: Path) -> list[Requirement]:
    """Return what pyproject.toml requires, the extras included, but for the project itself."""
    project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    texts = list(project["dependencies"])
    for extra in EXTRAS:
        texts += project["optional-dependencies"][extra]
    found = [Requirement(text) for text in texts]
    return [requirement for requirement in found if requirement.name != project["name"]]


def is_bound(requirement: Requirement) -> bool:
    """Tell whether `.ci/versions.py` wrote a requirement."""
    return [part.operator for part in requirement.specifier] == ["<="]


def test_constraints_are_names_and_versions_sorted_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    names = [line.partition("==")[0] for line in lines]

    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert names == sorted(set(names))


def test_each_bound_is_the_version_that_was_tried() -> None:
    tried = tried_versions(ROOT)
    bounds = [requirement for requirement in requirements(ROOT) if is_bound(requirement)]

    found = {(bound.name, part.version) for bound in bounds for part in bound.specifier}
    assert found == {pair for pair in tried.items() if pair[0] not in NEVER_HELD_BACK}


def test_what_is_required_by_hand_was_tried() -> None:
    tried = tried_versions(ROOT)
    for requirement in requirements(ROOT):
        version = tried.get(canonicalize_name(requirement.name))
        assert version is not None, requirement
        assert requirement.specifier.contains(version), requirement


def test_what_was_tried_is_written_anew_as_it_stands(tmp_path: Path) -> None:
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    # As .ci/run takes the bounds out.
    free = re.sub(r'.*<=.*",\n', "", (tmp_path / "pyproject.toml").read_text())
    (tmp_path / "pyproject.toml").write_text(free)
    by_hand = requirements(tmp_path)
    subprocess.run([sys.executable, str(tmp_path / ".ci/versions.py")], check=True)
    written = [requirement.name for requirement in requirements(tmp_path)]

    assert not any(is_bound(requirement) for requirement in by_hand)
    assert written == [requirement.name for requirement in requirements(ROOT)]
    assert tried_versions(tmp_path).keys() == tried_versions(ROOT).keys()
