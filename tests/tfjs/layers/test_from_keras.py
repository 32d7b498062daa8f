"""Configs of both generations of Keras as TensorFlow.js reads them, without Keras."""

from typing import Any

import pytest

from pipeline.errors import ConversionError
from pipeline.tfjs.layers.from_keras import Converted, convert_config

Json = dict[str, Any]


def tensor(name: str, call: int = 0, output: int = 0) -> Json:
    """Return a tensor as Keras 3 writes it."""
    config = {"shape": [None, 4], "dtype": "float32", "keras_history": [name, call, output]}
    return {"class_name": "__keras_tensor__", "config": config}


def layer(kind: str, name: str, *calls: Any, named: Json | None = None, **config: Any) -> Json:
    """Return a layer of Keras 3; each call is what it is given by position."""
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": {"name": name, **config},
        "registered_name": None,
        "build_config": {"input_shape": [None, 4]},
        "name": name,
        "inbound_nodes": [{"args": list(call), "kwargs": named or {}} for call in calls],
    }


def operation(kind: str, name: str, *given: Any) -> Json:
    return layer(kind, name, given) | {"module": "keras.src.ops.numpy"}


def given(name: str = "x", **config: Any) -> Json:
    dtype = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}}
    return layer("InputLayer", name, batch_shape=[None, 4], dtype=dtype, **config)


def model(*layers: Json, inputs: Any = None, outputs: Any) -> Json:
    config = {"name": "m", "layers": list(layers), "output_layers": outputs}
    return {
        "class_name": "Functional",
        "config": {**config, "input_layers": inputs or [["x", 0, 0]]},
    }


def convert(
    config: Json,
    *,
    outputs: tuple[str, ...],
    inputs: tuple[str, ...] = ("x",),
    keras_3: bool = True,
    shape: tuple[int | None, ...] | None = None,
) -> Converted:
    return convert_config(
        config, keras_3=keras_3, inputs=inputs, outputs=outputs, shape_of=lambda _way: shape
    )


def layers_of(converted: Converted) -> dict[str, Json]:
    return {one["config"]["name"]: one for one in converted.model["config"]["layers"]}


def test_a_config_of_keras_3_is_written_as_keras_2_did() -> None:
    policy = {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    dense = layer(
        "Dense",
        "d",
        [tensor("x")],
        units=2,
        activation="silu",
        dtype=policy,
        kernel_initializer={"module": "keras", "class_name": "Mine", "config": {}},
        bias_regularizer={"module": "keras", "class_name": "L2", "config": {"l2": 0.1}},
    )

    converted = convert(model(given(), dense, outputs=["d", 0, 0]), outputs=("d",))

    made = layers_of(converted)
    assert made["x"]["config"] == {
        "batch_input_shape": [None, 4],
        "dtype": "float32",
        "sparse": False,
        "name": "x",
    }
    assert made["d"] == {
        "class_name": "Dense",
        "config": {
            "name": "d",
            "units": 2,
            "activation": "swish",
            "dtype": "float32",
            "bias_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.1}},
        },
        "name": "d",
        "inbound_nodes": [[["x", 0, 0, {}]]],
    }
    assert converted.model["config"]["output_layers"] == [["d", 0, 0]]
    assert [weights.scope for weights in converted.weights] == ["d"]
    assert converted.repairs == []


def test_all_that_tensorflow_js_cannot_do_is_said_at_once() -> None:
    config = model(
        given(),
        layer("GRU", "g", [tensor("x")], units=2, reset_after=True),
        layer("Mine", "m", [tensor("g")]),
        layer("Conv2D", "c", [tensor("m")], groups=2),
        layer("UpSampling2D", "u", [tensor("c")], interpolation="bilinear"),
        operation("Einsum", "e", tensor("u")),
        outputs=["e", 0, 0],
    )

    with pytest.raises(ConversionError) as caught:
        convert(config, outputs=("e",))

    message = caught.value.message
    assert "g (GRU) has reset_after" in message
    assert "; m (Mine); " in message
    assert "c (Conv2D) has groups" in message
    assert "u (UpSampling2D) interpolates" in message
    assert "e (Einsum) is the operation einsum" in message
    assert "output_format: tfjs_graph_model" in str(caught.value.hint)


def test_many_unknown_layers_are_counted_and_the_reason_is_said_once() -> None:
    names = "abcdefg"
    before = ("x", *names)
    layers = [layer("Mine", name, [tensor(before[i])]) for i, name in enumerate(names)]
    config = model(given(), *layers, outputs=["g", 0, 0])

    with pytest.raises(ConversionError) as caught:
        convert(config, outputs=("g",))

    listed = "; ".join(f"{name} (Mine)" for name in "abcde")
    assert caught.value.message == f"TensorFlow.js has no layers for: {listed}; and 2 more"


@pytest.mark.parametrize(
    ("nested", "taken", "returned"),
    [
        # Keras 3 counts calls of a model from 0 in calls, of a functional one from 1 in outputs.
        pytest.param("Functional", 0, 1, id="functional"),
        pytest.param("Sequential", 0, 0, id="sequential"),
    ],
)
def test_calls_of_a_model_in_a_model_are_counted_as_tensorflow_js_does(
    nested: str, taken: int, returned: int
) -> None:
    inside = [given("in"), layer("Dense", "d", [tensor("in")], units=4)]
    ends: Json = {"input_layers": ["in", 0, 0], "output_layers": ["d", 0, 0]}
    inner = layer(nested, "inner", [tensor("x")], layers=inside, **ends)
    after = layer("ReLU", "after", [tensor("inner", taken)])
    config = model(given(), inner, after, outputs=[["inner", returned, 0], ["after", 0, 0]])

    converted = convert(config, outputs=("inner", "after"))

    assert layers_of(converted)["after"]["inbound_nodes"] == [[["inner", 1, 0, {}]]]
    assert converted.model["config"]["output_layers"] == [["inner", 1, 0], ["after", 0, 0]]
    assert [(w.scope, w.owner) for w in converted.weights] == [("d", ("inner", "d"))]


def test_one_name_in_two_models_becomes_two() -> None:
    inside = [given("in"), layer("Dense", "d", [tensor("in")], units=4)]
    ends: Json = {"input_layers": ["in", 0, 0], "output_layers": ["d", 0, 0]}
    inner = layer("Functional", "inner", [tensor("x")], layers=inside, **ends)
    last = layer("Dense", "d", [tensor("inner")], units=4)

    converted = convert(model(given(), inner, last, outputs=["d", 0, 0]), outputs=("d",))

    scopes = {weights.owner: weights.scope for weights in converted.weights}
    assert scopes == {("d",): "d", ("inner", "d"): "d_1"}
    assert converted.model["config"]["output_layers"] == [["d", 0, 0]]


def test_outputs_and_inputs_get_the_names_that_keras_gives_them() -> None:
    dense = layer("LSTM", "l", [tensor("x")], units=2, return_state=True)
    outputs = {"state": ["l", 0, 1], "last": ["l", 0, 0]}

    converted = convert(
        model(given(), dense, outputs=outputs), inputs=("picture",), outputs=("last", "state")
    )

    made = layers_of(converted)
    assert made["l"]["inbound_nodes"] == [[["picture", 0, 0, {}]]]
    assert converted.model["config"]["input_layers"] == [["picture", 0, 0]]
    assert converted.model["config"]["output_layers"] == [["last", 0, 0], ["state", 0, 0]]
    assert made["state"]["inbound_nodes"] == [[["l", 0, 1, {}]]]
    assert made["last"]["inbound_nodes"] == [[["l", 0, 0, {}]]]


def test_masks_that_tensorflow_js_makes_itself_are_left_to_it() -> None:
    mask = operation("NotEqual", "differs", tensor("x"), 0)
    config = model(
        given(),
        layer("Embedding", "e", [tensor("x")], input_dim=5, output_dim=2, mask_zero=True),
        mask,
        layer("LSTM", "l", [tensor("e")], named={"mask": tensor("differs")}, units=2),
        outputs=["l", 0, 0],
    )

    converted = convert(config, outputs=("l",))

    assert list(layers_of(converted)) == ["x", "e", "l"]


def test_another_mask_is_refused() -> None:
    mask = operation("NotEqual", "differs", tensor("x"), 3)
    table = layer("Embedding", "e", [tensor("x")], input_dim=5, output_dim=2, mask_zero=True)
    masked = layer("LSTM", "l", [tensor("e")], named={"mask": tensor("differs")}, units=2)

    with pytest.raises(ConversionError, match=r"l \(LSTM\) is called with a mask"):
        convert(model(given(), table, mask, masked, outputs=["l", 0, 0]), outputs=("l",))


def test_dropout_that_is_always_on_is_refused_for_keras_2() -> None:
    named = [["x", 0, 0, {"training": True}]]
    dropout = layer("Dropout", "d", rate=0.5) | {"inbound_nodes": [named]}

    with pytest.raises(ConversionError, match=r"d \(Dropout\) is called with training=True"):
        convert(model(given(), dropout, outputs=[["d", 0, 0]]), outputs=("d",), keras_3=False)


@pytest.mark.parametrize(
    ("kind", "given_by_position", "expected"),
    [
        pytest.param("Add", (tensor("x"), 3.0), [("Rescaling", 1.0, 3.0)], id="x + 3"),
        pytest.param("Subtract", (tensor("x"), 3.0), [("Rescaling", 1.0, -3.0)], id="x - 3"),
        pytest.param("Subtract", (3.0, tensor("x")), [("Rescaling", -1.0, 3.0)], id="3 - x"),
        pytest.param("Multiply", (2, tensor("x")), [("Rescaling", 2.0, 0.0)], id="2 * x"),
        pytest.param("TrueDivide", (tensor("x"), 4.0), [("Rescaling", 0.25, 0.0)], id="x / 4"),
        pytest.param("Add", (tensor("x"), tensor("x")), [("Add", None, None)], id="x + x"),
    ],
)
def test_arithmetic_becomes_layers(
    kind: str, given_by_position: Any, expected: list[tuple[Any, ...]]
) -> None:
    config = model(given(), operation(kind, "op", *given_by_position), outputs=["op", 0, 0])

    made = layers_of(convert(config, outputs=("op",)))

    found = [
        (one["class_name"], one["config"].get("scale"), one["config"].get("offset"))
        for name, one in made.items()
        if name != "x"
    ]
    assert found == expected


def test_sizes_that_follow_are_written_out() -> None:
    pool = layer("GlobalAveragePooling2D", "p", [tensor("x")], keepdims=True)

    converted = convert(
        model(given(), pool, outputs=["p", 0, 0]), outputs=("p",), shape=(None, 1, 1, 4)
    )

    made = layers_of(converted)
    assert [one["class_name"] for one in made.values()] == [
        "InputLayer",
        "GlobalAveragePooling2D",
        "Reshape",
    ]
    assert made["p"]["config"]["target_shape"] == [1, 1, 4]
    assert converted.repairs == [
        "GlobalAveragePooling2D layers replaced by layers that compute the same (1 in this model)"
    ]


@pytest.mark.parametrize(
    ("kind", "config", "expected"),
    [
        pytest.param("ReLU", {"negative_slope": 0.1}, ("LeakyReLU", {"alpha": 0.1}), id="slope"),
        pytest.param("ReLU", {"threshold": 2.0}, ("ThresholdedReLU", {"theta": 2.0}), id="from 2"),
        pytest.param("ReLU", {"max_value": [6.0]}, ("ReLU", {"max_value": 6.0}), id="up to 6"),
        pytest.param(
            "LeakyReLU", {"negative_slope": 0.3}, ("LeakyReLU", {"alpha": 0.3}), id="leaky"
        ),
        pytest.param("Softmax", {"axis": [2]}, ("Softmax", {"axis": 2}), id="list of axes"),
        pytest.param("RandomFlip", {}, ("Activation", {"activation": "linear"}), id="training"),
        pytest.param(
            "Activation",
            {"activation": "relu6"},
            ("Activation", {"activation": "relu6"}),
            id="relu6",
        ),
    ],
)
def test_options_find_the_layer_that_has_them(
    kind: str, config: Json, expected: tuple[str, Json]
) -> None:
    converted = convert(
        model(given(), layer(kind, "l", [tensor("x")], **config), outputs=["l", 0, 0]),
        outputs=("l",),
    )

    made = layers_of(converted)["l"]
    assert (made["class_name"], made["config"]) == (expected[0], {**expected[1], "name": "l"})


@pytest.mark.parametrize(
    ("kind", "config", "reason"),
    [
        pytest.param(
            "ReLU", {"max_value": 6.0, "threshold": 1.0}, "has max_value together", id="relu"
        ),
        pytest.param("ELU", {"alpha": 0.5}, "has an alpha other than 1", id="elu"),
        pytest.param("Softmax", {"axis": [1, 2]}, "has the axes 1, 2", id="softmax"),
        pytest.param("Conv1D", {"padding": "causal"}, "pads causally", id="causal"),
        pytest.param("Conv2DTranspose", {"dilation_rate": [2, 2]}, "is dilated", id="dilated"),
        pytest.param("Resizing", {}, "takes its pixels from other points", id="resizing"),
        pytest.param(
            "LSTM", {"activation": "hard_sigmoid"}, "applies hard_sigmoid inside", id="lstm"
        ),
        pytest.param(
            "Dense", {"activation": "exponential"}, "applies exponential", id="activation"
        ),
        pytest.param("LayerNormalization", {"rms_scaling": True}, "has rms_scaling", id="rms"),
        pytest.param("Normalization", {"invert": True}, "is inverted", id="inverted"),
        pytest.param(
            "TimeDistributed",
            {"layer": {"class_name": "Functional", "config": {"name": "inner", "layers": []}}},
            "holds a model",
            id="model in a wrapper",
        ),
    ],
)
def test_options_without_an_equal_are_refused(kind: str, config: Json, reason: str) -> None:
    wire = model(given(), layer(kind, "l", [tensor("x")], **config), outputs=["l", 0, 0])

    with pytest.raises(ConversionError, match=rf"l \({kind}\) {reason}"):
        convert(wire, outputs=("l",))


@pytest.mark.parametrize(
    "policy", ["mixed_float16", "mixed_bfloat16", "bfloat16", "float64", "float32", None]
)
def test_every_float_is_float32_in_tensorflow_js(policy: str | None) -> None:
    dtype = policy and {"class_name": "DTypePolicy", "config": {"name": policy}}
    relu = layer("Activation", "r", [tensor("x")], activation="relu")
    wire = model(
        {**given(), "config": {**given()["config"], "dtype": dtype}}, relu, outputs=["r", 0, 0]
    )

    assert layers_of(convert(wire, outputs=("r",)))["x"]["config"]["dtype"] == "float32"


def test_a_difference_is_a_sum_with_what_is_turned_round() -> None:
    subtract = layer("Subtract", "s", [tensor("x"), tensor("y")])
    config = model(
        given(), given("y"), subtract, inputs=[["x", 0, 0], ["y", 0, 0]], outputs=["s", 0, 0]
    )

    made = layers_of(convert(config, inputs=("x", "y"), outputs=("s",)))

    assert made["s_negative"]["config"] == {"scale": -1.0, "offset": 0.0, "name": "s_negative"}
    assert made["s_negative"]["inbound_nodes"] == [[["y", 0, 0, {}]]]
    assert made["s"]["inbound_nodes"] == [[["x", 0, 0, {}], ["s_negative", 0, 0, {}]]]
