"""Conversion of small OpenVINO models behind the wall, proved in the real TensorFlow.js."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino_files
import pytest
from both_runtimes import convert_source, run_both

from pipeline.errors import ConversionError, FormatError, ManifestError
from pipeline.formats.data_files import find_data_files
from pipeline.records.flags import FixedInput
from pipeline.records.source import Conversion
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

CONVERT = "pipeline.tf.openvino.convert_openvino:convert_openvino"
REFER = "pipeline.tf.openvino.openvino_reference:run_openvino"
SUMMARIZE = "pipeline.tf.openvino.openvino_summary:summarize_openvino"

Submit = Callable[..., Any]


@pytest.fixture
def submit(pool: TensorFlowPool, tmp_path: Path) -> Submit:
    def submit_now(function: str, **arguments: Any) -> Any:
        beside = find_data_files(arguments["source"])
        done = pool.submit(function, arguments, log=tmp_path / "log.txt", reads=beside)
        return done.result().value

    return submit_now


@pytest.fixture
def convert(submit: Submit, tmp_path: Path) -> Callable[..., Conversion]:
    def convert_now(source: Path, **fixed: FixedInput) -> Conversion:
        return convert_source(submit, CONVERT, source, tmp_path, fixed=fixed or None)

    return convert_now


def weights(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the entries of the weights of a converted model, by the stored dtype."""
    manifest = json.loads((folder / "base/model.json").read_text())["weightsManifest"]
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in (entry for group in manifest for entry in group["weights"]):
        stored = entry.get("quantization", entry)["dtype"]
        found.setdefault(stored, []).append(entry)
    return found


def measure(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "base").glob("*.bin"))


@pytest.mark.network
def test_a_classifier_with_all_that_it_says_of_itself(
    convert: Callable[..., Conversion], submit: Submit, tmp_path: Path
) -> None:
    source = openvino_files.classifier(tmp_path / "m.xml")
    fixed = {"images": FixedInput(layout="nhwc")}
    record = convert(source, **fixed)
    proof = run_both(submit, REFER, source, tmp_path, record, fixed=fixed)

    assert record.about is not None
    assert record.about.title == "Pets"
    assert record.labels is not None
    assert record.labels["scores"].names == ["cat", "big_dog"]
    assert record.remarks == ["output scores has other names in the file, too: class scores"]
    assert record.contracts is not None
    stated = record.contracts["images"]
    assert (stated.color, stated.layout, stated.resize) == ("rgb", "nhwc", "stretch")
    assert (stated.mean, stated.std) == ([124, 117, 104], [58.4, 57.1, 57.4])
    assert str(proof.answer["runtime"]).startswith("openvino 20")
    assert {v.inputs["images"].shape for v in proof.vectors.vectors} == {(1, 8, 8, 3)}
    for backend, variants in proof.runs.items():
        for i, vector in enumerate(proof.vectors.vectors):
            made = variants["base"].outputs[i]["scores"]
            assert np.allclose(made, vector.outputs["scores"], rtol=1e-5), backend
    [kernel] = weights(tmp_path)["float16"]
    assert kernel["shape"] == [3, 3, 3, 2]


@pytest.mark.network
def test_an_activation_leaves_other_readers_of_a_convolution_alone(
    convert: Callable[..., Conversion], submit: Submit, tmp_path: Path
) -> None:
    source = openvino_files.shared_convolution(tmp_path / "m.xml")
    proof = run_both(submit, REFER, source, tmp_path, convert(source))

    for variants in proof.runs.values():
        for i, vector in enumerate(proof.vectors.vectors):
            made = variants["base"].outputs[i]["y"]
            assert np.allclose(made, vector.outputs["y"], rtol=1e-5, atol=1e-6)


def test_weights_of_8_and_4_bits_stay_small(
    convert: Callable[..., Conversion], tmp_path: Path
) -> None:
    source = openvino_files.whole_weights(tmp_path / "m.xml")
    convert(source)
    stored = weights(tmp_path)

    assert sorted(np.prod(each["shape"]) for each in stored["uint8"]) == [2048, 2048]
    # One scale for each row, and for each of two blocks of a row.
    assert measure(tmp_path) < 2 * 2048 + 4 * (32 + 128) + 100


def test_what_the_manifest_states_has_to_fit(
    convert: Callable[..., Conversion], tmp_path: Path
) -> None:
    source = openvino_files.classifier(tmp_path / "m.xml")

    with pytest.raises(ManifestError, match=r"images.shape: found \[1, 3, 9, 9\]; the"):
        convert(source, images=FixedInput(shape=[1, 3, 9, 9]))
    with pytest.raises(ManifestError, match="the model has no input 'image'"):
        convert(source, image=FixedInput(layout="nhwc"))


def test_operations_without_a_rule_are_refused_and_shown(
    convert: Callable[..., Conversion], submit: Submit, tmp_path: Path
) -> None:
    source = openvino_files.refused(tmp_path / "m.xml")

    with pytest.raises(ConversionError, match=r"m\.xml: .*BinaryConvolution .*of single bits"):
        convert(source)
    found = submit(SUMMARIZE, source=source)
    assert found["remarks"][0].startswith("it cannot be converted as it stands: m.xml: operators")
    assert found["operators"] == {"BinaryConvolution": 1}
    assert found["signatures"]["main"]["inputs"][0]["shape"] == [1, 3, 8, 8]


def test_a_summary_shows_what_the_file_holds(submit: Submit, tmp_path: Path) -> None:
    found = submit(SUMMARIZE, source=openvino_files.classifier(tmp_path / "m.xml"))

    assert found["operators"] == {"Convert": 1, "Convolution": 1, "ReduceMean": 1}
    assert found["parameters"] == 54
    assert found["metadata"]["model_info.labels"] == "cat big_dog"
    assert found["signatures"]["main"]["multiply_adds"] == {"Conv": 2 * 8 * 8 * 27}
    assert "labels of scores: cat, big_dog" in found["remarks"]
    assert any("with `inputs: {images: {layout: nhwc}}`" in each for each in found["remarks"])


_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'version="11"',
            'version="7"',
            "m.xml is of version 7 of the format; 10 and 11 are converted",
        ),
        (
            '<?xml version="1.0"?>',
            f'<!DOCTYPE n [<!ENTITY l0 "ha">{_LAUGHS}]>',
            "no OpenVINO model",
        ),
        ('offset="0" size="108"', 'offset="900" size="108"', "m.xml"),
        ('offset="0" size="108"', 'offset="0" size="18446744073709551615"', "m.xml"),
        ('offset="0" size="108"', 'offset="-8" size="108"', "m.xml"),
        ('shape="2, 3, 3, 3"', 'shape="2, 3, 3, 3000000000"', "m.xml"),
        ('shape="1,3,8,8"', 'shape="1,-3,8,8"', "m.xml"),
        ('shape="1,3,8,8"', 'shape="1,3,99999999999999999999,8"', "m.xml"),
        ('type="Convolution"', 'type="Nonsense"', "m.xml"),
        ('from-layer="0"', 'from-layer="3"', "m.xml"),
        ('from-layer="0"', 'from-layer="77"', "m.xml"),
        ('layer id="1"', 'layer id="0"', "m.xml"),
        ('strides="1, 1"', 'strides="0, 0"', "m.xml"),
        ('strides="1, 1"', 'strides="&l9;"', "m.xml"),
        ("</net>", "", "m.xml"),
        ('element_type="f16"', 'element_type="f99"', "m.xml"),
    ],
)
def test_damage_is_said(submit: Submit, tmp_path: Path, old: str, new: str, message: str) -> None:
    source = openvino_files.classifier(tmp_path / "m.xml")
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new, 1))

    with pytest.raises((ConversionError, FormatError), match=message):
        submit(SUMMARIZE, source=source)


@pytest.mark.parametrize("size", [None, 0, 50])
def test_constants_that_are_missing_or_cut_off_are_said(
    submit: Submit, tmp_path: Path, size: int | None
) -> None:
    source = openvino_files.classifier(tmp_path / "m.xml")
    weights = source.with_suffix(".bin")
    content = weights.read_bytes()
    weights.unlink()
    if size is not None:
        weights.write_bytes(content[:size])

    with pytest.raises(FormatError, match=r"OpenVINO cannot read m\.xml") as caught:
        submit(SUMMARIZE, source=source)
    assert ("m.bin is not beside it" in caught.value.message) == (size is None)


def test_nothing_else_on_the_machine_is_read(
    submit: Submit, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = openvino_files.classifier(tmp_path / "m.xml")
    outside = tmp_path_factory.mktemp("outside") / "m.bin"
    shutil.move(source.with_suffix(".bin"), outside)
    source.with_suffix(".bin").symlink_to(outside)

    with pytest.raises(FormatError, match=r"m\.xml"):
        submit(SUMMARIZE, source=source)
