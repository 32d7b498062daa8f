"""Wrong options of commands as people meet them: one line without objects of Python."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from paths import ROOT

MANIFEST = "models:\n  - name: cat\n    source: cat/model.json\n"


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    (folder / "models.yaml").write_text(MANIFEST)
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "publish pub --generation-list",
            "publish: unknown option --generation-list; did you mean --generations?",
            id="near",
        ),
        pytest.param(
            "plan -r jsonl",
            "plan: unknown option -r; `plan --help` lists the known ones",
            id="unknown",
        ),
        pytest.param(
            "serve --port abc",
            "serve: --port: found 'abc'; expected a whole number",
            id="no number",
        ),
        pytest.param("serve --port", "serve: option --port requires argument", id="no value"),
        pytest.param(
            "strace --bogus",
            "strace: unknown option --bogus; `strace --help` lists the known ones",
            id="command of doit",
        ),
        pytest.param(
            "plna",
            "'plna' is no command, task or model; did you mean plan?",
            id="misspelt command",
        ),
        pytest.param(
            "plan catt", "'catt' is no task or model; did you mean cat?", id="misspelt model"
        ),
        pytest.param(
            "info *:cat",
            "info: found 9 tasks; expected one, such as convert:handtrack",
            id="wildcard",
        ),
        pytest.param(
            "card:cat -n 4",
            "'-n' stands behind a task; options go before the tasks",
            id="behind a task",
        ),
    ],
)
def test_a_wrong_option_is_named(tmp_path: Path, line: str, expected: str) -> None:
    done = run(tmp_path, *line.split())

    assert (done.returncode, done.stderr) == (3, f"ERROR: {expected}\n")


def test_the_help_shows_no_option_that_the_zoo_sets_itself(tmp_path: Path) -> None:
    shown = run(tmp_path, "plan", "--help").stdout

    assert "--dir" in shown
    assert ".doit.db" not in shown
    assert "check_file_uptodate" not in shown


@pytest.mark.parametrize("line", ["serve --help", "publish -h", "import-command --help"])
def test_help_of_a_command_is_shown(tmp_path: Path, line: str) -> None:
    done = run(tmp_path, *line.split())

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("PURPOSE\n")
    assert f" {line.split(maxsplit=1)[0]}\n" in done.stdout


def test_the_help_lists_the_commands_of_this_program(tmp_path: Path) -> None:
    lines = run(tmp_path, "help").stdout.splitlines()

    assert "builds the TensorFlow.js model zoo of a models.yaml" in lines[0]
    assert any(line.split()[:1] == ["localize"] for line in lines)


def test_the_version_is_that_of_this_program(tmp_path: Path) -> None:
    lines = run(tmp_path, "--version").stdout.splitlines()

    assert len(lines) == 1
    assert lines[0].startswith(f"tfjs-zoo {version('tfjs-zoo')} (doit {version('doit')}, ")


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        pytest.param(["pipeline.cli", "list"], "`tfjs-zoo list --all` lists the tasks", id="ours"),
        pytest.param(
            ["doit", "list", "-f", str(ROOT / "dodo.py"), "-d", "."],
            "`doit list --all` lists the tasks",
            id="doit",
        ),
    ],
)
def test_a_hint_names_the_command_that_was_typed(
    tmp_path: Path, program: list[str], expected: str
) -> None:
    (tmp_path / "models.yaml").write_text(MANIFEST)
    done = subprocess.run(
        [sys.executable, "-m", *program, "qqqq"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert expected in done.stderr


def test_a_reader_may_close_the_output(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text(MANIFEST)
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "info", "fetch:cat"],
            cwd=tmp_path,
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert (done.returncode, done.stderr) == (0, b"")


def test_an_empty_argument_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, "import-command", "")

    assert done.returncode == 3
    assert done.stderr.startswith("ERROR: argument 2 is empty; ")


def test_a_part_that_cannot_be_loaded_is_the_machines_fault(tmp_path: Path) -> None:
    """As where the disk of the installation fails at that moment."""
    script = "import sys; sys.modules['pipeline.diff.baseline'] = None\n"
    script += "from pipeline.cli import main; sys.exit(main())"
    (tmp_path / "models.yaml").write_text(MANIFEST)
    done = subprocess.run(
        [sys.executable, "-c", script, "diff", "x"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 3
    assert "pipeline cannot be loaded" in done.stderr
    assert "Traceback" not in done.stderr
