"""Commands of the converter as entries of models.yaml."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from paths import ROOT

from pipeline.errors import CommandLineError
from pipeline.manifest.converter.append import append_entries
from pipeline.manifest.converter.converter_document import format_document
from pipeline.manifest.converter.converter_options import OLD_OPTIONS, OPTIONS
from pipeline.manifest.converter.manifest_lines import ImportedModel, format_entry, import_command
from pipeline.manifest.converter.shell import split_commands
from pipeline.manifest.load import parse_manifest

QUANTIZE = "the converter takes this for the name of a weight, matches none"


def imported(command: str) -> ImportedModel:
    """Import the one command in a text."""
    [arguments] = split_commands(f"tensorflowjs_converter {command}")
    return import_command(arguments)


def fields(command: str) -> dict[str, Any]:
    """Return the entry of a command, without name and source."""
    entry = imported(f"{command} in/detector out")
    return {key: value for key, value in entry.fields.items() if key not in {"name", "source"}}


@pytest.mark.parametrize(
    ("command", "entry"),
    [
        ("--input_format=tf_saved_model", {"input_format": "tf_saved_model"}),
        ("--input_format tf_hub", {"input_format": "tf_hub"}),
        ("--input_form tf_hub", {"input_format": "tf_hub"}),
        ("--signature_name=predict", {"signature_name": "predict"}),
        ("--saved_model_tags=serve,gpu", {"saved_model_tags": ["serve", "gpu"]}),
        ("--saved_model_tags=''", {"saved_model_tags": []}),
        ("--quantize_float16", {"quantize_float16": True}),
        ("--quantize_float16=*", {"quantize_float16": True}),
        ("--quantize_float16 '*'", {"quantize_float16": True}),
        ("--quantize_uint8=conv*/weights,b", {"quantize_uint8": ["conv*/weights", "b"]}),
        ("--quantization_bytes 1", {"quantization_bytes": 1}),
        ("--skip_op_check", {"skip_op_check": True}),
        ("--strip_debug_ops=True", {"strip_debug_ops": True}),
        ("--control_flow_v2=true", {"control_flow_v2": True}),
        ("--control_flow_v2=''", {}),
        ("--experiments=1", {"experiments": True}),
        ("--weight_shard_size_bytes 1000", {"weight_shard_size_bytes": 1000}),
        ("--metadata=a:x.json,b:y.json", {"metadata": {"a": "x.json", "b": "y.json"}}),
        ("--output_json=true", {}),
        ("--output_format tfjs_graph_model", {"output_format": "tfjs_graph_model"}),
        (
            "--input_format=tf_frozen_model --output_node_names=a,b",
            {"input_format": "tf_frozen_model", "output_node_names": ["a", "b"]},
        ),
        (
            "--input_format=keras --split_weights_by_layer",
            {
                "input_format": "keras",
                "output_format": "tfjs_layers_model",
                "split_weights_by_layer": True,
            },
        ),
    ],
)
def test_each_option_is_its_field(command: str, entry: dict[str, Any]) -> None:
    assert fields(command) == entry


@pytest.mark.parametrize(
    ("command", "entry", "remark"),
    [
        ("--quantize_float16 True", {"quantize_float16": True}, f"float16 True: {QUANTIZE}"),
        ("--quantize_float16=true", {"quantize_float16": True}, f"float16=true: {QUANTIZE}"),
        ("--quantize_uint8 False", {}, "read as no quantization"),
        ("--strip_debug_ops False", {"strip_debug_ops": False}, "for the converter this is true"),
        ("--control_flow_v2=0", {}, "for the converter this is true"),
        ("--skip_op_check True", {"skip_op_check": True}, "takes this for a path"),
        (
            "--input_format=tensorflowjs",
            {"input_format": "tfjs_layers_model", "output_format": "tfjs_layers_model"},
            "the old name of tfjs_layers_model",
        ),
        (
            "--input_format=keras --control_flow_v2=True",
            {"input_format": "keras", "output_format": "tfjs_layers_model"},
            "control_flow_v2: has no effect on this model",
        ),
    ],
)
def test_a_trap_is_read_as_it_was_meant_and_said(
    command: str, entry: dict[str, Any], remark: str
) -> None:
    assert fields(command) == entry
    assert any(remark in said for said in imported(f"{command} in/detector out").remarks)


def test_a_path_that_an_option_swallows_is_given_back_in_its_place() -> None:
    model = imported("--quantize_uint8 saved/detector web")

    assert model.fields == {
        "name": "detector",
        "source": "saved/detector",
        "quantize_uint8": True,
    }
    assert "takes the path for a pattern" in model.remarks[0]
    swallowed_last = imported("saved/detector --quantize_uint8 web")
    assert swallowed_last.fields["source"] == "saved/detector"


def test_a_pattern_behind_an_option_stays_one() -> None:
    model = imported("--quantize_uint8 'conv*' saved/detector web")

    assert model.fields["quantize_uint8"] == ["conv*"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("--sginature_name=a in out", "did you mean --signature_name"),
        ("in", r"found 1 path \('in'\); expected a source and a destination"),
        ("my model out dir", "found 4 paths"),
        ("--weight_shard_size_bytes=4MB in out", "expected a whole number"),
        ("--strip_debug_ops=maybe in out", "expected true or false"),
        ("--signature_name", "expected a value"),
        ("--output_format=keras in out", "a zoo publishes for the browser"),
        ("--input_format=tf_session_bundle in out", "save it as a SavedModel"),
        ("--metadata=x.json in out", "expected key:path.json"),
        ("--version", "expected a source and a destination"),
        ("--help", "converts nothing"),
        ("--output_format=tfjs_layers_model --input_format=tf_hub in out", "becomes tfjs_graph"),
    ],
)
def test_what_cannot_be_imported_says_why(command: str, message: str) -> None:
    with pytest.raises(CommandLineError, match=message):
        imported(command)


@pytest.mark.parametrize(
    ("source", "destination", "name"),
    [
        ("in/detector", "out/Hand Detector", "hand-detector"),
        ("in/detector", "web_model", "detector"),
        ("in/detector/saved_model", "./web", "detector"),
        ("models/m.v2.h5", "/tmp/out", "m.v2"),  # noqa: S108  # as people write it
        ("https://example.org/a/mobilenet/1", "dist/", "mobilenet"),
        ("model.h5", "tfjs_model", "model"),
    ],
)
def test_a_model_is_named_after_what_says_most(source: str, destination: str, name: str) -> None:
    assert import_command([source, destination]).fields["name"] == name
    assert import_command([source, destination], taken={name}).fields["name"] == f"{name}-2"


def test_commands_are_found_in_scripts_notebooks_and_texts() -> None:
    text = r"""
        # tensorflowjs_converter is the tool
        pip install tensorflowjs
        $ tensorflowjs_converter --quantize_uint8=* \
             "my model" out && ls out
        !tensorflowjs_converter a b > log.txt
        CUDA_VISIBLE_DEVICES= python -m tensorflowjs.converters.converter c d; echo done
        `tensorflowjs_converter e f`
    """

    commands = [command for command in split_commands(text) if len(command) > 1]
    assert commands[-4:] == [
        ["--quantize_uint8=*", "my model", "out"],
        ["a", "b"],
        ["c", "d"],
        ["e", "f"],
    ]


def test_an_entry_is_valid_yaml_with_its_remarks_above() -> None:
    model = imported("--quantize_float16 True --metadata=a:x.json 'in/my: model' out/d")
    text = format_entry(model)

    assert text.startswith("# --quantize_float16 True: the converter takes")
    assert yaml.safe_load(text) == [model.fields]
    assert parse_manifest(f"models:\n{text}").models[0].variants[0].name == "float16"


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("", id="no file"),
        pytest.param("zoo: {name: Mine}\n", id="no models"),
        pytest.param("zoo: {name: Mine}\nmodels:\n", id="an empty list"),
        pytest.param("models:\n- name: a\n  source: a.json\n", id="not indented"),
        pytest.param("models:\n    - {name: a, source: a.json}", id="no last line break"),
        pytest.param(
            "models:\n  - name: a\n    source: a.json\n    description: |\n      text\n\n# end\n",
            id="a block at the end",
        ),
        pytest.param(
            "models:\n  - name: a\n    source: a.json # why\n\n# the zoo\nzoo: {name: Mine}\n",
            id="models in the middle",
        ),
    ],
)
def test_entries_are_added_and_all_else_stays(before: str) -> None:
    entry = format_entry(imported("in/b out"))
    after = append_entries(before, [entry])

    assert parse_manifest(after).models[-1].name == "b"
    kept = iter(after.splitlines())
    assert all(line in kept for line in before.splitlines() if line), after


def run(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "import-command", *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_command_is_imported_quoted_or_not(tmp_path: Path) -> None:
    command = "tensorflowjs_converter --quantize_uint8=a=b/* --signature_name=x in/m out"
    quoted = run(tmp_path, command)
    bare = run(tmp_path, *command.split())

    assert quoted.stdout == bare.stdout
    assert yaml.safe_load(quoted.stdout)[0]["quantize_uint8"] == ["a=b/*"]
    assert (quoted.returncode, bare.returncode) == (0, 0)


def test_all_commands_of_a_script_are_appended_and_faults_told(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("models:\n  - {name: m, source: a.json}\n")
    (tmp_path / "convert.sh").write_text(
        "tensorflowjs_converter in/m out\ntensorflowjs_converter --no in/x out\n"
    )
    done = run(tmp_path, "--file", "convert.sh", "--append")

    assert done.returncode == 1
    assert "not imported: --no in/x out" in done.stderr
    models = yaml.safe_load((tmp_path / "models.yaml").read_text())["models"]
    assert [model["name"] for model in models] == ["m", "m-2"]


def test_a_manifest_that_would_become_wrong_stays(tmp_path: Path) -> None:
    text = "models: []\n"
    (tmp_path / "models.yaml").write_text(text)
    done = run(tmp_path, "--append", "tensorflowjs_converter in/m out")

    assert done.returncode == 3
    assert "models.yaml stays as it is" in done.stderr
    assert (tmp_path / "models.yaml").read_text() == text


def test_the_document_is_the_tables_and_its_example_is_what_is_printed(tmp_path: Path) -> None:
    text = (ROOT / "docs/converter.md").read_text()
    example = text.partition("```console\n")[2].partition("```")[0]
    command, _, printed = example.partition("'\n")
    done = run(tmp_path, command.partition("'")[2])

    assert text == format_document()
    assert done.stdout == printed


@pytest.mark.tensorflow
def test_every_option_of_the_installed_converter_is_here() -> None:
    program = (
        "import json; from tensorflowjs.converters.converter import get_arg_parser;"
        "print(json.dumps([o for a in get_arg_parser()._actions for o in a.option_strings]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    found = {text[2:] for text in json.loads(done.stdout.splitlines()[-1]) if text[:2] == "--"}

    assert found - {"help"} == set(OPTIONS) - OLD_OPTIONS
