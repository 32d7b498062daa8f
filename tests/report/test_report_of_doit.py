"""What a person and a program see: the real doit with our reporters, in a child process."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

PYPROJECT = """
[tool.doit.plugins.reporter]
zoo = "pipeline.report.reporter:ZooReporter"
jsonl = "pipeline.report.json_lines:JsonLinesReporter"
"""

# Two models, one of which fails; SLOW keeps a step at work until it is interrupted.
DODO = """
import os, time
from pathlib import Path
from pipeline.engine.events import StepEvent, emit

DOIT_CONFIG = {"reporter": "zoo", "par_type": "thread", "verbosity": 0, "backend": "json",
               "continue": True, "default_tasks": ["model", "catalog"]}
FAILED = set()


def act(step, model):
    task = f"{step}:{model}" if model else step
    if os.environ.get("BUG") == task:
        raise RuntimeError("a bug of ours")
    if model in FAILED and step == "signature":
        emit(StepEvent(task=task, model=model, status="skipped", upstream=f"convert:{model}"))
        return
    if Path(task).exists():
        known = "remembered" if (model, step) == ("corrupt", "convert") else "adopted"
        emit(StepEvent(task=task, model=model, status=known, reason="not JSON at line 1"))
        FAILED.add(model) if known == "remembered" else None
        return
    emit(StepEvent(task=task, model=model, status="started"))
    if step == "fetch":
        for done in range(5):
            emit(StepEvent(task=task, model=model, status="progress", done=done << 20,
                           total=5 << 20))
            time.sleep(0.1)
    while os.environ.get("SLOW") == task:
        time.sleep(0.1)
    Path(task).touch()
    if (model, step) == ("corrupt", "convert"):
        FAILED.add(model)
        emit(StepEvent(task=task, model=model, status="failed", seconds=0.25, retry=True,
                       reason="not JSON at line 1\\nfound \\x1b[31m<html>", hint="fetch again",
                       log=Path.cwd() / ".zoo/log.txt"))
        return
    emit(StepEvent(task=task, model=model, status="ok", seconds=0.25, cause="never built"))


def step(name, model, *needs):
    failing = (model, name) in (("corrupt", "convert"), ("corrupt", "signature"))
    return {"name": model, "actions": [(act, (name, model))], "io": {"capture": False},
            "task_dep": [f"{need}:{model}" for need in needs],
            "uptodate": [not failing and Path(f"{name}:{model}").exists]}


def task_fetch():
    yield from (step("fetch", model) for model in ("gear", "corrupt"))


def task_convert():
    yield from (step("convert", model, "fetch") for model in ("gear", "corrupt"))


def task_signature():
    yield from (step("signature", model, "convert") for model in ("gear", "corrupt"))


def task_card():
    yield from (step("card", model, "signature") for model in ("gear", "corrupt"))


def task_model():
    for model in ("gear", "corrupt"):
        yield {"name": model, "actions": None, "task_dep": [f"card:{model}"]}


def task_catalog():
    return {"actions": [(act, ("catalog", None))], "io": {"capture": False},
            "task_dep": ["card:gear", "card:corrupt"], "uptodate": [Path("catalog").exists]}
"""

RUN = """
import sys
from pathlib import Path
from doit.doit_cmd import DoitMain
from pipeline.report.run_context import RunContext, exit_status, use_context

BASE = {"name": "float32", "status": "ok", "bytes": 2048}
GEAR = {"name": "gear", "status": "ok", "task": "age", "parameters": 9, "variants": [BASE]}


def load_cards(names):
    from pipeline.catalog.completion import parse_model
    from pipeline.errors import DamagedFileError

    return [parse_model(GEAR, "card.json", error=DamagedFileError)
            for name in names if name == "gear"]


with use_context(RunContext(root=Path.cwd(), load_cards=load_cards)) as context:
    status = DoitMain().run(sys.argv[1:])
if "IMPORTS" in __import__("os").environ:
    sys.stderr.write(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
sys.exit(exit_status(context.log.events, bugs=status == 2))
"""

TABLE = """
model    status  task  parameters   base
gear     ok      age            9  2 KiB
corrupt  failed  –              –      –
"""

FAILURES = """
Failed
✗ convert corrupt
  reason   not JSON at line 1
           found <html>
  hint     fetch again
  log      .zoo/log.txt
  again    the next run tries again
  skipped  1 step that builds on it

"""


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """Return a folder with a zoo of toy models."""
    folder = tmp_path / "a zoo"
    folder.mkdir()
    for name, text in (("pyproject.toml", PYPROJECT), ("dodo.py", DODO), ("run.py", RUN)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def environment(**extra: str) -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    root = str(ROOT)
    return kept | {"PYTHONPATH": root, "TERM": "xterm-256color", "LANG": "C.UTF-8"} | extra


def run_on_pipe(zoo: Path, *args: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "run.py", *args],
        cwd=zoo,
        env=environment(**extra),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


class Terminal:
    """A child process on a terminal of its own, and all that it wrote there."""

    def __init__(self, zoo: Path, *args: str, columns: int, env: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        size = struct.pack("HHHH", 24, columns, 0, 0)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
        self.child = subprocess.Popen(
            [sys.executable, "run.py", *args],
            cwd=zoo,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._bytes = b""
        self.raw = ""

    def read(self, until: Callable[[str], bool] = lambda _raw: False) -> str:
        """Read until the text satisfies a condition, or the child ends; return it."""
        while not until(self.raw):
            try:
                data = os.read(self._master, 65536)
            except OSError:  # how Linux says that the other side is closed
                data = b""
            if not data:
                self.child.wait(30)
                os.close(self._master)
                break
            self._bytes += data
            self.raw = self._bytes.decode(errors="ignore")
        return self.raw


def run_on_terminal(zoo: Path, *args: str, columns: int = 80, **extra: str) -> tuple[str, int]:
    terminal = Terminal(zoo, *args, columns=columns, env=environment(**extra))
    return terminal.read(), terminal.child.returncode


def picture(raw: str) -> str:
    """Return what a person sees after this output on a terminal that is high enough."""
    rows, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[0-9;?]*[a-zA-Z]|[\r\n]|[^\x1b\r\n]+", raw):
        match token:
            case "\r":
                column = 0
            case "\n":
                row += 1
                rows += [""] * (row + 1 - len(rows))
            case "\x1b[2K":
                rows[row] = ""
            case _ if token.startswith("\x1b") and token.endswith("A"):
                row -= int(token[2:-1] or 1)
            case _ if not token.startswith("\x1b"):
                rows[row] = (
                    rows[row][:column].ljust(column) + token + rows[row][column + len(token) :]
                )
                column += len(token)
    return "".join(f"{line.rstrip()}\n" for line in rows).rstrip("\n") + "\n"


def moments(raw: str) -> list[str]:
    """Return what a person sees each time before the live view is drawn again."""
    ends = [match.start() for match in re.finditer(r"\r\x1b\[2K", raw)]
    return [picture(raw[:end] + "\r\n") for end in ends]


def without_times(text: str) -> str:
    return re.sub(r"\([<\d][^()]* s\)", "(… s)", text)


def test_on_a_pipe_a_line_per_step_then_the_table_then_the_failures(zoo: Path) -> None:
    run = run_on_pipe(zoo)

    steps, _, ending = run.stdout.partition("\n\n")
    assert sorted(steps.splitlines()) == [
        "✓ card corrupt  0.2 s",
        "✓ card gear  0.2 s",
        "✓ catalog  0.2 s",
        "✓ convert gear  0.2 s",
        "✓ fetch corrupt  0.2 s",
        "✓ fetch gear  0.2 s",
        "✓ signature gear  0.2 s",
        "✗ convert corrupt  0.2 s  not JSON at line 1",
    ]
    assert without_times("\n" + ending) == (
        TABLE + FAILURES + "Failures in 1 of 2 models: 8 steps run, 1 failed, 1 skipped (… s)\n"
    )
    assert (run.returncode, run.stderr) == (1, "")


def test_side_by_side_in_threads_no_line_is_lost(zoo: Path) -> None:
    run = run_on_pipe(zoo, "-n", "4")

    assert len(run.stdout.partition("\n\n")[0].splitlines()) == 8
    assert run.stdout.count("✗ convert corrupt") == 2
    assert run.returncode == 1


def test_nothing_to_do_is_one_line_and_imports_no_rich(zoo: Path) -> None:
    run_on_pipe(zoo, "card:gear")
    run = run_on_pipe(zoo, "card:gear", IMPORTS="1")

    assert without_times(run.stdout) == "Everything is up to date: 1 model, 4 steps (… s)\n"
    assert run.returncode == 0
    assert "pipeline" in run.stderr.split()
    assert not {"rich", "numpy", "requests"} & set(run.stderr.split())


def test_nothing_to_do_on_a_terminal_imports_no_rich_either(zoo: Path) -> None:
    run_on_pipe(zoo, "card:gear")
    raw, _ = run_on_terminal(zoo, "card:gear", IMPORTS="1")

    assert raw.startswith("Everything is up to date")
    assert "\x1b" not in raw
    assert " rich " not in raw


def test_a_failure_of_an_earlier_run_is_told_again(zoo: Path) -> None:
    run_on_pipe(zoo)
    run = run_on_pipe(zoo)

    assert without_times(run.stdout) == (
        "Failed\n"
        "✗ convert corrupt\n"
        "  reason   not JSON at line 1\n"
        "  again    once its input, its parameters or a tool changes\n"
        "  skipped  1 step that builds on it\n"
        "\n"
        "Nothing to do, but failures remain in 1 of 2 models (… s)\n"
    )
    assert run.returncode == 1


def test_no_escape_sequence_reaches_a_pipe(zoo: Path) -> None:
    assert "\x1b" not in run_on_pipe(zoo, FORCE_COLOR="1").stdout


def test_a_stream_without_unicode_gets_its_own_signs(zoo: Path) -> None:
    run = run_on_pipe(zoo, PYTHONIOENCODING="ascii")

    assert "+ convert gear  0.2 s\n" in run.stdout
    assert "x convert corrupt  0.2 s" in run.stdout
    assert run.stdout.isascii()


def test_the_live_view_shows_what_runs_and_leaves_nothing_behind(zoo: Path) -> None:
    raw, status = run_on_terminal(zoo, "-n", "2")

    for model in ("gear", "corrupt"):
        running = re.compile(rf"  fetch {model} +\d s +[1-4]\.0 of 5\.0 MiB ━━━.*\n")
        assert any(running.search(moment) for moment in moments(raw))
    assert any(re.search(r"\n. . of 9 steps · 1 failed\n$", moment) for moment in moments(raw))
    assert raw.count("\x1b[?25l") == raw.count("\x1b[?25h") == 1
    steps, _, ending = picture(raw).partition("\n\n")
    assert len(steps.splitlines()) == 8
    assert without_times("\n" + ending) == (
        TABLE + FAILURES + "Failures in 1 of 2 models: 8 steps run, 1 failed, 1 skipped (… s)\n"
    )
    assert status == 1


def test_no_color_keeps_the_live_view(zoo: Path) -> None:
    raw, _ = run_on_terminal(zoo, NO_COLOR="1")

    assert "\x1b[?25l" in raw
    assert "\x1b[32m" not in raw
    assert "\x1b[1;31m" not in raw


@pytest.mark.parametrize(("variable", "value"), [("TERM", "dumb"), ("CI", "true")])
def test_dumb_terminals_and_ci_get_plain_lines(zoo: Path, variable: str, value: str) -> None:
    raw, _ = run_on_terminal(zoo, **{variable: value})  # type: ignore[arg-type]

    assert "\x1b" not in raw
    assert "✓ convert gear  0.2 s" in raw


def test_on_a_narrow_terminal_every_row_fits(zoo: Path) -> None:
    raw, _ = run_on_terminal(zoo, columns=40)
    rows = picture(raw).splitlines()

    assert "✗ convert corrupt  0.2 s  not JSON at l…" in rows
    assert all(len(row) <= 40 for moment in moments(raw) for row in moment.splitlines())
    assert all(len(row) <= 40 for row in rows)


def test_a_bug_of_ours_is_shown_with_its_traceback(zoo: Path) -> None:
    run = run_on_pipe(zoo, "card:gear", BUG="convert:gear")

    assert "✗ convert gear  stopped by an error that is not the model's\n" in run.stdout
    assert "RuntimeError: a bug of ours\n" in run.stdout
    assert run.stdout.count("stopped by an error") == 1
    assert "Stopped by an error that is not a model's, told above: 1 of 4 steps" in run.stdout
    assert run.returncode == 2


def test_an_interrupted_run_says_so_and_shows_the_cursor(zoo: Path) -> None:
    terminal = Terminal(zoo, "card:gear", columns=80, env=environment(SLOW="convert:gear"))
    terminal.read(lambda raw: "  convert gear" in raw)
    time.sleep(0.3)
    terminal.child.send_signal(signal.SIGINT)
    raw = terminal.read()

    assert "Interrupted: 1 of 4 steps done; the next run goes on from here" in picture(raw)
    assert raw.rindex("\x1b[?25h") > raw.rindex("\x1b[?25l")
    assert raw.index("Interrupted") < raw.index("Traceback")


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_lines_tell_the_run_from_start_to_end(zoo: Path) -> None:
    run = run_on_pipe(zoo, "--reporter", "jsonl")
    start, *steps, finish = json_lines(run.stdout)

    assert start | {"at": 0} == {
        "event": "run-started",
        "at": 0,
        "schema": 1,
        "root": zoo.as_posix(),
        "models": ["gear", "corrupt"],
        "steps": 9,
    }
    assert finish["counts"] == {
        "ok": 7,
        "failed": 1,
        "expectedFailures": 0,
        "skipped": 1,
        "adopted": 0,
        "remembered": 0,
        "upToDate": 0,
    }
    assert finish["failedModels"] == ["corrupt"]
    assert (finish["exitStatus"], finish["meaning"]) == (1, "a model failed")
    assert run.returncode == 1
    (failed,) = [step for step in steps if step["status"] == "failed"]
    assert failed | {"at": 0} == {
        "event": "step",
        "at": 0,
        "task": "convert:corrupt",
        "model": "corrupt",
        "status": "failed",
        "reason": "not JSON at line 1\nfound <html>",
        "hint": "fetch again",
        "log": ".zoo/log.txt",
        "cause": None,
        "expected": False,
        "retry": True,
        "fault": None,
        "upstream": None,
        "seconds": 0.25,
        "from_store": False,
        "done": None,
        "total": None,
        "unit": None,
        "usual": None,
    }


def test_json_lines_tell_progress_now_and_then(zoo: Path) -> None:
    lines = json_lines(run_on_pipe(zoo, "--reporter", "jsonl", "fetch:gear").stdout)
    progress = [line for line in lines if line.get("status") == "progress"]

    assert [line["total"] for line in progress] == [5 << 20]


def test_json_lines_count_what_is_up_to_date(zoo: Path) -> None:
    run_on_pipe(zoo, "card:gear")
    start, finish = json_lines(run_on_pipe(zoo, "--reporter", "jsonl", "card:gear").stdout)

    assert start["steps"] == finish["counts"]["upToDate"] == 4
    assert (finish["exitStatus"], finish["meaning"]) == (0, "all good")
    assert finish["variants"] == {"equal": 0, "close": 0, "withheld": 0}
    assert finish["provisional"] == []


def test_json_lines_tell_a_bug(zoo: Path) -> None:
    run = run_on_pipe(zoo, "--reporter", "jsonl", "fetch:gear", BUG="fetch:gear")
    _, error, finish = json_lines(run.stdout)

    assert (error["event"], error["task"]) == ("error", "fetch:gear")
    assert "RuntimeError: a bug of ours" in error["message"]
    assert (finish["exitStatus"], finish["meaning"]) == (2, "a bug of tfjs-zoo")


def test_json_lines_go_to_the_output_file(zoo: Path) -> None:
    run = run_on_pipe(zoo, "--reporter", "jsonl", "-o", "events.jsonl", "fetch:gear")

    assert run.stdout == ""
    assert json_lines((zoo / "events.jsonl").read_text())[-1]["event"] == "run-finished"
