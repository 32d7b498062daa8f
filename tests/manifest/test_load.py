"""Loading: every fault at once, each where it is; a good manifest as types."""

import random
import subprocess
import sys
from pathlib import Path

import paths
import pytest

from pipeline.errors import ManifestError
from pipeline.manifest.load import load_manifest, parse_manifest
from pipeline.manifest.zoo import Zoo

DATA = paths.DATA / "manifest"
GOOD = DATA / "good.yaml"
FAULTY = sorted(path.stem for path in DATA.glob("*.yaml") if path != GOOD)
JUNK = ("\t", "\n", " ", "'", '"', "{", "]", ": ", "- ", "#", "*", "&", "!", "\x00", "é", "<<: 1\n")


def message_of(text: str) -> str:
    """Return the message of a manifest with faults, with a final newline."""
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text)
    return f"{caught.value}\n"


def one_model(**fields: str) -> Zoo:
    """Return the zoo of a manifest with one model, whose fields are YAML texts."""
    lines = "".join(f"    {key}: {value}\n" for key, value in fields.items())
    return parse_manifest(f"models:\n  - name: only\n    source: models/only\n{lines}")


@pytest.mark.parametrize("name", FAULTY)
def test_whole_message_of_a_faulty_manifest(name: str) -> None:
    message = message_of((DATA / f"{name}.yaml").read_text())

    assert message == (DATA / f"{name}.txt").read_text()


def test_every_manifest_has_its_message() -> None:
    assert FAULTY
    assert {path.stem for path in DATA.glob("*.txt")} == set(FAULTY)


def test_models_get_defaults_and_override_them() -> None:
    pitch, hand = load_manifest(GOOD).models[:2]

    assert (pitch.title, hand.title) == ("Basic Pitch", None)
    assert (pitch.strip_debug_ops, hand.strip_debug_ops) == (False, True)
    assert [variant.name for variant in pitch.variants] == ["float16", "uint8", "uint16"]
    assert [variant.name for variant in hand.variants] == ["float16", "small", "uint8", "two"]
    assert "control_flow_v2" in hand.inherited
    assert "title" not in hand.inherited


def test_merge_keys_bring_the_fields_of_an_anchor() -> None:
    hand = load_manifest(GOOD).models[1]

    assert hand.license == "MIT"
    assert hand.tags == ("hand", "2024")
    assert "license" not in hand.inherited


def test_values_are_what_people_mean() -> None:
    zoo = load_manifest(GOOD)
    pitch, hand = zoo.models[:2]

    assert zoo.output == "public/zoo"
    assert zoo.description == "Models for tests.\n"
    assert pitch.saved_model_tags == ("serve", "gpu")
    assert pitch.sha256 == "0123456789abcdef" * 4
    assert pitch.metadata == {"labels": "labels.json", "note": {"by": "us", "size": [1, 2]}}
    assert pitch.test_inputs == ("sound.npz", {"x": "hand.jpg"})
    assert hand.map == {"boxes": "Identity_1:0", "scores": "Identity_4:0", "classes": None}
    assert hand.tolerance is not None
    assert hand.tolerance.max_relative_error == 1e-3
    assert hand.extra["since2024"] == "2024-01-31"
    assert hand.extra["deep"] == {"on": [True, None]}


def test_defaults_of_the_converter_hold_where_nothing_is_said() -> None:
    (model,) = one_model().models

    assert model.strip_debug_ops
    assert not model.control_flow_v2
    assert model.weight_shard_size_bytes == 4 * 2**20
    assert model.saved_model_tags is None
    assert model.license is None
    assert model.variants == ()


@pytest.mark.parametrize(
    ("fields", "variants"),
    [
        pytest.param({"quantize_uint8": "true"}, [("uint8", {"uint8": ("*",)})], id="all"),
        pytest.param({"quantize_uint8": "false"}, [], id="off"),
        pytest.param(
            {"quantize_uint8": "conv*", "quantize_float16": "true"},
            [("quantized", {"float16": ("*",), "uint8": ("conv*",)})],
            id="mix",
        ),
        pytest.param(
            {"variants": "[uint8]", "quantize_uint8": "'*'"},
            [("uint8", {"uint8": ("*",)})],
            id="already listed",
        ),
        pytest.param(
            {"variants": "[uint16]", "quantization_bytes": "1"},
            [("uint16", {"uint16": ("*",)}), ("uint8", {"uint8": ("*",)})],
            id="older flag",
        ),
    ],
)
def test_pasted_quantization_flags_are_one_more_variant(
    fields: dict[str, str], variants: list[tuple[str, dict[str, tuple[str, ...]]]]
) -> None:
    (model,) = one_model(**fields).models

    assert [(variant.name, variant.quantize) for variant in model.variants] == variants


def test_scales_per_channel_and_per_block() -> None:
    variants = """
      - {name: channels, quantize_uint8: true, per_channel: true, quantize_float16: true}
      - {name: some, quantize_uint8: true, per_channel: "conv*,dense*"}
      - {name: blocks, quantize_uint8: true, block: 32}
      - {name: mix, quantize_uint8: true, per_channel: true, block: {size: 64, weights: table}}
    """
    (model,) = one_model(variants=variants).models
    channels, some, blocks, mix = model.variants

    assert channels.per_channel == ("*",)
    assert channels.quantize == {"float16": ("*",), "uint8": ("*",)}
    assert some.per_channel == ("conv*", "dense*")
    found = [(one.block.size, one.block.weights) for one in (blocks, mix) if one.block]
    assert found == [(32, ("*",)), (64, ("table",))]


def test_a_store_is_its_place_or_a_mapping() -> None:
    text = "zoo: {store: %s}\nmodels: [{name: a, source: b}]\n"
    brief = parse_manifest(text % "'s3://bucket/zoo'").store
    long = parse_manifest(text % "{at: ../store, read_only: true, sources: true}").store

    assert brief is not None
    assert (brief.at, brief.read_only, brief.sources) == ("s3://bucket/zoo", False, False)
    assert long is not None
    assert (long.at, long.read_only, long.sources) == ("../store", True, True)
    expected = "expected a folder or a URL, or a mapping"
    start = "models.yaml:1:14: zoo.store: "
    assert message_of(text % "3") == f"{start}found the number 3; {expected}\n"
    assert message_of(text % "{}") == f"{start}'at' is missing\n"


@pytest.mark.parametrize("output", [".", "..", "a/..", "../..", ".zoo", ".zoo/dist", "/", "C:/a"])
def test_output_cannot_be_a_folder_that_holds_other_things(output: str) -> None:
    message = message_of(f"zoo: {{output: '{output}'}}\nmodels: [{{name: a, source: b}}]\n")

    assert message.startswith("models.yaml:1:15: zoo.output: ")


@pytest.mark.parametrize("text", ["zoo: {backends: [wasm]}", "backends: [wasm]"])
def test_a_field_of_models_that_stands_outside_of_them_is_sent_to_its_place(text: str) -> None:
    message = message_of(f"{text}\nmodels: [{{name: a, source: b}}]\n")

    assert "'backends' belongs to a model; expected it below 'defaults', for all" in message


@pytest.mark.parametrize(("error", "right"), [("0.01", True), ("0.011", False)])
def test_a_tolerance_above_one_percent_needs_a_reason(error: str, right: bool) -> None:
    text = f"models: [{{name: a, source: b, tolerance: {{max_relative_error: {error}}}}}]"

    if right:
        assert parse_manifest(text).models
    else:
        assert "expected a 'reason'" in message_of(text)


def test_a_default_that_cannot_apply_is_ignored() -> None:
    zoo = parse_manifest(
        "defaults: {signature_name: predict, split_weights_by_layer: true}\n"
        "models: [{name: a, source: a.json, input_format: tfjs_graph_model}]\n"
    )

    assert zoo.models[0].signature_name == "predict"


def test_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_bytes(b"\xef\xbb\xbfmodels:\r\n  - {name: a, source: b}\r\n")

    assert load_manifest(path).models[0].name == "a"

    path.write_bytes(b"\xef\xbb\xbfzoo: {nam: x}\r\n")
    with pytest.raises(ManifestError, match=r":1:7: zoo\.nam: "):
        load_manifest(path)


def test_text_in_another_encoding_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_bytes(b"zoo:\n  name: Caf\xe9\n")

    with pytest.raises(ManifestError, match=r"models\.yaml:2:12: the byte 0xE9 is not UTF-8"):
        load_manifest(path)


def test_missing_file_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ManifestError, match=r"^models\.yaml: there is no such file$") as caught:
        load_manifest(tmp_path / "models.yaml")

    assert "tfjs-zoo init" in str(caught.value.hint)


def test_folder_in_place_of_a_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        load_manifest(tmp_path)


@pytest.mark.parametrize("seed", range(60))
def test_damaged_text_gives_faults_and_never_a_traceback(seed: int) -> None:
    generator = random.Random(seed)
    text = GOOD.read_text()
    for _ in range(10):
        damaged = text
        for _ in range(generator.randint(1, 4)):
            damaged = _damage(damaged, generator)
        message = ""
        try:
            parse_manifest(damaged)
        except ManifestError as error:
            message = str(error)

        assert all(line.startswith(("models.yaml:", "    ")) for line in message.splitlines())


def _damage(text: str, generator: random.Random) -> str:
    """Remove, insert or repeat a piece of a text."""
    start = generator.randrange(len(text))
    end = min(len(text), start + generator.randint(1, 30))
    match generator.randrange(4):
        case 0:
            return text[:start] + text[end:]
        case 1:
            return text[:start] + generator.choice(JUNK) + text[start:]
        case 2:
            return text[:start] + text[start:end] * 2 + text[end:]
        case _:
            value = generator.choice(("yes", "1e-3", "[]", "{}", "null", "x", "-1", "{a: [1]}"))
            line = text.find(": ", start)
            stop = text.find("\n", line)
            return text if line < 0 or stop < 0 else f"{text[:line]}: {value}{text[stop:]}"


def test_the_loader_imports_nothing_heavy() -> None:
    program = (
        "import sys, pipeline.manifest.load;"
        "print({'numpy', 'requests', 'tensorflow', 'keras', 'rich'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert run.stdout == "set()\n"


if __name__ == "__main__":
    for stem in FAULTY:
        (DATA / f"{stem}.txt").write_text(message_of((DATA / f"{stem}.yaml").read_text()))
