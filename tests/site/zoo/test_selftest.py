"""The self-test in Node.js: it passes what is right and fails what is not, and says why."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loader_zoo import LoaderError, PublishedZoo, X, check, tensor
from tfjs_runtime import typed, write_model

from pipeline.proof.vector_files import Vector, Vectors, load_vectors, write_vectors

pytestmark = pytest.mark.network

TEST = "return await zoo.selftest(args[0], {backends: ['cpu', 'wasm']});"


@pytest.fixture
def zoo(tmp_path: Path) -> PublishedZoo:
    """Return a zoo of a dense layer."""
    zoo = PublishedZoo(tmp_path / "dist")
    zoo.add_dense()
    return zoo


def run_selftest(zoo: PublishedZoo, name: str = "dense") -> Any:
    """Return the report of a model on cpu and wasm."""
    return zoo.write().in_node(TEST, name)


def replace_vectors(zoo: PublishedZoo, name: str, **changes: Any) -> None:
    """Publish other vectors of a model, with right digests."""
    entry = zoo.entries[name]
    folder = zoo.folder / "models" / name / "vectors"
    old = load_vectors(folder)
    fresh = zoo.folder.parent / "fresh"
    fresh.mkdir()
    keys = {"vectors": old.vectors, "random": {}, "constant": {}, **changes}
    write_vectors(fresh, Vectors(seed=name, runtime="numpy", **keys))
    entry["vectors"] = zoo._publish(fresh, f"models/{name}/vectors-2")


def test_what_is_right_passes_on_every_backend(zoo: PublishedZoo) -> None:
    report = run_selftest(zoo)

    assert (report["model"], report["variant"]) == ("dense", "float32")
    assert (report["status"], report["reason"]) == ("pass", None)
    assert [one["backend"] for one in report["results"]] == ["cpu", "wasm"]
    for result in report["results"]:
        assert (result["status"], result["reason"], result["expected"]) == ("pass", None, False)
        assert min(result[key] for key in ("loadMs", "firstMs", "runMs")) > 0
        names = [(one["name"], one["role"], one["gate"]) for one in result["outputs"]]
        assert names == [("probability", "scores", "values"), ("logit", None, "values")]
        for output in result["outputs"]:
            assert output["status"] == "pass"
            assert output["maxRelError"] < 1e-6
            assert output["limit"] == pytest.approx(2e-3)


def test_another_result_fails_and_says_by_how_much(zoo: PublishedZoo) -> None:
    (vector, *_) = load_vectors(zoo.folder / "models/dense/vectors").vectors
    logit = np.array(vector.outputs["logit"])
    span = float(logit.max() - min(logit.min(), 0.0))
    logit[1, 2] += 0.01 * span
    outputs = {**vector.outputs, "logit": logit}
    replace_vectors(zoo, "dense", vectors=[Vector(inputs=vector.inputs, outputs=outputs)])
    report = run_selftest(zoo)
    probability, found = report["results"][0]["outputs"]

    assert report["status"] == "fail"
    assert report["reason"].startswith("cpu: logit: 1 of 8 values differ, the worst by ")
    assert "expected at most 0.2 %" in report["reason"]
    assert probability["status"] == "pass"
    assert found["status"] == "fail"
    assert 0.005 < found["maxRelError"] < 0.02
    assert report["results"][0]["runMs"] is None


def moved(vector: Vector, share: float, **others: Any) -> Vector:
    """Return a vector whose logits are off by a share of their range."""
    logit = np.array(vector.outputs["logit"])
    logit[0, 1] += share * float(logit.max() - min(logit.min(), 0.0))
    outputs = {**vector.outputs, "logit": logit}
    return Vector(inputs=vector.inputs, outputs=outputs, **others)


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        pytest.param(0.0, None, id="right on one group"),
        pytest.param(0.05, "cpu: logit: on vectors of 0..1: 1 of ", id="wrong on all groups"),
    ],
)
def test_a_model_is_right_on_the_range_that_it_was_made_for(
    zoo: PublishedZoo, others: float, reason: str | None
) -> None:
    one, two = load_vectors(zoo.folder / "models/dense/vectors").vectors
    vectors = [moved(one, 0.5, group="0..1"), moved(two, others, group="0..255")]
    replace_vectors(zoo, "dense", vectors=vectors)
    report = run_selftest(zoo)
    (logit,) = (one for one in report["results"][0]["outputs"] if one["name"] == "logit")

    assert report["status"] == ("fail" if reason else "pass"), report["reason"]
    assert (report["reason"] or "").startswith(reason or "")
    assert (logit["status"], logit["maxRelError"] > 0.01) == (report["status"], bool(reason))


@pytest.mark.parametrize(
    ("share", "variant", "status"),
    [
        pytest.param(0.09, "float32", "pass", id="within a tenth of the range"),
        pytest.param(0.2, "float32", "fail", id="a gross error"),
        pytest.param(0.2, "uint8", "pass", id="a gross error of a quantized variant"),
        pytest.param(float("nan"), "uint8", "fail", id="NaN where the source has none"),
    ],
)
def test_on_extreme_values_only_gross_errors_count(
    zoo: PublishedZoo, share: float, variant: str, status: str
) -> None:
    one, two = load_vectors(zoo.folder / "models/dense/vectors").vectors
    entry = zoo.entries["dense"]
    entry["variants"].append({**entry["variants"][0], "name": "uint8"})
    if np.isnan(share):
        two = Vector(inputs={"x": np.full((1, 8), np.nan, np.float32)}, outputs=two.outputs)
        share = 0.0
    replace_vectors(zoo, "dense", vectors=[one, moved(two, share, kind="edge")])
    body = "return await zoo.selftest('dense', {backends: ['cpu'], variant: args[0]});"
    report = zoo.write().in_node(body, variant)

    assert report["status"] == status, report["reason"]
    assert "on extreme values: " in (report["reason"] or "on extreme values: ")
    assert max(one["maxRelError"] for one in report["results"][0]["outputs"]) < 1e-5


def test_what_arithmetic_explains_passes_beyond_the_limit(zoo: PublishedZoo) -> None:
    one, _ = load_vectors(zoo.folder / "models/dense/vectors").vectors
    replace_vectors(zoo, "dense", vectors=[moved(one, 0.02)])
    before = run_selftest(zoo)
    catalog = zoo.folder / "models.json"
    # Not in the catalog's own types of this release.
    limit = '"maxAbsError": null,'
    text = catalog.read_text()
    catalog.write_text(text.replace(limit, f'"explainedRelError": 0.03, {limit}'))
    after = zoo.in_node(TEST, "dense")

    assert limit in text
    assert (before["status"], after["status"]) == ("fail", "pass")
    assert after["results"][0]["outputs"][1]["limit"] == pytest.approx(0.03)


@pytest.mark.parametrize("broken", ["shard", "vectors"])
def test_a_damaged_file_fails_on_every_backend(zoo: PublishedZoo, broken: str) -> None:
    file = zoo.shard("dense")
    if broken == "vectors":
        file = zoo.folder / zoo.entries["dense"]["vectors"][1]["path"]
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)
    report = run_selftest(zoo)

    assert report["status"] == "fail"
    assert [one["status"] for one in report["results"]] == ["fail", "fail"]
    assert file.name in report["reason"]
    assert "SHA-256" in report["reason"]


def test_a_backend_that_fails_as_listed_fails_nothing_else(zoo: PublishedZoo) -> None:
    checks = zoo.entries["dense"]["variants"][0]["checks"]
    add_cast(zoo)
    report = run_selftest(zoo, "cast")
    zoo.entries["cast"]["variants"][0]["checks"]["wasm"]["status"] = "failed"
    listed = run_selftest(zoo, "cast")
    zoo.entries["cast"]["variants"][0]["checks"]["wasm"]["status"] = "untried"
    untried = run_selftest(zoo, "cast")

    assert checks["wasm"]["status"] == "ok"
    assert [one["status"] for one in report["results"]] == ["pass", "fail"]
    assert (report["status"], report["results"][1]["expected"]) == ("fail", False)
    assert [one["status"] for one in listed["results"]] == ["pass", "fail"]
    assert (listed["status"], listed["results"][1]["expected"]) == ("pass", True)
    assert (untried["status"], untried["results"][1]["expected"]) == ("fail", False)


def add_cast(zoo: PublishedZoo) -> None:
    """Add a model whose cast to bool wasm gets wrong: it truncates."""
    source = write_model(
        zoo.folder.parent / "sources/cast",
        [typed("y", "Cast", ["x"], SrcT="float32", DstT="bool")],
        inputs={"x": ("float32", [-1])},
        outputs={"y": "y:0"},
    )
    x = np.array([0.4, 256.0, 0.0], np.float32)
    zoo.add(
        "cast",
        source,
        inputs=[tensor(0, "x", [-1])],
        outputs=[tensor(0, "y", [-1], dtype="bool")],
        vectors=[Vector(inputs={"x": x}, outputs={"y": x != 0})],
    )


def test_an_op_that_a_backend_lacks_is_named(zoo: PublishedZoo) -> None:
    source = write_model(
        zoo.folder.parent / "sources/lacking",
        [typed("y", "Atanh", ["x"], T="float32")],
        inputs={"x": ("float32", [-1])},
        outputs={"y": "y:0"},
    )
    x = np.array([0.1, 0.5, -0.25], np.float32)
    zoo.add(
        "lacking",
        source,
        inputs=[tensor(0, "x", [-1])],
        outputs=[tensor(0, "y", [-1])],
        vectors=[Vector(inputs={"x": x}, outputs={"y": np.arctanh(x)})],
    )
    body = """
      tf.unregisterKernel('Atanh', 'wasm');
      return await zoo.selftest('lacking', {backends: ['cpu', 'wasm', 'webgl']});
    """
    report = zoo.write().in_node(body)

    assert report["status"] == "pass"
    assert [one["status"] for one in report["results"]] == ["pass", "unsupported", "unavailable"]
    assert report["results"][1]["reason"] == "it lacks Atanh"


def test_random_and_constant_outputs_are_said_to_prove_nothing(zoo: PublishedZoo) -> None:
    old = load_vectors(zoo.folder / "models/dense/vectors").vectors
    vectors = [
        Vector(inputs=one.inputs, outputs={"probability": one.outputs["probability"]})
        for one in old
    ]
    replace_vectors(
        zoo,
        "dense",
        vectors=vectors,
        random={"logit": "two runs differ"},
        constant={"probability": "it is 1"},
    )
    report = run_selftest(zoo)

    outputs = report["results"][0]["outputs"]
    assert report["status"] == "pass"
    assert [one["status"] for one in outputs] == ["unproved", "unproved"]
    assert [one["reason"] for one in outputs] == ["constant: it is 1", "random: two runs differ"]


def test_strings_are_compared_as_texts(zoo: PublishedZoo) -> None:
    source = write_model(
        zoo.folder.parent / "sources/echo",
        [typed("y", "Identity", ["x"], T="string")],
        inputs={"x": ("string", [-1])},
        outputs={"y": "y:0"},
    )
    texts = np.empty(2, object)
    texts[:] = ["größe".encode(), b""]
    inputs, outputs = [tensor(0, "x", [-1], dtype="string")], [tensor(0, "y", [-1], dtype="string")]
    zoo.add("echo", source, inputs=inputs, outputs=outputs,
            vectors=[Vector(inputs={"x": texts}, outputs={"y": texts})])  # fmt: skip
    report = zoo.write().in_node("return await zoo.selftest('echo', {backends: ['cpu']});")

    assert report["status"] == "pass"
    assert report["results"][0]["outputs"][0]["maxRelError"] is None


def test_results_come_one_by_one_and_the_backend_is_as_before(zoo: PublishedZoo) -> None:
    body = """
      const before = tf.memory().numTensors;
      const seen = [];
      const onResult = ({backend}) => seen.push(backend);
      await tf.setBackend('cpu');
      await zoo.selftest('dense', {onResult});
      return [seen, tf.getBackend(), tf.memory().numTensors - before];
    """

    assert zoo.write().in_node(body) == [["cpu", "wasm"], "cpu", 0]


def test_it_can_be_aborted_between_backends(zoo: PublishedZoo) -> None:
    body = """
      const controller = new AbortController();
      const onResult = () => controller.abort(new Error('enough'));
      await zoo.selftest('dense', {signal: controller.signal, onResult});
    """
    with pytest.raises(LoaderError) as caught:
        zoo.write().in_node(body)

    assert (caught.value.name, caught.value.message) == ("Error", "enough")


def test_a_model_without_vectors_cannot_be_tested(zoo: PublishedZoo) -> None:
    zoo.entries["dense"]["vectors"] = []
    with pytest.raises(LoaderError, match="no test vectors"):
        run_selftest(zoo)


def test_the_tolerance_of_another_backend_holds_where_there_is_no_own(zoo: PublishedZoo) -> None:
    checks = zoo.entries["dense"]["variants"][0]["checks"]
    checks["cpu"] = check("unsupported")
    for output in checks["wasm"]["outputs"].values():
        output["tolerance"] = {**output["tolerance"], "maxRelError": 1e-12, "reason": None}
    report = zoo.write().in_node("return await zoo.selftest('dense', {backends: ['cpu']});")

    limits = [one["limit"] for one in report["results"][0]["outputs"]]
    assert limits == [pytest.approx(1e-12)] * 2
    assert X.shape == (2, 8)


def test_a_variant_of_another_release_is_not_supported_and_says_which(zoo: PublishedZoo) -> None:
    checks = zoo.entries["dense"]["variants"][0]["checks"]
    checks["wasm"]["requires"] = {"tfjs": "3.21.0"}
    body = """
      const refused = await tf.setBackend('wasm').then(() => zoo.load('dense')).catch((e) => e);
      return [await zoo.selftest('dense', {backends: ['cpu', 'wasm']}), refused.message];
    """
    partly, refused = zoo.write().in_node(body)
    checks["cpu"] = check("failed")
    wholly = run_selftest(zoo)

    assert refused == "dense runs in TensorFlow.js 3.21.0; this is 4.22.0"
    assert [one["status"] for one in partly["results"]] == ["pass", "unsupported"]
    assert (partly["status"], partly["results"][1]["reason"]) == ("pass", refused)
    assert [one["status"] for one in wholly["results"]] == ["unsupported", "unsupported"]
    assert wholly["status"] == "fail"
    assert wholly["reason"] == f"no backend here could run it: {refused}"
