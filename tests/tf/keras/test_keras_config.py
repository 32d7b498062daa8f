"""Configs of Keras: what would run code, what is foreign, what inference can do without."""

from typing import Any

import pytest

from pipeline.errors import ConversionError, FormatError
from pipeline.tf.keras.keras_1 import modernize, state_defaults
from pipeline.tf.keras.keras_config import REFUSED, Known, check_nesting, find_foreign, find_running
from pipeline.tf.keras.keras_config_edits import (
    drop_training,
    drop_unread,
    forget_states,
    state_modules,
    widen_floats,
)

Json = dict[str, Any]
KNOWN = Known(
    names=frozenset({"Dense", "LSTM", "Bidirectional", "Lambda", "relu", "Zeros", "Functional"}),
    qualified=frozenset({
        ("layers", "Dense"), ("layers", "LSTM"), ("layers", "Bidirectional"),
        ("layers.core.tf_op_layer", "TFOpLambda"), ("models.functional", "Functional"),
        ("engine.functional", "Functional"), ("initializers", "Zeros"), ("ops.nn", "Relu6"),
        ("activations", "relu"), ("dtype_policies", "DTypePolicy"),
    }),
)  # fmt: skip


def layer(kind: str, *, module: str | None = "keras.layers", **config: Any) -> Json:
    """Return the config of a layer called `it`; a module of None is left out."""
    stated = {} if module is None else {"module": module, "registered_name": None}
    return {"class_name": kind, "config": {"name": "it", **config}, **stated}


def model(*layers: Json, **others: Any) -> Json:
    return {
        "class_name": "Functional",
        "module": "keras.src.models.functional",
        "config": {"name": "model", "layers": list(layers)},
        **others,
    }


LAMBDA_2 = layer("Lambda", function=["4wEA", None, None], function_type="lambda")
LAMBDA_3 = layer("Lambda", function={"class_name": "__lambda__", "config": {"code": "4wEA"}})
SHAPE = layer("Lambda", function="abs", output_shape=["4wEA", None, None])


@pytest.mark.parametrize(
    ("found", "what"),
    [
        pytest.param(LAMBDA_2, "a Lambda layer, which is Python code", id="Keras 2"),
        pytest.param(LAMBDA_3, "Python code", id="Keras 3"),
        pytest.param(SHAPE, "a Lambda layer, which is Python code", id="its shape is code"),
        pytest.param(layer("TorchModuleWrapper"), "TorchModuleWrapper, which", id="a pickle"),
        pytest.param(layer("TFSMLayer", filepath="x"), "TFSMLayer, which", id="a model elsewhere"),
        pytest.param(
            layer("StringLookup", vocabulary="/etc/passwd"),
            "StringLookup, which reads the file '/etc/passwd'",
            id="words of a file",
        ),
        pytest.param(
            layer("TFOpLambda", function="io.read_file"), "a call of tf.io.read_file", id="tf.io"
        ),
        pytest.param(
            layer("TFOpLambda", function="py_function"), "a call of tf.py_function", id="Python"
        ),
        pytest.param(
            layer("ClassMethod", cls_symbol="io.gfile.GFile"), "a call of tf.io.gfile", id="class"
        ),
        pytest.param(
            layer("Bidirectional", layer=LAMBDA_2), "a Lambda layer", id="inside a wrapper"
        ),
        pytest.param(
            layer("TFOpLambda", function="keras.utils.get_file"),
            "a call of tf.keras.utils.get_file",
            id="through Keras",
        ),
        pytest.param(
            layer("TFOpLambda", function="compat.v1.write_file"),
            "a call of tf.compat.v1.write_file",
            id="TensorFlow 1",
        ),
        pytest.param(
            layer("TFOpLambda", function="raw_ops.Sin"), "a call of tf.raw_ops.Sin", id="raw ops"
        ),
        pytest.param(layer("TFOpLambda", function=["abs"]), "a call of tf.['abs']", id="no name"),
        pytest.param(
            layer("SlicingOpLambda", function="io.matching_files"), "a call of tf.io", id="slice"
        ),
        pytest.param(
            layer("InstanceMethod", attr_name="format"), "a call of tf.format", id="a method"
        ),
        pytest.param(
            layer("InstanceProperty", attr_name="__globals__"),
            "a call of tf.__globals__",
            id="an attribute",
        ),
        pytest.param(
            layer("ClassMethod", cls_symbol="RaggedTensor", method_name="__init_subclass__"),
            "a call of tf.RaggedTensor",
            id="a method of a class",
        ),
        pytest.param(
            layer("TensorFlowOpLayer", node_def={"op": "ReadFile"}),
            "an op of a TensorFlowOpLayer",
            id="an op that nobody judges",
        ),
        pytest.param(
            layer("ResidualWrapper", residual_fn=["4wEA"], residual_fn_type="lambda"),
            "a ResidualWrapper layer, which is Python code",
            id="a wrapper of cells",
        ),
        pytest.param(
            layer("EmbeddingColumn", ckpt_to_load_from="/etc/passwd"),
            "EmbeddingColumn, which reads the file '/etc/passwd'",
            id="weights of a file",
        ),
        pytest.param(
            layer("TextVectorization", vocabulary={"class_name": "__bytes__", "config": {}}),
            "TextVectorization, which reads the file",
            id="a path as bytes",
        ),
        pytest.param(
            layer("VocabularyFileCategoricalColumn"),
            "VocabularyFileCategoricalColumn, which reads a file of words",
            id="a column of a file",
        ),
        pytest.param(
            {
                "class_name": "function",
                "module": "keras.layers",
                "config": "TFSMLayer",
                "layer": {"class_name": "InputLayer", "config": {"name": "it"}},
            },
            "TFSMLayer, which loads",
            id="as a function",
        ),
    ],
)
def test_what_runs_code_is_found(found: Json, what: str) -> None:
    (one,) = find_running(model(found))

    assert one.description.startswith(what)
    assert one.layer in ("it", "model")


def test_a_class_without_a_config_is_judged_too() -> None:
    (one,) = find_running(model({"class_name": "TFSMLayer"}))

    assert one.description.startswith("TFSMLayer, which loads a SavedModel")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_does_more_than_compute_is_refused_by_name(name: str) -> None:
    (one,) = find_running(model(layer(name)))

    assert one.description == f"{name}, which {REFUSED[name]}"


def test_an_op_is_judged_by_whoever_can() -> None:
    config = model(layer("TensorFlowOpLayer", node_def={"op": "Sin"}))

    assert find_running(config, judge_op=lambda _: None) == []
    (one,) = find_running(config, judge_op=lambda options: f"op {options['node_def']['op']}")
    assert one.description == "op Sin"


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(layer("StringLookup", vocabulary=["cat"]), id="words"),
        pytest.param(layer("TFOpLambda", function="math.reduce_mean"), id="tf.math"),
        pytest.param(layer("TFOpLambda", function="concat"), id="tf"),
        pytest.param(layer("TFOpLambda", function="__operators__.add"), id="an operator"),
        pytest.param(layer("TFOpLambda", function="compat.v1.nn.softmax"), id="TensorFlow 1"),
        pytest.param(layer("InstanceProperty", attr_name="shape"), id="an attribute"),
        pytest.param(layer("Lambda", function="abs", function_type="function"), id="by name"),
        pytest.param(layer("Dense", activation="relu"), id="a layer"),
    ],
)
def test_what_computes_is_not(sound: Json) -> None:
    assert find_running(model(sound)) == []


@pytest.mark.parametrize(
    ("node", "what"),
    [
        pytest.param(
            layer("Mish", module="pack.layers"), "class 'Mish' of pack.layers", id="class"
        ),
        pytest.param(layer("Mish", module=None), "class 'Mish'", id="without module"),
        pytest.param(
            {**layer("Mish", module="pack"), "registered_name": "pack>Mish"},
            "class 'Mish' of pack",
            id="registered",
        ),
        pytest.param(
            layer("get_file", module="keras.utils"), "class 'get_file' of keras.utils", id="utils"
        ),
        pytest.param(
            layer("load_model", module="keras.models"), "class 'load_model'", id="a loader"
        ),
        pytest.param(
            layer("Dense", activation={"class_name": "function", "config": "f", "module": "m"}),
            "function 'f' of m",
            id="function",
        ),
        pytest.param(
            layer(
                "Dense",
                activation={"class_name": "function", "config": "eval", "module": "builtins"},
            ),
            "function 'eval'",
            id="Python's own",
        ),
        pytest.param(
            {"class_name": "__typespec__", "spec_name": "X", "module": "os", "config": []},
            "class '__typespec__' of os",
            id="type",
        ),
        pytest.param(
            layer("Dense", module="keras.src.utils.file_utils"), "class 'Dense' of", id="elsewhere"
        ),
        pytest.param(layer("Dense", module="os"), "class 'Dense' of os", id="a known name"),
        pytest.param(layer("Dense", module="kerasx"), "class 'Dense' of kerasx", id="a like name"),
        pytest.param(
            {**layer("Dense"), "registered_name": "pack>Dense"},
            "class 'Dense' of keras.layers",
            id="a name of its own",
        ),
        pytest.param(
            layer(
                "Dense",
                activation={
                    "class_name": "function",
                    "config": "enable_unsafe_deserialization",
                    "module": "keras.config",
                },
            ),
            "function 'enable_unsafe_deserialization' of keras.config",
            id="a switch as an activation",
        ),
        pytest.param(
            layer("Dense", activation={"class_name": "function", "config": {"a": 1}}),
            "function \"{'a': 1}\"",
            id="no name",
        ),
        pytest.param({"class_name": "Mish"}, "class 'Mish'", id="without config"),
        pytest.param(
            layer("\x1b[2J\u202e" + "x" * 99, module="a\nb"),
            "class '\\x1b[2J\\u202e" + "x" * 75 + "…' of a\\nb",
            id="unprintable",
        ),
    ],
)
def test_what_is_foreign_is_found(node: Json, what: str) -> None:
    (one,) = find_foreign(model(node), KNOWN)

    assert one.description.startswith(what)


@pytest.mark.parametrize(
    "node",
    [
        pytest.param(layer("Dense", module=None), id="without module"),
        pytest.param(layer("Relu6", module="keras.src.ops.nn"), id="an operation"),
        pytest.param(layer("TFOpLambda", module="tf_keras.src.layers.core.tf_op_layer"), id="op"),
        pytest.param(layer("DTypePolicy", module="keras.dtype_policies"), id="a policy"),
        pytest.param(layer("Functional", module="keras.engine.functional"), id="Keras 2.12"),
        pytest.param(layer("Functional", module="keras.src.engine.functional"), id="Keras 2.13"),
        pytest.param(layer("Lambda", module=None), id="judged by what it calls"),
        pytest.param(
            layer(
                "Dense",
                activation={"class_name": "function", "config": "relu", "module": "builtins"},
            ),
            id="function",
        ),
        pytest.param({"class_name": "__tuple__", "config": [1, 2]}, id="a value"),
        pytest.param({"class_name": "TensorShape", "items": [None, 3]}, id="a shape"),
    ],
)
def test_what_keras_has_is_not_foreign(node: Json) -> None:
    assert find_foreign(model(node), KNOWN) == []


def test_what_only_training_reads_is_dropped() -> None:
    mine = {"class_name": "Mine", "module": "pack", "config": {}}
    config = model(
        layer("Dense", kernel_initializer=mine, bias_regularizer=mine, kernel_constraint=mine),
        compile_config={"loss": mine},
    )
    dropped = drop_unread(config, KNOWN)

    assert find_foreign(dropped, KNOWN) == []
    inner = dropped["config"]["layers"][0]["config"]
    assert inner == {
        "name": "it",
        "kernel_initializer": "zeros",
        "bias_regularizer": None,
        "kernel_constraint": None,
    }
    assert dropped["compile_config"] is None


def test_initializers_of_keras_stay() -> None:
    zeros = {"class_name": "Zeros", "module": "keras.initializers", "config": {}}
    config = model(layer("Dense", kernel_initializer=zeros))

    assert drop_unread(config, KNOWN) == config


@pytest.mark.parametrize("name", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
def test_small_floats_become_float32(name: str) -> None:
    policy = {"class_name": "DTypePolicy", "module": "keras", "config": {"name": name}}
    config = model(layer("Dense", dtype=policy), layer("Cast", dtype=name))

    layers = widen_floats(config)["config"]["layers"]
    assert [one["config"]["dtype"] for one in layers] == ["float32", "float32"]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "bool", "string"])
def test_other_dtypes_stay(dtype: str) -> None:
    config = model(layer("Dense", dtype=dtype))

    assert widen_floats(config) == config


def test_states_are_forgotten_in_wrappers_too() -> None:
    config = model(layer("Bidirectional", layer=layer("LSTM", stateful=True), stateful=False))

    assert forget_states(config)["config"]["layers"][0]["config"]["layer"]["config"] == {
        "name": "it",
        "stateful": False,
    }


def test_layers_and_operations_of_one_name_are_told_apart() -> None:
    config = model(layer("Add", module=None, trainable=True), layer("Add", module=None))
    stated = state_modules(config, ({"Add": "keras.layers"}, {"Add": "keras.src.ops.numpy"}))

    modules = [one["module"] for one in stated["config"]["layers"]]
    assert modules == ["keras.layers", "keras.src.ops.numpy"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        pytest.param(
            {"class_name": "\ud800", "config": {}},
            r"'\\ud800', no Unicode text",
            id="half a letter",
        ),
        pytest.param({"\udfff": 1}, "no Unicode text", id="a key"),
        pytest.param({"class_name": ["Dense"], "config": {}}, "called \"\\['Dense'", id="a list"),
        pytest.param(
            {"class_name": None, "config": {}}, "a class that is called 'None'", id="null"
        ),
    ],
)
def test_what_is_no_config_is_told(config: Json, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        check_nesting(model(layer("Dense", inner=[config])))


def test_a_config_is_nested_as_deeply_as_models_are() -> None:
    config: Any = 1
    for _ in range(150):
        config = {"layer": config}
    check_nesting(config)

    for _ in range(100):
        config = [config]
    with pytest.raises(FormatError, match="nested deeper than 200"):
        check_nesting(config)


@pytest.mark.parametrize("value", [None, 1, "text", [], [[None]], {"config": 3}, {"name": {}}])
def test_any_json_is_gone_through(value: Any) -> None:
    config = model(layer("Dense", dtype=value), value, layers=value, class_name="Functional")
    config = state_modules(forget_states(widen_floats(drop_unread(config, KNOWN))), ({}, {}))

    check_nesting(config)
    assert find_running(config) == find_foreign(config, KNOWN) == []


def test_what_training_reads_is_not_judged_once_it_is_dropped() -> None:
    config = {"nodes": [{"class_name": "Dense", "config": {}, "training_config": LAMBDA_3}]}

    assert find_running(config)
    assert find_running(drop_training(config)) == []


# --- Keras 1 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            layer(
                "Convolution2D", nb_filter=8, nb_row=3, nb_col=5, border_mode="same",
                subsample=[2, 2], dim_ordering="tf", bias=True, init="glorot_uniform",
                activation="relu", W_regularizer=None, b_constraint=None, input_dtype="float32",
            ),
            layer(
                "Conv2D", filters=8, kernel_size=[3, 5], padding="same", strides=[2, 2],
                data_format="channels_last", use_bias=True, activation="relu", dtype="float32",
            ),
            id="convolution",
        ),
        pytest.param(
            layer("LSTM", output_dim=4, inner_activation="hard_sigmoid", dropout_W=0.1,
                  dropout_U=0.2, consume_less="cpu", inner_init="orthogonal", input_dim=3),
            layer("LSTM", units=4, recurrent_activation="hard_sigmoid", dropout=0.1,
                  recurrent_dropout=0.2),
            id="recurrent",
        ),
        pytest.param(
            layer("Embedding", input_dim=20, output_dim=4, input_length=7, mask_zero=True),
            layer("Embedding", input_dim=20, output_dim=4, input_length=7, mask_zero=True),
            id="embedding",
        ),
        pytest.param(layer("Dropout", p=0.5), layer("Dropout", rate=0.5), id="dropout"),
        pytest.param(
            layer("MaxPooling1D", pool_length=2, stride=2, border_mode="valid"),
            layer("MaxPooling1D", pool_size=2, strides=2, padding="valid"),
            id="pooling",
        ),
        pytest.param(
            layer("BatchNormalization", mode=0, axis=-1, momentum=0.9, beta_init="zero"),
            layer("BatchNormalization", axis=-1, momentum=0.9),
            id="batch normalization",
        ),
        pytest.param(
            layer("Merge", mode="concat", concat_axis=-1, mode_type="raw"),
            layer("Concatenate", axis=-1),
            id="merge",
        ),
        pytest.param(
            layer("TimeDistributed", layer=layer("Dense", output_dim=3)),
            layer("TimeDistributed", layer=layer("Dense", units=3)),
            id="wrapper",
        ),
        pytest.param(
            layer("TimeDistributedDense", output_dim=3, activation="relu"),
            layer("TimeDistributed", layer={"class_name": "Dense", "config": {
                "name": "it", "units": 3, "activation": "relu"}}),
            id="time-distributed dense",
        ),
    ],
)  # fmt: skip
def test_words_of_keras_1_become_those_of_keras_2(old: Json, new: Json) -> None:
    assert modernize(old) == new
    assert modernize({"class_name": "Sequential", "config": [old]})["config"] == [new]
    assert modernize(new) == new


@pytest.mark.parametrize(
    ("old", "message"),
    [
        pytest.param(layer("Highway"), "'it' is a Highway of Keras 1", id="gone"),
        pytest.param(layer("BatchNormalization", mode=2), "mode 2 of Keras 1", id="mode"),
        pytest.param(layer("Merge", mode="sum", layers=[1]), "as Keras 1 alone can", id="branches"),
    ],
)
def test_what_keras_1_alone_has_is_said(old: Json, message: str) -> None:
    with pytest.raises(ConversionError, match=message):
        modernize(model(old))


def test_an_old_gru_resets_before() -> None:
    config = model(layer("GRU", units=3), layer("GRU", units=3, reset_after=True))

    layers = state_defaults(config)["config"]["layers"]
    assert [one["config"]["reset_after"] for one in layers] == [False, True]
