"""Records between the steps: the bytes of yesterday's builds, and files that are damaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT
from pydantic import ValidationError

from pipeline.errors import DamagedFileError
from pipeline.records.record import Record
from pipeline.records.roles import RoleMap
from pipeline.records.signature import Signature
from pipeline.records.source import ConvertedSource, FetchedSource
from pipeline.records.variant import VariantRecord
from pipeline.records.verdicts import Verdicts

DATA = ROOT / "tests/data/records"
KINDS: dict[str, type[Record]] = {
    "fetch": FetchedSource,
    "convert": ConvertedSource,
    "signature": Signature,
    "map": RoleMap,
    "variant": VariantRecord,
    "verify": Verdicts,
}
FILES = sorted(DATA.rglob("*.json"))


def kind_of(file: Path) -> type[Record]:
    """Return the class of a file of a build."""
    return KINDS[file.relative_to(DATA).parts[1]]


def test_every_kind_has_a_file() -> None:
    assert {kind_of(file) for file in FILES} == set(KINDS.values())
    assert {file.name == kind_of(file).FILE for file in FILES} == {True}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(DATA)))
def test_a_record_is_written_as_it_was_read(file: Path, tmp_path: Path) -> None:
    record = kind_of(file).load(file.parent)
    record.save(tmp_path)

    assert (tmp_path / file.name).read_bytes() == file.read_bytes()
    assert kind_of(file).load(tmp_path) == record


def test_a_record_cannot_be_changed() -> None:
    fetched = FetchedSource.load(DATA / "basic-pitch/fetch")

    with pytest.raises(ValidationError, match="frozen"):
        fetched.entry = "other"  # type: ignore[misc]


def test_shapes_have_none_where_a_size_is_unknown() -> None:
    signature = Signature.load(DATA / "faceboxes/signature")

    assert signature.inputs[0].shape == (None, None, None, 3)
    assert signature.outputs[0].shape is None
    assert (signature.inputs[0].js_dtype, signature.inputs[0].is_integer) == ("int32", True)
    assert signature.outputs[0].is_integer is False


def test_a_source_states_the_signature_that_was_converted() -> None:
    stated = ConvertedSource.load(DATA / "guesslang/convert").stated
    nothing = ConvertedSource.load(DATA / "esrgan-slim/convert").stated

    assert (list(stated.inputs), stated.inputs["inputs"].shape) == (["inputs"], (None,))
    assert (nothing.inputs, nothing.outputs) == ({}, {})


def test_roles_that_share_an_output_are_one_text_in_json(tmp_path: Path) -> None:
    content = json.loads((DATA / "handlandmark-lite/map/map.json").read_bytes())
    content["roles"] = {"Identity:0": "landmarks, scores"}
    (tmp_path / "map.json").write_text(json.dumps(content))
    record = RoleMap.load(tmp_path)

    assert record.roles == {"Identity:0": ("landmarks", "scores")}
    assert record.to_json() == content


Damage = Callable[[Any], None]


def damaged(file: str, change: Damage, folder: Path) -> Path:
    """Write a file of a build into a folder, one thing in it changed."""
    content = json.loads((DATA / file).read_bytes())
    change(content)
    (folder / Path(file).name).write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        pytest.param(
            "basic-pitch/fetch/source.json",
            lambda wire: wire.pop("entry"),
            "source.json: entry: is missing",
            id="field lost",
        ),
        pytest.param(
            "basic-pitch/fetch/source.json",
            lambda wire: wire.update(sha256=7),
            "source.json: sha256: found 7; expected a valid string",
            id="number for a text",
        ),
        pytest.param(
            "basic-pitch/convert/source.json",
            lambda wire: wire["outputs"][1].pop("tensor"),
            "source.json: outputs[1].tensor: is missing",
            id="field of a list lost",
        ),
        pytest.param(
            "basic-pitch/signature/signature.json",
            lambda wire: wire["inputs"][0].update(shape="x"),
            "signature.json: inputs[0].shape: found 'x'; expected a valid array",
            id="text for a shape",
        ),
        pytest.param(
            "basic-pitch/signature/signature.json",
            lambda wire: wire["inputs"][0].update(shape=[1, True]),
            "signature.json: inputs[0].shape[1]: found True; expected a valid integer",
            id="truth for a size",
        ),
        pytest.param(
            "basic-pitch/signature/signature.json",
            lambda wire: wire.update(format="onnx"),
            "signature.json: format: found 'onnx'; expected 'graph-model' or 'layers-model'",
            id="format of nobody",
        ),
        pytest.param(
            "handlandmark-lite/map/map.json",
            lambda wire: wire["roles"].update({"Identity:0": ["landmarks"]}),
            "map.json: roles.Identity:0: found ['landmarks']; "
            "expected roles as one text, such as 'scores, classes'",
            id="list for joined roles",
        ),
        pytest.param(
            "basic-pitch/variant/float16/variant.json",
            lambda wire: wire["keptFloat32"][0].update(reason=None),
            "variant.json: keptFloat32[0].reason: found None; expected a valid string",
            id="null for a text",
        ),
        pytest.param(
            "guesslang/verify/verify.json",
            lambda wire: wire["variants"]["base"]["checks"]["cpu"].update(status="maybe"),
            "verify.json: variants.base.checks.cpu.status: found 'maybe'; "
            "expected 'ok', 'failed', 'unsupported' or 'untried'",
            id="status of nobody",
        ),
    ],
)
def test_a_damaged_record_is_said_with_file_and_field(
    file: str, change: Damage, message: str, tmp_path: Path
) -> None:
    folder = damaged(file, change, tmp_path)

    with pytest.raises(DamagedFileError) as caught:
        kind_of(DATA / file).load(folder)
    assert caught.value.message == message


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(DATA)))
def test_a_field_that_no_step_writes_is_refused(file: Path, tmp_path: Path) -> None:
    folder = damaged(str(file.relative_to(DATA)), lambda wire: wire.update(owner="me"), tmp_path)

    with pytest.raises(DamagedFileError) as caught:
        kind_of(file).load(folder)
    assert caught.value.message == f"{file.name}: owner: is not known"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", r"^source\.json: no JSON \(EOF", id="empty"),
        pytest.param(b'{"entry": "a', r"^source\.json: no JSON \(EOF", id="cut off"),
        pytest.param(b'{"entry": "\xff"}', r"^source\.json: no JSON \(", id="no UTF-8"),
        pytest.param(b"[]", r"^source\.json: found \[\]; expected an object$", id="list"),
        pytest.param(b"[" * 10**6, r"^source\.json: no JSON \(recursion", id="nested"),
    ],
)
def test_what_is_no_record_at_all_is_said_with_its_file(
    content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / "source.json").write_bytes(content)

    with pytest.raises(DamagedFileError, match=message):
        FetchedSource.load(tmp_path)


def test_a_record_that_is_not_there_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FetchedSource.load(tmp_path)
