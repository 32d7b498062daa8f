"""The browser of this machine: found by name or by CHROME, its version asked for once."""

import os
from pathlib import Path

import pytest

from pipeline.disk.browser_program import BrowserProgram, find_browser


def write_program(folder: Path, name: str, says: str) -> Path:
    """Write a program that counts its starts and says something."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f'#!/bin/sh\necho x >>"{folder}/starts"\necho "{says}"\n')
    program.chmod(0o755)
    return program


def starts(folder: Path) -> int:
    """Return how often programs of a folder were started."""
    return len((folder / "starts").read_text().split())


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment without a browser."""
    return {"PATH": str(tmp_path / "bin"), "TFJS_ZOO_CACHE": str(tmp_path / "cache")}


def test_it_is_found_on_the_path_and_asked_once(tmp_path: Path, environ: dict[str, str]) -> None:
    program = write_program(tmp_path / "bin", "google-chrome", "Google Chrome 150.0.1.2 beta")

    for _ in range(2):
        assert find_browser(environ) == BrowserProgram(
            path=program, version="Google Chrome 150.0.1.2"
        )
    assert starts(program.parent) == 1
    write_program(tmp_path / "bin", "google-chrome", "Google Chrome 151.0.0.0")
    os.utime(program, (1, 1))
    found = find_browser(environ)
    assert isinstance(found, BrowserProgram)
    assert found.version == "Google Chrome 151.0.0.0"


def test_chrome_names_another(tmp_path: Path, environ: dict[str, str]) -> None:
    write_program(tmp_path / "bin", "chromium", "Chromium 1.0")
    other = write_program(tmp_path / "other", "mine", "Chromium 2.0")

    found = find_browser({**environ, "CHROME": str(other)})

    assert found == BrowserProgram(path=other, version="Chromium 2.0")


def test_no_browser_is_a_sentence(tmp_path: Path, environ: dict[str, str]) -> None:
    assert find_browser(environ) == "there is no Chromium or Chrome on this machine"
    none = find_browser({**environ, "CHROME": "none"})
    assert none == "CHROME is 'none', which is no program on this machine"
    program = write_program(tmp_path / "bin", "chromium", "hello")
    assert find_browser(environ) == f"{program} does not say its version, as Chromium and Chrome do"
