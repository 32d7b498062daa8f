"""What loading the graph imports, and what may be imported where."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT
from zoos import Zoo

HEAVY = (
    *("tensorflow", "tensorflowjs", "keras", "tf_keras", "numpy", "requests", "rich", "psutil"),
    *("fsspec", "h5py", "jinja2"),
)
PACKAGE = ROOT / "pipeline"
TENSORFLOW = {"tensorflow", "tensorflowjs", "keras", "tf_keras", "tensorflow_hub"}


def test_loading_the_graph_imports_nothing_heavy(tmp_path: Path) -> None:
    zoo = Zoo(tmp_path / "zoo")
    zoo.add("one")
    zoo.write()
    program = (
        f"import sys, json; sys.path.insert(0, {str(ROOT)!r}); import dodo;"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=zoo.folder, capture_output=True, text=True, check=True
    )

    assert not {name.partition(".")[0] for name in json.loads(done.stdout)} & set(HEAVY)


@pytest.mark.parametrize("command", ["list", "help"])
def test_a_command_that_needs_no_model_reads_no_manifest(command: str, tmp_path: Path) -> None:
    """With a manifest of thousands of models it is as quick as with one of none."""
    (tmp_path / "models.yaml").write_text("models: no list")
    program = (
        "import sys; from pipeline.cli import main;"
        f"sys.argv = ['tfjs-zoo', {command!r}]; code = main();"
        "sys.exit(str({'yaml', 'pydantic'} & set(sys.modules)) if code == 0 else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert "set()" in done.stderr, done.stderr
    assert "convert" in done.stdout


def test_a_local_source_is_fetched_without_an_http_library(tmp_path: Path) -> None:
    """The library takes longer to load than most local models take to copy."""
    (tmp_path / "model.json").write_text("{}")
    program = (
        f"import sys, json; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path;"
        "from pipeline.fetch.address.source import parse_source;"
        "from pipeline.fetch.fetch import fetch_source;"
        "Path('files').mkdir();"
        "fetch_source(parse_source('model.json'), root=Path(), folder=Path('files'),"
        " cache=Path('cache'), sha256=None, progress=lambda done, total: None, refresh=False);"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert not {name.partition(".")[0] for name in json.loads(done.stdout)} & set(HEAVY)


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(path, id=str(path.relative_to(PACKAGE)))
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] != "tf"
    ],
)
def test_tensorflow_is_imported_in_one_package_only(module: Path) -> None:
    """Nor is that package imported elsewhere: its functions are named to a child process."""
    imported = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}

    assert not {name.partition(".")[0] for name in imported} & TENSORFLOW
    assert not {name for name in imported if f"{name}.".startswith("pipeline.tf.")}
