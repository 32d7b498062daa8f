"""Flags, against the converter's own dispatch where it is installed."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from paths import ROOT

from pipeline.formats.format import GRAPH, LAYERS
from pipeline.formats.table import INPUT_FORMATS, ROUTES, find_format
from pipeline.manifest.flags import FLAGS, asked_flags, check_flags
from pipeline.manifest.model import Defaults, Model
from pipeline.text.suggest import join_words


def converter_source(module: str) -> str:
    """Return the text of one of the converter's modules; importing it would load TensorFlow."""
    spec = find_spec("tensorflowjs")
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / f"converters/{module}.py").read_text()


def dispatched() -> dict[tuple[str, str], set[str]]:
    """Return the flags that the converter passes on for each pair it converts into ours."""
    source = converter_source("converter")
    body = source.split("def _dispatch_converter")[1].split("def get_arg_parser")[0]
    branch = re.compile(
        r"input_format == common\.(\w+) and\s+"
        r"output_format == common\.(\w+)\):(.*?)(?=el(?:if|se))",
        re.DOTALL,
    )
    names = {"KERAS_MODEL": "keras", "KERAS_KERAS_MODEL": "keras_keras", "TF_HUB_MODEL": "tf_hub"}
    pairs = {}
    for given, made, call in branch.findall(body):
        if made.startswith("TFJS"):
            flags = set(re.findall(r"args\.(\w+)", call)) & FLAGS
            pairs[names.get(given, given.lower()), made.lower()] = flags
    return pairs


def test_flags_are_those_that_the_converter_passes_on() -> None:
    pairs = dispatched()
    shared = {pair: set(route.flags) for pair, route in ROUTES.items() if route.in_converter}
    ours = {pair: flags - {"custom_objects"} for pair, flags in shared.items()}

    assert len(pairs) == 9
    assert ours == pairs


def test_every_option_of_the_converter_is_a_field() -> None:
    source = converter_source("converter").split("def get_arg_parser")[1].split("def convert")[0]
    constants = dict(re.findall(r"(?m)^(\w+) = '(\w+)'$", converter_source("common")))
    options = {constants[name] for name in re.findall(r"'--%s' % common\.(\w+)", source)}
    options |= set(re.findall(r"'--(\w+)'", source))

    assert len(options) == 18
    assert options - {"version"} <= set(Model.model_fields)


def model(**fields: object) -> Model:
    """Return a model with some fields."""
    return Model.model_validate({"name": "a", "source": "b", **fields})


def test_every_flag_is_a_field() -> None:
    assert set(Defaults.model_fields) >= FLAGS


def test_the_reference_lists_the_formats_that_become_layers_models() -> None:
    """The docstring of `output_format` is text for editors, and is not generated."""
    schema = json.loads((ROOT / "pipeline/manifest/models.schema.json").read_bytes())
    found = schema["$defs"]["Defaults"]["properties"]["output_format"]["description"]
    described = " ".join(found.split())
    layers = [f"`{name}`" for name in INPUT_FORMATS if find_format(name).default_output == LAYERS]

    assert f"`{LAYERS}` for {join_words(layers)}, else `{GRAPH}`" in described


@pytest.mark.parametrize(
    ("input_format", "output_format"),
    [
        ("keras", LAYERS),
        ("keras_saved_model", LAYERS),
        ("tfjs_layers_model", LAYERS),
        ("keras_keras", GRAPH),
        ("tf_saved_model", GRAPH),
        ("tf_frozen_model", GRAPH),
        ("tfjs_graph_model", GRAPH),
    ],
)
def test_output_format_where_none_is_given(input_format: str, output_format: str) -> None:
    assert find_format(input_format).default_output == output_format


def test_a_format_found_later_is_checked_later() -> None:
    asked = asked_flags(model(signature_name="predict"), frozenset())
    (message,) = check_flags(asked, input_format="keras", output_format=GRAPH)

    assert check_flags(asked, input_format="tf_saved_model", output_format=GRAPH) == []
    assert message.startswith("signature_name: applies to tf_saved_model, tf_hub,")
    assert message.endswith("this model is keras")


@pytest.mark.parametrize("input_format", ["tf_saved_model", "tfjs_graph_model", "keras"])
def test_only_tensorflow_lite_has_a_float_form(input_format: str) -> None:
    asked = asked_flags(model(dequantize=True), frozenset())

    assert check_flags(asked, input_format="tflite", output_format=GRAPH) == []
    assert check_flags(asked, input_format=input_format, output_format=GRAPH) == [
        f"dequantize: applies to tflite; this model is {input_format}"
    ]


def test_a_pair_that_cannot_be_made_is_said() -> None:
    assert check_flags((), input_format="tf_hub", output_format=LAYERS) == [
        "output_format: tf_hub becomes tfjs_graph_model, not tfjs_layers_model"
    ]


def test_a_flag_that_is_off_asks_for_nothing() -> None:
    assert asked_flags(model(control_flow_v2=False), frozenset()) == frozenset()
    assert asked_flags(model(control_flow_v2=True), frozenset()) == {"control_flow_v2"}


def test_an_inherited_flag_is_not_asked_for() -> None:
    assert asked_flags(model(control_flow_v2=True), frozenset({"control_flow_v2"})) == frozenset()
