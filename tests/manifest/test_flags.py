"""Flags, against the converter's own dispatch where it is installed."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pytest

from pipeline.manifest.fields import InputFormat
from pipeline.manifest.flags import (
    APPLICABLE,
    FLAGS,
    asked_flags,
    check_flags,
    choose_output_format,
    formats_of_file,
)
from pipeline.manifest.model import Model

GRAPH, LAYERS = "tfjs_graph_model", "tfjs_layers_model"

# Where we go beyond the converter, or keep to ourselves what it passes on.
OURS = {
    ("keras_keras", GRAPH),
    ("keras_saved_model", GRAPH),
    ("tfjs_graph_model", GRAPH),
}


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

    assert len(pairs) == 9
    assert {pair: set(APPLICABLE[pair]) for pair in pairs} == pairs
    assert set(APPLICABLE) - set(pairs) == OURS


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


def test_every_pair_is_of_known_formats() -> None:
    assert {given for given, _ in APPLICABLE} == set(get_args(InputFormat))


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
    assert choose_output_format(None, input_format) == output_format


def test_a_format_found_later_is_checked_later() -> None:
    asked = asked_flags(model(signature_name="predict"), frozenset())
    (message,) = check_flags(asked, input_format="keras", output_format=GRAPH)

    assert check_flags(asked, input_format="tf_saved_model", output_format=GRAPH) == []
    assert message.startswith("signature_name: applies to tf_saved_model, tf_hub or")
    assert message.endswith("this model is keras")


def test_a_pair_that_cannot_be_made_is_said() -> None:
    assert check_flags((), input_format="tf_hub", output_format=LAYERS) == [
        "output_format: tf_hub becomes tfjs_graph_model, not tfjs_layers_model"
    ]


def test_a_flag_that_is_off_asks_for_nothing() -> None:
    assert asked_flags(model(control_flow_v2=False), frozenset()) == frozenset()
    assert asked_flags(model(control_flow_v2=True), frozenset()) == {"control_flow_v2"}


def test_an_inherited_flag_is_not_asked_for() -> None:
    assert asked_flags(model(control_flow_v2=True), frozenset({"control_flow_v2"})) == frozenset()


@pytest.mark.parametrize(
    ("name", "formats"),
    [
        ("models/a.h5", ("keras",)),
        ("A.KERAS", ("keras_keras", "keras")),
        ("frozen.pb", ("tf_frozen_model",)),
        ("m/saved_model.pb", ("tf_saved_model", "keras_saved_model", "tf_hub")),
        ("model.json", ("tfjs_graph_model", "tfjs_layers_model")),
        ("models/folder", get_args(InputFormat)),
    ],
)
def test_what_a_file_name_tells(name: str, formats: tuple[str, ...]) -> None:
    assert formats_of_file(name) == formats
