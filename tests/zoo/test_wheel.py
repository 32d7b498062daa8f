"""The package as it is installed: a wheel, and a folder that holds only a models.yaml."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from paths import ROOT
from zoos import Zoo

pytestmark = pytest.mark.network

SAMPLES = ROOT / "pipeline/proof/samples/data"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel's content, as pip would install it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def tfjs_zoo(site: Path, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the console command of the installed wheel, far from the checkout."""
    program = "from pipeline.cli import main; raise SystemExit(main())"
    return subprocess.run(
        [sys.executable, "-P", "-c", program, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site), "TFJS_ZOO_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_builds_a_folder_that_holds_only_a_manifest(site: Path, tmp_path: Path) -> None:
    zoo = Zoo(tmp_path / "zoo")
    zoo.add("one")
    zoo.write()
    done = tfjs_zoo(site, zoo.folder)

    assert done.returncode == 0, done.stdout + done.stderr
    assert zoo.entry("one")["status"] == "ok"
    assert "Done: 1 model" in done.stdout


def test_the_wheel_carries_all_that_is_no_code(site: Path) -> None:
    for name in (
        "dodo.py",
        "py.typed",
        "manifest/models.schema.json",
        "commands/models.yaml.template",
        "commands/pages.yml.template",
        "proof/samples/LICENSES.md",
        *(f"proof/samples/data/{file.name}" for file in SAMPLES.iterdir()),
        "runtime/runner.js",
        "site/zoo.js",
        "site/zoo.d.ts",
        "site/zoo/model.js",
        "site/static/style.css",
        "site/templates/model.html.jinja",
    ):
        assert (site / "pipeline" / name).is_file(), name


def test_init_writes_a_manifest_that_plan_understands(site: Path, tmp_path: Path) -> None:
    done = tfjs_zoo(site, tmp_path, "init", "fresh")
    plan = tfjs_zoo(site, tmp_path / "fresh", "plan")
    again = tfjs_zoo(site, tmp_path, "init", "fresh")

    assert done.returncode == 0, done.stderr
    assert "convert:emotion" in plan.stdout
    assert again.returncode == 3
    assert "is there already" in again.stderr


def test_a_folder_without_a_manifest_says_what_to_do(site: Path, tmp_path: Path) -> None:
    done = tfjs_zoo(site, tmp_path)

    assert done.returncode == 3
    assert "models.yaml" in done.stderr
    assert "tfjs-zoo init" in done.stderr
    assert "Traceback" not in done.stderr
