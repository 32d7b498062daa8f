"""The configuration of layers models, in the forms that it is found in."""

from typing import Any

import pytest
from layers_models import dense, functional, image, layer, sequential

from pipeline.errors import FormatError
from pipeline.tfjs.model.layers_topology import parse_layers, unique_names

INNER = functional([image("in"), dense("out", "in")], inputs=["in"], outputs=["out"])
NESTED = {**INNER, "name": "inner", "inbound_nodes": [[["image", 0, 0, {}]]]}


@pytest.mark.parametrize(
    "topology",
    [
        pytest.param({"model_config": functional([image(), dense()], outputs=["score"])}, id="new"),
        pytest.param(functional([image(), dense()], outputs=["score"]), id="bare"),
        pytest.param({"model_config": sequential(image(), dense())}, id="sequential"),
        pytest.param(
            {
                "class_name": "Sequential",
                "config": sequential(image(), dense())["config"]["layers"],
            },
            id="bare list of early Keras",
        ),
    ],
)
def test_names_and_layers_of_every_form(topology: Any) -> None:
    model = parse_layers(topology)

    assert model.input_names() == ["image"]
    assert model.output_names() == ["score"]
    assert model.count_layers() == {"Dense": 1, "InputLayer": 1}


def test_a_sequential_model_without_an_input_layer_gets_one() -> None:
    first = layer("Dense", "first", units=2, batch_input_shape=[None, 8])

    model = parse_layers(sequential(first, layer("Dense", "last", units=2)))

    assert (model.input_names(), model.output_names()) == (["first_input"], ["last"])


def test_a_sequential_model_of_one_model_keeps_its_names() -> None:
    model = parse_layers(sequential(INNER | {"name": "inner"}))

    assert (model.input_names(), model.output_names()) == (["in"], ["out"])


def test_two_outputs_of_one_layer_are_told_apart() -> None:
    states = layer("LSTM", "lstm", ["image"], units=3, return_state=True)
    outputs = [("lstm", 0, 0), ("lstm", 0, 1), ("lstm", 0, 2)]

    model = parse_layers(functional([image(), states], outputs=outputs))

    assert model.output_names() == ["lstm", "lstm_1", "lstm_2"]


def test_a_number_that_another_name_has_is_passed_over() -> None:
    assert unique_names(["a", "a", "a_1", "b"]) == ["a", "a_2", "a_1", "b"]


def test_what_tensorflow_js_does_not_have_is_listed_by_class() -> None:
    wrapped = layer("TimeDistributed", "each", ["image"], layer=layer("Mine", "one"))
    layers = [image(), wrapped, layer("Theirs", "two", ["each"]), layer("Mine", "three", ["two"])]

    model = parse_layers(functional(layers, outputs=["three"]))

    assert model.missing_layers() == {"Mine": ["one", "three"], "Theirs": ["two"]}


def test_layers_in_layers_count() -> None:
    stacked = layer("RNN", "rnn", ["image"], cell=layer("StackedRNNCells", "s", cells=[]))

    counts = parse_layers(functional([image(), NESTED, stacked], outputs=["rnn"])).count_layers()

    assert counts == {
        "Dense": 1,
        "Functional": 1,
        "InputLayer": 2,
        "RNN": 1,
        "StackedRNNCells": 1,
    }


@pytest.mark.parametrize(
    ("topology", "message"),
    [
        pytest.param({}, "class_name: missing; expected the class of a Keras model", id="nothing"),
        pytest.param(
            {"node": []}, "class_name: missing; expected the class of a Keras model", id="graph"
        ),
        pytest.param({"class_name": "Sequential", "config": []}, "has no layers", id="empty"),
        pytest.param(
            {"class_name": "Sequential", "config": {"layers": [3]}},
            r"layers\[0\]: 3; expected an object",
            id="number for a layer",
        ),
    ],
)
def test_what_is_no_keras_model_is_refused(topology: Any, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parse_layers(topology)
