"""`doit inspect` and `tfjs-zoo inspect`, run as people run them."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from graph_models import node, placeholder, tensor_info, write_graph_model
from paths import ROOT

# The console command with `inspect` registered, and a word on what it has imported.
_SCRIPT = """
import sys
from doit.doit_cmd import DoitMain
from pipeline.cli import ZooLoader
command = {"COMMAND": {"inspect": "pipeline.commands.inspect:Inspect"}}
code = DoitMain(ZooLoader(), config_filenames=(), extra_config=command).run(sys.argv[1:])
assert not {"tensorflow", "tensorflowjs", "keras"} & set(sys.modules)
sys.exit(code)
"""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", _SCRIPT, "inspect", *arguments]


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TFJS_ZOO_CACHE": str(folder / "cache"),
        "TERM": "xterm-256color",
    }


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in a folder, its output in pipes."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_folder_without_models_yaml_will_do(tmp_path: Path) -> None:
    write_graph_model(tmp_path / "model")

    done = run(tmp_path, "model")

    assert done.returncode == 0
    assert done.stdout.startswith("model\n               TensorFlow.js graph model")
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_several_at_once_of_which_one_cannot_be_read(tmp_path: Path) -> None:
    write_graph_model(tmp_path / "model")

    done = run(tmp_path, "model", "nowhere", "model/model.json")

    assert done.returncode == 1
    assert done.stdout.count("parameters     36") == 2
    assert "\nnowhere\nnot read       nowhere: no such file or folder\n" in done.stdout


def test_json_is_a_list_whatever_was_asked(tmp_path: Path) -> None:
    write_graph_model(tmp_path / "model")

    for arguments in (("--json", "model"), ("model", "--json")):
        done = run(tmp_path, *arguments, "nowhere")

        assert done.returncode == 1
        one, other = json.loads(done.stdout)
        assert (one["source"], one["error"], one["parameters"]) == ("model", None, 36)
        assert other == {
            "source": "nowhere",
            "error": {"message": "nowhere: no such file or folder", "hint": None},
        }


def test_json_is_the_same_each_time(tmp_path: Path) -> None:
    write_graph_model(tmp_path / "model")

    assert run(tmp_path, "--json", "model").stdout == run(tmp_path, "model", "--json").stdout


def test_a_shape_can_be_given(tmp_path: Path) -> None:
    write_graph_model(tmp_path / "model")

    done = run(tmp_path, "model", "--shape", "x=5,8", "--json")

    assert json.loads(done.stdout)[0]["multiplyAdds"]["total"] == 5 * 32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param((), "expected a path or a source", id="nothing to inspect"),
        pytest.param(("npm:name@^1",), "'^1' is no exact version", id="no exact version"),
        pytest.param(("model", "--shape", "x"), "expected NAME=SIZES", id="no shape"),
        pytest.param(("model", "--frob"), "frob", id="no such option"),
    ],
)
def test_a_wrong_command_line_exits_with_3(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run(tmp_path, *arguments)

    assert done.returncode == 3
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_source_with_an_equals_sign_is_no_variable_of_doit(tmp_path: Path) -> None:
    write_graph_model(tmp_path / "a=1")

    done = run(tmp_path, "a=1", "--json", "a=1/model.json")

    assert [model["source"] for model in json.loads(done.stdout)] == ["a=1", "a=1/model.json"]


def test_a_name_with_a_colon_that_lies_there_is_a_path(tmp_path: Path) -> None:
    write_graph_model(tmp_path / "npm:model")

    assert run(tmp_path, "npm:model").returncode == 0


def test_on_a_terminal_there_is_colour(tmp_path: Path) -> None:
    write_graph_model(tmp_path / "model")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("model"),
        cwd=tmp_path,
        env={k: v for k, v in environment(tmp_path).items() if k not in ("NO_COLOR", "CI")},
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    try:
        while part := os.read(ours, 4096):
            written += part
    except OSError:  # the terminal is closed
        pass
    os.close(ours)

    assert process.wait() == 0
    assert b"\x1b[1mmodel\x1b[0m" in written
    assert b"parameters" in written


@pytest.mark.network
def test_a_model_in_a_package(tmp_path: Path) -> None:
    source = "npm:@spotify/basic-pitch@1.0.1#model/model.json"
    script_environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        command(source, "--json"),
        cwd=tmp_path,
        env=script_environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    [model] = json.loads(done.stdout)
    assert [entry["name"] for entry in model["outputs"]] == ["contour", "Identity_1", "Identity_2"]
    assert model["multiplyAdds"]["exact"]


@pytest.mark.network
def test_a_model_can_be_run_to_see_what_each_backend_makes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # TensorFlow.js itself comes from the user's cache, once for all tests.
    monkeypatch.setitem(globals(), "environment", lambda _folder: dict(os.environ))
    write_graph_model(tmp_path / "model")
    done = run(tmp_path, "--json", "--run", "model")
    (model,) = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert {name: made["status"] for name, made in model["backends"].items()} == {
        "wasm": "ok",
        "cpu": "ok",
    }
    assert model["missingOps"] == {"tensorflow.js": [], "wasm": [], "cpu": []}
    assert model["backends"]["wasm"]["loadMs"] > 0


@pytest.mark.network
def test_ops_that_one_backend_lacks_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "environment", lambda _folder: dict(os.environ))
    nodes = [
        placeholder("x", (1, 8)),
        node("fft", "RFFT", ["x", "length"]),
        node("real", "Real", ["fft"], dtype="complex64"),
        node("Identity", "Identity", ["real"]),
    ]
    outputs = {"Identity:0": tensor_info("Identity:0", (1, 5))}
    write_graph_model(
        tmp_path / "model",
        weights={"length": np.array([8], np.int32)},
        nodes=nodes,
        signature={"inputs": {"x": tensor_info("x:0", (1, 8))}, "outputs": outputs},
    )
    done = run(tmp_path, "--run", "model")

    assert "on wasm        unsupported: wasm lacks RFFT, Real" in done.stdout, done.stdout
    assert "on cpu         runs" in done.stdout
    assert "ops that its backend wasm does not have: RFFT, Real" in done.stdout
