"""Operators of ai.onnx.ml against ONNX Runtime: linear models, vectors, trees, encoders."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from classic_models import (
    Converted,
    convert,
    draw_tree,
    draw_weights,
    make_model,
    node,
    tree_attributes,
)
from onnx import helper, numpy_helper
from onnx_and_runtime import run_in_runtime
from run_cases import read_outputs, run_folders

from pipeline.errors import ConversionError, FormatError
from pipeline.proof.inputs.graph_front import GraphFront
from pipeline.tfjs.model.model_json import load_model_json

pytestmark = pytest.mark.tensorflow

_FEATURES = 4
_BRANCHES = ("LEQ", "LT", "GTE", "GT", "EQ", "NEQ")
_TRANSFORMS = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")
_STEPS = (-1.0, 0.0, 0.5, 1.0, 2.0)
_TEXTS = ["ant", "bee", "cat", "dog", "elk"]
_NUMBERS = [7, 3, 5, 1, 2]


def draw(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def listed(array: Any) -> list[float]:
    return [float(number) for number in np.ravel(array)]


def samples(values: Sequence[float] | None = None, *, count: int = 60) -> Any:
    """Return samples with missing and infinite numbers."""
    generator = np.random.default_rng(1)
    rows = generator.normal(size=(count, _FEATURES))
    if values is not None:
        rows = generator.choice(values, rows.shape)
    rows[generator.random(rows.shape) < 0.15] = np.nan
    rows[generator.random(rows.shape) < 0.05] = np.inf
    rows[generator.random(rows.shape) < 0.05] = -np.inf
    return rows.astype(np.float32)


def one(op: str, dtype: str = "float32", output: Any = "float32", **attributes: Any) -> Any:
    """Return a model of one operator with one output."""
    shape = ["batch", _FEATURES]
    version = attributes.pop("version", 3)
    return make_model(
        [node(op, ["x"], ["y"], **attributes)],
        {"x": (dtype, shape)},
        {"y": output},
        version=version,
    )


def classifier(
    op: str, *, texts: bool, count: int, numbers: str = "ints", **attributes: Any
) -> Any:
    """Return a model of a classifier."""
    classes: dict[str, list[Any]] = {"classlabels_strings": _TEXTS[:count]}
    if not texts:
        classes = {f"classlabels_{numbers}": _NUMBERS[:count]}
    return make_model(
        [node(op, ["x"], ["label", "scores"], **classes, **attributes)],
        {"x": ("float32", ["batch", _FEATURES])},
        {"label": "str" if texts else "int64", "scores": "float32"},
    )


def check(model: onnx.ModelProto, rows: Any, *, within: float = 2e-5) -> Converted:
    """Compare the outputs of a model to those of ONNX Runtime; texts by their labels."""
    inputs = {"x": rows}
    made = convert(model, inputs)
    names = [end.name for end in model.graph.output]
    for name, found, wanted in zip(names, made.outputs, run_in_runtime(model, inputs), strict=True):
        if isinstance(wanted, list):
            rows = np.array([[each[key] for key in made.labels[name][1]] for each in wanted])
            np.testing.assert_allclose(found, rows, rtol=within)
        elif wanted.dtype.kind in "OUS":
            assert made.labels[name][0] == "values"
            np.testing.assert_array_equal(np.array(made.labels[name][1], object)[found], wanted)
        elif wanted.dtype.kind in "iu":
            np.testing.assert_array_equal(found, wanted)
        else:
            np.testing.assert_allclose(found, wanted, rtol=within, atol=within)
    return made


def grow(
    modes: Sequence[str], depths: Sequence[int] = (3, 4, 0, 5), values: Sequence[float] = _STEPS
) -> tuple[np.random.Generator, list[Any]]:
    generator = np.random.default_rng(len(modes) + len(values))
    named = [f"BRANCH_{mode}" for mode in modes]
    return generator, [
        draw_tree(generator, depth, named, features=_FEATURES, values=values) for depth in depths
    ]


@pytest.mark.parametrize("misses", [False, True], ids=["", "missing"])
@pytest.mark.parametrize(
    "modes", [*((mode,) for mode in _BRANCHES), _BRANCHES, ("LT", "GTE")], ids=",".join
)
def test_samples_go_down_trees_as_in_onnx_runtime(modes: Sequence[str], *, misses: bool) -> None:
    generator, trees = grow(modes)
    weights = draw_weights(generator, trees, [0])
    attributes = tree_attributes(trees, weights, "target", misses=misses)

    check(one("TreeEnsembleRegressor", n_targets=1, **attributes), samples(_STEPS))


@pytest.mark.parametrize("mode", ["LEQ", "LT"])
def test_thresholds_may_be_infinite(mode: str) -> None:
    generator, trees = grow([mode], values=(-np.inf, 0.0, np.inf))
    weights = draw_weights(generator, trees, [0])
    attributes = tree_attributes(trees, weights, "target", misses=True)

    check(one("TreeEnsembleRegressor", n_targets=1, **attributes), samples((-1.0, 0.0, 3.0)))


@pytest.mark.parametrize("alone", [False, True], ids=["all targets a leaf", "one target a tree"])
@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("function", ["SUM", "AVERAGE", "MIN", "MAX"])
def test_leaves_add_up_as_in_onnx_runtime(function: str, targets: int, *, alone: bool) -> None:
    generator, trees = grow(["LEQ"], (3, 4, 2, 3))
    weights = draw_weights(generator, trees, range(targets))
    if alone:
        weights = {key: [found[key[0] % targets]] for key, found in weights.items()}
    attributes = tree_attributes(trees, weights, "target")
    model = one(
        "TreeEnsembleRegressor", n_targets=targets, aggregate_function=function,
        base_values=[0.1, 0.2, 0.3][:targets], **attributes,
    )  # fmt: skip

    check(model, samples())


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize("positive", [False, True], ids=["any weights", "positive weights"])
@pytest.mark.parametrize(
    ("count", "targets", "base"),
    [
        (2, [0], 0), (2, [0], 1), (2, [0], 2), (2, [1], 0), (2, [1], 1), (2, [1], 2),
        (2, [0, 1], 0), (2, [0, 1], 1), (2, [0, 1], 2), (3, [0, 1, 2], 0), (3, [0, 1, 2], 3),
        (3, [0, 2], 0),
    ],
)  # fmt: skip
def test_trees_choose_classes_as_in_onnx_runtime(
    count: int, targets: list[int], base: int, transform: str, *, positive: bool
) -> None:
    generator, trees = grow(["LT"], (3, 3, 3))
    weights = draw_weights(generator, trees, targets, positive=positive)
    attributes = tree_attributes(trees, weights, "class")
    if base:
        attributes["base_values"] = [0.1, 0.2, 0.3][:base]
    model = classifier(
        "TreeEnsembleClassifier", texts=positive, count=count, numbers="int64s",
        post_transform=transform, **attributes,
    )  # fmt: skip

    check(model, samples())


def test_a_class_without_a_reached_weight_is_not_chosen() -> None:
    generator, trees = grow(["LT"], (3, 3, 3))
    weights = draw_weights(generator, trees, [0, 1, 2])
    kept = {
        key: [(target, -abs(weight)) for target, weight in found if target != key[1] % 3]
        for key, found in weights.items()
    }
    attributes = tree_attributes(trees, kept, "class")

    check(
        classifier("TreeEnsembleClassifier", texts=False, count=3, numbers="int64s", **attributes),
        samples(),
    )


def test_leaves_that_change_their_class_are_refused_for_two_classes() -> None:
    generator, trees = grow(["LT"], (3,))
    weights = {
        key: found[key[1] % 2 :][:1]
        for key, found in draw_weights(generator, trees, [0, 1]).items()
    }
    model = classifier(
        "TreeEnsembleClassifier", texts=False, count=2, numbers="int64s",
        **tree_attributes(trees, weights, "class"),
    )  # fmt: skip

    with pytest.raises(ConversionError, match="some of its leaves have weights of both classes"):
        convert(model, {"x": samples()})


def test_trees_with_sets_and_leaves_of_their_own() -> None:
    """TreeEnsemble, version 5: six ways to compare, and two sets."""
    generator = np.random.default_rng(5)
    count, leaves = 8, 9
    model = one(
        "TreeEnsemble", version=5, n_targets=2, aggregate_function=1, post_transform=0,
        tree_roots=[0],
        nodes_modes=numpy_helper.from_array(np.array([6, 0, 1, 2, 3, 4, 5, 6], np.uint8)),
        nodes_featureids=[int(n) for n in generator.integers(_FEATURES, size=count)],
        nodes_splits=numpy_helper.from_array(generator.choice(_STEPS, count).astype(np.float32)),
        nodes_truenodeids=[1, 3, 5, 0, 2, 4, 6, 7],
        nodes_trueleafs=[0, 0, 0, 1, 1, 1, 1, 1],
        nodes_falsenodeids=[2, 4, 6, 1, 3, 7, 5, 8],
        nodes_falseleafs=[0, 0, 0, 1, 1, 0, 1, 1],
        membership_values=numpy_helper.from_array(
            np.array([-1, 2, np.nan, 1, 2, 0, np.nan], np.float32)
        ),
        leaf_targetids=[n % 2 for n in range(leaves)],
        leaf_weights=numpy_helper.from_array(generator.normal(size=leaves).astype(np.float32)),
    )  # fmt: skip

    check(model, np.random.default_rng(2).choice(_STEPS, (80, _FEATURES)).astype(np.float32))


def test_a_float64_threshold_parts_float32_numbers_as_before() -> None:
    """0.1 lies between two numbers of float32; that above it is the nearest."""
    near = np.float32(0.1)
    for mode in ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_EQ"):
        trees: list[list[Any]] = [
            [
                {"mode": mode, "feature": 0, "value": 0, "true": 1, "false": 2, "misses": 0},
                *({"mode": "LEAF", "feature": 0, "value": 0, "true": 0, "false": 0, "misses": 0},)
                * 2,
            ]
        ]
        attributes = tree_attributes(trees, {(0, 1): [(0, 1.0)], (0, 2): [(0, 2.0)]}, "target")
        del attributes["nodes_values"], attributes["target_weights"]
        model = one(
            "TreeEnsembleRegressor", "float64", n_targets=1, **attributes,
            nodes_values_as_tensor=numpy_helper.from_array(np.array([0.1, 0, 0])),
            target_weights_as_tensor=numpy_helper.from_array(np.array([1.0, 2.0])),
        )  # fmt: skip
        rows = np.zeros((3, _FEATURES), np.float32)
        rows[:, 0] = [np.nextafter(near, np.float32(0)), near, 1]

        made = convert(model, {"x": rows})

        expected = run_in_runtime(model, {"x": rows.astype(np.float64)})[0]
        np.testing.assert_array_equal(made.outputs[0], expected)
        assert any("thresholds are float64" in note for note in made.repairs)


@pytest.mark.parametrize("transform", _TRANSFORMS)
@pytest.mark.parametrize("scores", [1, 2, 3])
def test_linear_classifiers(scores: int, transform: str) -> None:
    model = classifier(
        "LinearClassifier", texts=transform == "SOFTMAX", count=max(scores, 2),
        post_transform=transform,
        coefficients=listed(draw(2, scores, _FEATURES)), intercepts=listed(draw(3, scores)),
    )  # fmt: skip

    check(model, draw(4, 40, _FEATURES))


@pytest.mark.parametrize("transform", _TRANSFORMS)
@pytest.mark.parametrize("targets", [1, 3])
def test_linear_regressors(targets: int, transform: str) -> None:
    model = one(
        "LinearRegressor", targets=targets, post_transform=transform,
        coefficients=listed(draw(2, targets, _FEATURES)), intercepts=listed(draw(3, targets)),
    )  # fmt: skip

    made = check(model, draw(4, 40, _FEATURES))

    assert any("is left out" in note for note in made.repairs) == (
        targets == 1 and transform != "NONE"
    )


def test_quantiles_of_chances() -> None:
    model = one(
        "LinearRegressor", targets=2, post_transform="PROBIT",
        coefficients=listed(draw(2, 2, _FEATURES) * 0.05), intercepts=[0.3, 0.7],
    )  # fmt: skip

    check(model, draw(4, 40, _FEATURES), within=1e-4)


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC"])
@pytest.mark.parametrize("chances", [False, True], ids=["votes", "chances"])
@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("kernel", ["LINEAR", "POLY", "RBF", "SIGMOID"])
def test_support_vectors_of_classes(
    kernel: str, count: int, transform: str, *, chances: bool
) -> None:
    owned = [1 + number % 3 for number in range(count)]
    pairs = count * (count - 1) // 2
    more: dict[str, Any] = {}
    if chances:
        more = {"prob_a": listed(-np.abs(draw(6, pairs))), "prob_b": listed(draw(7, pairs) * 0.1)}
    model = classifier(
        "SVMClassifier", texts=chances, count=count, post_transform=transform, kernel_type=kernel,
        kernel_params=[0.3, 0.7, 3.0], support_vectors=listed(draw(2, sum(owned), _FEATURES)),
        coefficients=listed(draw(3, count - 1, sum(owned))), rho=listed(draw(5, pairs)),
        vectors_per_class=owned, **more,
    )  # fmt: skip

    check(model, draw(4, 40, _FEATURES), within=5e-5)


@pytest.mark.parametrize("positive", [False, True], ids=["any weights", "positive weights"])
@pytest.mark.parametrize("count", [2, 3])
def test_vectors_without_support_are_linear(count: int, *, positive: bool) -> None:
    weights = draw(2, count, _FEATURES)
    model = classifier(
        "SVMClassifier", texts=False, count=count, rho=[0.2], kernel_params=[0.0, 0.0, 0.0],
        coefficients=listed(np.abs(weights) if positive else weights),
    )  # fmt: skip

    check(model, draw(4, 40, _FEATURES))


@pytest.mark.parametrize("one_class", [0, 1])
@pytest.mark.parametrize("support", [0, 6])
def test_support_vectors_of_numbers(support: int, one_class: int) -> None:
    model = one(
        "SVMRegressor", one_class=one_class, n_supports=support, rho=[0.1], kernel_type="RBF",
        kernel_params=[0.3, 0.0, 3.0], support_vectors=listed(draw(2, support, _FEATURES)) or [0.0],
        coefficients=listed(draw(3, support or _FEATURES)),
    )  # fmt: skip

    check(model, draw(4, 40, _FEATURES))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("Scaler", {"offset": [0.5], "scale": [2.0]}),
        ("Scaler", {"offset": [1.0, 2.0, 3.0, 4.0], "scale": [0.5, 1.0, 2.0, 3.0]}),
        ("Normalizer", {"norm": "MAX"}),
        ("Normalizer", {"norm": "L1"}),
        ("Normalizer", {"norm": "L2"}),
        ("OneHotEncoder", {"cats_int64s": [1, -1, 3, 0]}),
        ("FeatureVectorizer", {"inputdimensions": [3]}),
        ("FeatureVectorizer", {"inputdimensions": [6]}),
    ],
)
def test_features_are_prepared(op: str, attributes: Mapping[str, Any], dtype: str) -> None:
    rows = np.round(draw(4, 20, _FEATURES) * 3).astype(dtype)
    rows[3] = 0

    check(one(op, dtype, **attributes), rows)


@pytest.mark.parametrize("replaced", [7.0, float("nan")])
@pytest.mark.parametrize("by", [[0.25], [1.0, 2.0, 3.0, 4.0]])
def test_features_are_filled_in(by: list[float], replaced: float) -> None:
    rows = np.random.default_rng(1).choice([1.5, 7.0, np.nan], (20, _FEATURES))

    check(
        one("Imputer", imputed_value_floats=by, replaced_value_float=replaced),
        rows.astype(np.float32),
    )


_SIDES: Mapping[str, list[Any]] = {
    "int64s": [1, 5, -2, 5],
    "floats": [1.5, float("nan"), -2.0, 1.5],
    "strings": ["b", "a", "b", "c"],
}  # fmt: skip
_DTYPES = {"int64s": "int64", "floats": "float32", "strings": "str"}


@pytest.mark.parametrize("values", ["int64s", "floats", "strings"])
@pytest.mark.parametrize("keys", ["int64s", "floats"])
def test_labels_are_encoded(keys: str, values: str) -> None:
    model = one(
        "LabelEncoder", _DTYPES[keys], _DTYPES[values], version=4,
        **{f"keys_{keys}": _SIDES[keys], f"values_{values}": _SIDES[values]},
    )  # fmt: skip

    check(model, np.resize([*_SIDES[keys], 9], (6, _FEATURES)).astype(_DTYPES[keys]))


@pytest.mark.parametrize("values", ["int64s", "floats", "strings"])
def test_texts_that_a_model_chooses_are_encoded(values: str) -> None:
    nodes = [
        node("LabelEncoder", ["x"], ["t"], keys_int64s=[1, 5, 2], values_strings=["a", "b", "q"]),
        helper.make_node("Identity", ["t"], ["u"]),
        node(
            "LabelEncoder", ["u"], ["y"],
            **{"keys_strings": ["a", "b", "c"], f"values_{values}": _SIDES[values][:3]},
        ),
    ]  # fmt: skip
    model = make_model(nodes, {"x": ("int64", ["batch", 2])}, {"y": _DTYPES[values]}, version=2)

    check(model, np.array([[1, 5], [2, 9]]))


_PEOPLE = np.array([["cat", "", "größer", "Cat"], ["elk", "ant", "cat", "none"]], object)
_ENCODERS = {
    "LabelEncoder": (
        2, "int64", {"keys_strings": ["cat", "größer", "cat"], "values_int64s": [5, 9, 7]},
    ),
    "first LabelEncoder": (1, "int64", {"classes_strings": ["", "ant", "cat"], "default_int64": 4}),
    "CategoryMapper": (1, "int64", {"cats_strings": _TEXTS, "cats_int64s": _NUMBERS}),
    "OneHotEncoder": (1, "float32", {"cats_strings": ["elk", "", "cat"], "zeros": 1}),
}  # fmt: skip


def _encoder(name: str) -> Any:
    version, output, attributes = _ENCODERS[name]
    return one(name.rsplit(maxsplit=1)[-1], "str", output, version=version, **attributes)


@pytest.mark.parametrize("name", _ENCODERS)
def test_texts_from_outside_are_encoded(name: str) -> None:
    check(_encoder(name), _PEOPLE)


def test_texts_that_a_model_knows_are_found(tmp_path: Path) -> None:
    convert(_encoder("CategoryMapper"), {"x": _PEOPLE}, tmp_path)

    front = GraphFront(load_model_json(tmp_path / "model.json"), tmp_path)

    assert front.compared_words("x") == _TEXTS


def test_maps_are_rows_with_named_columns() -> None:
    model = one("ZipMap", output=None, classlabels_strings=["d", "c", "b", "a"])

    made = check(model, draw(4, 5, _FEATURES))

    assert made.labels == {"y": ("axis", ["d", "c", "b", "a"])}


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        pytest.param(
            one("OneHotEncoder", "str", cats_int64s=[1]), "its input has texts", id="categories",
        ),
        pytest.param(
            make_model(
                [
                    node("LabelEncoder", ["x"], ["t"], keys_int64s=[1], values_strings=["a"]),
                    helper.make_node("Equal", ["t", "t"], ["y"]),
                ],
                {"x": ("int64", [2])}, {"y": "int64"},
            ),
            "it computes with texts", id="texts compared",
        ),
        pytest.param(
            one("DictVectorizer", string_vocabulary=["a"]), "its input is a map", id="maps",
        ),
    ],
)  # fmt: skip
def test_what_has_no_equal_is_refused(model: onnx.ModelProto, reason: str) -> None:
    with pytest.raises(ConversionError, match=reason):
        convert(model, {"x": np.ones((2, _FEATURES))})


def test_coefficients_of_other_inputs_are_refused() -> None:
    model = classifier(
        "LinearClassifier", texts=False, count=3,
        coefficients=listed(draw(2, 3, _FEATURES + 1)), intercepts=listed(draw(3, 3)),
    )  # fmt: skip

    with pytest.raises(FormatError, match=r"coefficients for 3 scores of \d+ inputs each"):
        convert(model, {"x": samples()})


def test_a_tree_that_never_ends_is_refused() -> None:
    branch = {"mode": "BRANCH_LT", "feature": 0, "value": 0, "true": 1, "false": 2, "misses": 0}
    trees = [[branch, branch | {"true": 0}, branch | {"mode": "LEAF"}]]
    attributes = tree_attributes(trees, {(0, 2): [(0, 1.0)]}, "target")

    with pytest.raises(FormatError, match="its trees are damaged: a tree never ends"):
        convert(one("TreeEnsembleRegressor", n_targets=1, **attributes), {"x": samples()})


def _forest() -> Any:
    generator, trees = grow(["LEQ"], (4, 4, 4))
    attributes = tree_attributes(
        trees, draw_weights(generator, trees, [0, 1, 2]), "class", misses=True
    )
    return classifier(
        "TreeEnsembleClassifier", texts=True, count=3, post_transform="SOFTMAX", **attributes
    )


def _mixed_trees() -> Any:
    generator, trees = grow(_BRANCHES)
    attributes = tree_attributes(trees, draw_weights(generator, trees, [0]), "target", misses=True)
    return one("TreeEnsembleRegressor", n_targets=1, **attributes)


def _vectors() -> Any:
    return classifier(
        "SVMClassifier", texts=True, count=3, kernel_type="RBF", kernel_params=[0.3, 0.0, 0.0],
        support_vectors=listed(draw(2, 6, _FEATURES)), coefficients=listed(draw(3, 2, 6)),
        rho=listed(draw(5, 3)), vectors_per_class=[1, 2, 3],
        prob_a=listed(-np.abs(draw(6, 3))), prob_b=listed(draw(7, 3)),
    )  # fmt: skip


def test_tensorflow_js_computes_the_same(tmp_path: Path) -> None:
    cases = {
        "forest": (_forest(), samples()),
        "mixed trees": (_mixed_trees(), samples(_STEPS)),
        "vectors": (_vectors(), draw(4, 20, _FEATURES)),
        "texts": (_encoder("LabelEncoder"), _PEOPLE),
        "categories": (_encoder("OneHotEncoder"), _PEOPLE),
    }
    made = {}
    for name, (model, rows) in cases.items():
        (tmp_path / name).mkdir()
        made[name] = convert(model, {"x": rows}, tmp_path / name)

    run_folders([tmp_path / name for name in cases], ["cpu", "wasm"])

    for name, (model, _) in cases.items():
        for backend in ("cpu", "wasm"):
            found = read_outputs(tmp_path / name, backend)
            for end, wanted in zip(model.graph.output, made[name].outputs, strict=True):
                np.testing.assert_allclose(found[end.name], wanted, rtol=2e-5, atol=2e-6)
