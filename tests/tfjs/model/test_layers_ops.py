"""Layers models as graphs: what roles and contracts read of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layers_models import dense, functional, image, layer, sequential, write_layers_model
from signatures import Port, inputs_of, signature_of

from pipeline.proof.inputs.find_contracts import find_contracts
from pipeline.proof.judge.selection import outputs_behind_selection
from pipeline.records.source import Conversion
from pipeline.roles.evidence.structure import SOFTMAX, Structure
from pipeline.roles.infer import infer_roles
from pipeline.tfjs.model.layers_ops import layers_as_topology
from pipeline.tfjs.model.layers_topology import parse_layers
from pipeline.tfjs.model.model_json import load_model_json

Json = dict[str, Any]


def structure(model: Json) -> Structure:
    return Structure(layers_as_topology(parse_layers(model)))


def facts(tmp_path: Path, model: Json, *, dtype: str = "float32") -> Json:
    path = write_layers_model(tmp_path / "m", model, weights={})
    given = inputs_of(Port(name="image", tensor="image", shape=(None, 8), dtype=dtype))
    found = find_contracts(load_model_json(path), path.parent, given, Conversion())["image"]
    return found.model_dump(exclude={"evidence"}, exclude_none=True)


INNER = functional([image("in"), dense("out", "in")], inputs=["in"], outputs=["out"])


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(functional([image(), dense()], outputs=["score"]), id="in the layer"),
        pytest.param(
            functional(
                [
                    image(),
                    dense("logits", activation="linear"),
                    layer("Softmax", "score", ["logits"]),
                ],
                outputs=["score"],
            ),
            id="layer of its own",
        ),
        pytest.param(
            sequential(image(), dense("logits"), layer("Dropout", "score", rate=0.5)), id="dropout"
        ),
        pytest.param(
            functional(
                [image(), {**INNER, "name": "score", "inbound_nodes": [[["image", 0, 0, {}]]]}],
                outputs=[("score", 1, 0)],
            ),
            id="model in the model",
        ),
    ],
)
def test_where_an_output_comes_from(model: Json) -> None:
    assert structure(model).activation("score") == SOFTMAX


def test_a_linear_layer_is_linear_and_a_softmax_is_not() -> None:
    layers = [image(), dense("logits", activation="linear"), dense("score", "logits")]

    made = structure(functional(layers, outputs=["logits", "score"]))

    assert (made.is_linear("logits"), made.is_linear("score")) == (True, False)


def test_each_call_of_a_shared_layer_has_its_own_origin() -> None:
    soft = layer("Softmax", "soft", ["image"])
    shared = layer("Add", "sum", ["soft", "soft"], ["image", "image"])
    outputs = [("sum", 0, 0), ("sum", 1, 0)]

    made = structure(functional([image(), soft, shared], outputs=outputs))

    assert "Softmax" in made.ancestor_ops("sum")
    assert "Softmax" not in made.ancestor_ops("sum_1")


def test_states_of_a_recurrent_layer_come_from_it() -> None:
    lstm = layer("LSTM", "lstm", ["image"], units=3, return_state=True)
    outputs = [("lstm", 0, 0), ("lstm", 0, 2)]

    made = structure(functional([image(shape=(None, 4, 8)), lstm], outputs=outputs))

    assert [node.op for node in made.origins("lstm_1")] == ["LSTM"]


def test_a_classifier_gets_its_role(tmp_path: Path) -> None:
    path = write_layers_model(tmp_path / "m")
    topology = layers_as_topology(parse_layers(load_model_json(path).content["modelTopology"]))
    rng = np.random.default_rng(0)
    values = rng.dirichlet(np.ones(4), 3).astype(np.float32)
    signature = signature_of(
        [Port(name="image", tensor="image", shape=(None, 8))],
        [Port(name="score", tensor="score", shape=(None, 4))],
    )

    found = infer_roles(
        signature=signature,
        topology=topology,
        task="image-classification",
        outputs=[{"score": row[None]} for row in values],
        manifest_map=None,
    )

    assert found.map["scores"] == "score"
    assert outputs_behind_selection(topology, ["score"]) == {}


def test_ids_are_below_the_rows_of_the_table(tmp_path: Path) -> None:
    table = layer("Embedding", "table", ["image"], input_dim=17, output_dim=4)
    model = functional([image(dtype="int32"), table], outputs=["table"])

    assert facts(tmp_path, model, dtype="int32") == {"vocabulary": 17}


def test_pixels_are_what_the_rescaling_is_made_for(tmp_path: Path) -> None:
    scaled = layer("Rescaling", "scaled", ["image"], scale=1 / 127.5, offset=-1.0)
    model = functional([image(), scaled, dense(taken="scaled")], outputs=["score"])

    assert facts(tmp_path, model) == {"range": (0.0, 255.0)}


def test_what_the_layers_do_not_say_is_left_out(tmp_path: Path) -> None:
    assert facts(tmp_path, functional([image(), dense()], outputs=["score"])) == {}
