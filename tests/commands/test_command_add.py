"""`doit add`: entries for models, written into models.yaml."""

import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fetching import pack_tar
from graph_models import write_graph_model
from identify.vendor.licenses import LICENSES
from loopback import Server, serve

from pipeline.commands.add import Add
from pipeline.manifest.load import load_manifest

MANIFEST = """\
# ours
zoo: {name: Cats}   # kept
models:
  - name: cat   # taken
    source: elsewhere/cat.h5

# the end
"""


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Run a registry that the .npmrc in `tmp_path` names."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in os.environ:
        if name.lower().startswith("npm_config_"):
            monkeypatch.delenv(name)
    with serve() as server:
        (tmp_path / ".npmrc").write_text(f"registry={server.url}/\n")
        yield server


def add(folder: Path, monkeypatch: pytest.MonkeyPatch, *args: str, **options: object) -> int:
    """Run the command in a folder."""
    monkeypatch.setenv("TFJS_ZOO_CACHE", str(folder / "cache"))
    command = Add()
    command.opt_vals = {"cwdPath": str(folder)}
    return int(
        command.execute({"as_name": "", "every": False, "dry": False, **options}, list(args))
    )


def test_an_entry_is_added_and_all_else_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models.yaml").write_text(MANIFEST)
    write_graph_model(tmp_path / "cat", entry="cat.json")
    (tmp_path / "cat/labels.txt").write_text("tabby\ntiger\nlion\nlynx\n")

    assert add(tmp_path, monkeypatch, "cat/cat.json") == 0

    text = (tmp_path / "models.yaml").read_text()
    head, tail = MANIFEST.split("\n# the end")
    assert text.startswith(head)
    assert text.endswith(f"# the end{tail}")
    added = text[len(head) :].split("\n# the end")[0]
    assert added.strip().splitlines() == [
        "- name: cat-2",
        "    # license:   # nothing beside the model states one; left out, it is unknown",
        "    # The labels are those of cat/labels.txt.",
        "    # task:   # what it is for, such as object-detection",
        "    # inputs: {x: {range: [0, 1]}}   # nobody states its range",
        "    source: cat/cat.json",
        "    input_format: tfjs_graph_model",
        "    labels: cat/labels.txt",
    ]
    assert "next: tfjs-zoo cat-2" in capsys.readouterr().out

    assert add(tmp_path, monkeypatch, "cat/cat.json") == 1
    assert "cat/cat.json is in models.yaml already, as cat-2" in capsys.readouterr().err
    assert (tmp_path / "models.yaml").read_text() == text


def test_of_an_archive_one_model_has_to_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("movenet.json", "ssd.json"):
        write_graph_model(tmp_path / name[:-5], entry=name)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in tmp_path.glob("*/*"):
            archive.write(path, path.relative_to(tmp_path))
        archive.writestr("LICENSE", dict(LICENSES)["MIT"])

    assert add(tmp_path, monkeypatch, "all.zip") == 1
    said = capsys.readouterr().err
    assert "it holds 2 models: movenet/movenet.json, ssd/ssd.json" in said
    assert "such as all.zip#movenet/movenet.json, or all with --all" in said
    assert not (tmp_path / "models.yaml").exists()

    assert add(tmp_path, monkeypatch, "all.zip", every=True) == 0
    added = (tmp_path / "models.yaml").read_text()
    assert "# task: pose-estimation   # its name says so" in added
    assert added.count("# license: MIT   # LICENSE is its text, or nearly: read it") == 2
    assert [model.source for model in load_manifest(tmp_path / "models.yaml").models] == [
        "all.zip#movenet/movenet.json",
        "all.zip#ssd/ssd.json",
    ]


def test_a_package_is_taken_in_its_newest_version_with_its_licence(
    registry: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_graph_model(tmp_path / "made", entry="gear.json")
    about = {"license": "MIT", "repository": {"url": "git+https://example.org/zoo.git"}}
    files = {f"package/{path.name}": path.read_bytes() for path in (tmp_path / "made").iterdir()}
    files["package/package.json"] = json.dumps(about).encode()
    names = [f"n{i}" for i in range(4)]
    files["package/metadata.json"] = json.dumps({"labels": names}).encode()
    url = registry.put("/zoo/-/zoo-1.0.0.tgz", pack_tar(files))
    versions = {"1.0.0": {"dist": {"tarball": url}}, "2.0.0-rc.1": {}}
    document = {"versions": versions, "dist-tags": {"latest": "1.0.0"}}
    registry.put("/zoo", json.dumps(document).encode())

    assert add(tmp_path, monkeypatch, "npm:zoo#gear.json", "npm:none", dry=True) == 1

    said = capsys.readouterr()
    assert not (tmp_path / "models.yaml").exists()
    for line in (
        "license: MIT",
        "homepage: https://example.org/zoo",
        "source: npm:zoo@1.0.0#gear.json",
        f"labels: [{', '.join(names)}]",
        "# task: face-attributes   # its name says so",
    ):
        assert f"  {line}\n" in said.out
    assert "has no such package" in said.err
