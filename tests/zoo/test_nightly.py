"""The nightly: the scripts of the workflow, and the recipe for cron, run as they stand."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from graph_models import dense_weights, write_graph_model
from paths import ROOT
from zoos import Zoo

from pipeline.disk.layout import cache_folder

WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/nightly.yml").read_text())
STEPS: list[dict[str, Any]] = WORKFLOW["jobs"]["zoo"]["steps"]
_EXPRESSION = re.compile(r"\$\{\{ (.+?) \}\}")
_GIT = {
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@invalid",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@invalid",
    "GIT_CONFIG_GLOBAL": os.devnull,
}
# The checkout of a test lacks the packages' setup and the pages' own tests.
_ELSEWHERE = {"Install", "Run the code of every page"}
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


@dataclass(kw_only=True)
class Night:
    """A run of the workflow in a fresh checkout.

    Attributes:
        checkout: Where it runs.
        values: What its expressions stand for.
        summary: What it says.
        codes: Exit code of each step that ran, by its name.
    """

    checkout: Path
    values: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    codes: dict[str, int] = field(default_factory=dict)

    def run(self) -> "Night":
        """Run the scripts of the steps as the runner does, without those of `_ELSEWHERE`."""
        self.values |= {"vars.ZOO_BUCKET": "", "vars.ZOO_STORE": "", "vars.ZOO_URL": ""}
        for step in STEPS:
            if "run" in step and step["name"] not in _ELSEWHERE and self._is_due(step):
                self.codes[step["name"]] = self._run(step)
        return self

    def _is_due(self, step: Mapping[str, Any]) -> bool:
        if any(self.codes.values()):
            return False
        condition = step.get("if")
        if condition is None:
            return True
        name, value = condition.split(" == ")
        return bool(self.values.get(name, "") == value.strip("'"))

    def _run(self, step: Mapping[str, Any]) -> int:
        files = {name: self.checkout / f".{name}" for name in ("output", "summary")}
        for file in files.values():
            file.write_text("")
        asked = {"ZOO_URL": WORKFLOW["env"]["ZOO_URL"], **step.get("env", {})}
        environ = {name: self._expand(text) for name, text in asked.items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.checkout,
            env={
                **os.environ,
                **_GIT,
                **environ,
                "GITHUB_OUTPUT": str(files["output"]),
                "GITHUB_STEP_SUMMARY": str(files["summary"]),
                "PATH": PATH,
                "TFJS_ZOO_CACHE": str(cache_folder(os.environ)),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        for line in files["output"].read_text().splitlines():
            name, _, value = line.partition("=")
            self.values[f"steps.{step['id']}.outputs.{name}"] = value
        self.summary += files["summary"].read_text()
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode

    def _expand(self, text: str) -> str:
        return _EXPRESSION.sub(lambda match: self.values[match[1]], text)


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **_GIT},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def check_out(origin: Path) -> Night:
    """Clone a repository into the place where it always is, with what the last night kept."""
    folder, earlier = (origin.with_name(name) for name in ("checkout", "earlier"))
    if folder.exists():
        folder.rename(earlier)
    git(origin.parent, "clone", "--quiet", f"file://{origin}", str(folder))
    if earlier.exists():
        for name in (".zoo", "dist"):
            shutil.copytree(earlier / name, folder / name)
        shutil.rmtree(earlier)
    return Night(checkout=folder)


def commit(zoo: Zoo, origin: Path) -> None:
    """Bring the zoo's manifest and sources into its repository."""
    zoo.write()
    git(zoo.folder, "add", "--all")
    git(zoo.folder, "commit", "--quiet", "-m", "x")
    git(zoo.folder, "push", "--quiet", str(origin), "HEAD:main")


@pytest.mark.network  # TensorFlow.js, once
def test_three_nights_publish_to_github_pages_also_when_a_model_fails(tmp_path: Path) -> None:
    origin = tmp_path / "origin.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(origin))
    zoo = Zoo(tmp_path / "zoo")
    git(zoo.folder, "init", "--quiet", "--initial-branch=main")
    shutil.copy(ROOT / "dodo.py", zoo.folder)
    (zoo.folder / ".gitignore").write_text(".zoo/\ndist/\n.output\n.summary\n")
    zoo.add("one")
    zoo.add("two", seed=1)
    commit(zoo, origin)
    first = check_out(origin).run()

    write_graph_model(zoo.folder / "sources/one", weights=dense_weights(8, 512, seed=7))
    (zoo.folder / "sources/two/group1-shard1of1.bin").write_bytes(b"short")
    commit(zoo, origin)
    pages = git(origin, "rev-parse", "gh-pages")
    second = check_out(origin).run()
    later = git(origin, "rev-parse", "gh-pages")
    third = check_out(origin).run()

    assert set(first.codes.values()) == {0}, first.codes
    assert "public`, where nothing is published yet" in first.summary
    assert "All good: " in first.summary
    assert second.codes.pop("Tell of models that failed") == 1
    assert set(second.codes.values()) == {0}, second.codes
    assert "| `one` | changed |" in second.summary
    assert "| `two` | changed | regression |" in second.summary
    assert "**`convert two`**, since" in second.summary
    assert later != pages
    assert "nothing changed, 2 models as before" in third.summary
    assert git(origin, "rev-list", "--count", "gh-pages").strip() == "1"
    names = git(origin, "ls-tree", "-r", "--name-only", "gh-pages").splitlines()
    assert {"models.json", "index.html", "report.html", ".nojekyll"} <= {*names}
    assert git(origin, "rev-parse", "gh-pages") == later


@pytest.mark.network  # TensorFlow.js, once
def test_the_recipe_for_cron_publishes_to_a_folder(tmp_path: Path) -> None:
    document = (ROOT / "docs/nightly.md").read_text()
    (recipe,) = re.findall(r"```sh\n(.+?)```", document, re.DOTALL)
    zoo = Zoo(tmp_path / "zoo")
    (zoo.folder / "nightly.sh").write_text(recipe)
    zoo.manifest["zoo"]["publish"] = {"to": "../public"}
    zoo.add("one")
    zoo.add("two", seed=1)

    def night() -> int:
        zoo.write()
        environ = {**os.environ, "PATH": PATH, "TFJS_ZOO_CACHE": str(zoo.cache)}
        script = zoo.folder / "nightly.sh"
        done = subprocess.run(
            ["sh", str(script)], env=environ, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr
        return done.returncode

    codes = [night()]
    changes = [(zoo.folder / "changes.md").read_text()]
    published = tmp_path / "public/models.json"
    before = published.read_bytes()
    zoo.manifest["models"][0]["title"] = "The first"
    (zoo.folder / "sources/two/group1-shard1of1.bin").write_bytes(b"short")
    codes.append(night())
    changes.append((zoo.folder / "changes.md").read_text())
    zoo.manifest["models"][0]["sourse"] = "x"
    codes.append(night())

    assert codes == [0, 1, 3]
    assert "2 new" in changes[0]
    assert "title: none → The first" in changes[1]
    assert "| `two` | changed | regression |" in changes[1]
    assert published.read_bytes() != before
    assert b'"stale"' in published.read_bytes()
    assert (tmp_path / "public/report.md").read_text().startswith("# Build of Test zoo")


def test_the_workflow_keeps_what_was_built_also_when_the_build_fails() -> None:
    names = [step.get("name") for step in STEPS]
    kept = STEPS[names.index("Keep what was built and fetched")]
    restored = STEPS[names.index("Restore what was built and fetched before")]

    assert kept["with"]["path"] == restored["with"]["path"]
    assert kept["if"].startswith("always()")
    assert names.index("Say what changed") < names.index("Publish")
    assert names.index("Publish") < names.index("Tell of models that failed")
