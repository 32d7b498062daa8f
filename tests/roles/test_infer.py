"""Roles of all kinds of models but detectors, on graphs of a few nodes and made-up values."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from graph_models import Array, Json, constant, node, placeholder
from signatures import Port, signature_of

from pipeline.roles.evidence.finding import RoleFindings
from pipeline.roles.infer import infer_roles
from pipeline.tfjs.model.topology import parse_topology

IMAGE = (1, 64, 64, 3)
RNG = np.random.default_rng(0)


def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> list[Array]:
    """Return values of two runs."""
    return [RNG.uniform(low, high, shape).astype(np.float32) for _ in range(2)]


def softmax(*shape: int) -> list[Array]:
    """Return values of two runs that sum to 1."""
    return [values / values.sum(axis=-1, keepdims=True) for values in uniform(*shape)]


def graph(ops: Mapping[str, Sequence[str]]) -> Json:
    """Return a graph in which each output is a row of ops on the image, the last one first."""
    nodes = [constant("c", np.zeros(2, np.float32)), placeholder("image", IMAGE)]
    for name, chain in ops.items():
        source = "image"
        for number, op in enumerate(reversed(chain)):
            made = f"{name}.{number}"
            nodes.append(node(made, op, [source, "c"]))
            source = made
        nodes.append(node(name, "Identity", [source]))
    return {"node": nodes}


def tell(
    outputs: Mapping[str, Sequence[Array]],
    *,
    task: str | None = None,
    ops: Mapping[str, Sequence[str]] | None = None,
    inputs: Sequence[str] = (),
    shapes: Mapping[str, Sequence[int | None]] | None = None,
) -> RoleFindings:
    """Tell the roles of outputs, each given by its values on two runs.

    Args:
        outputs: Values by name.
        task: What the manifest says.
        ops: Operations that make an output, the last one first; a node of its own else.
        inputs: Names of inputs beside the image.
        shapes: Signed shapes, where these are not those of the values.
    """
    chains = {name: (ops or {}).get(name, ["Exp"]) for name in outputs}
    fed = [Port(name="image", shape=IMAGE), *(Port(name=name, shape=None) for name in inputs)]
    returned = [
        Port(name=name, shape=(shapes or {}).get(name, values[0].shape))
        for name, values in outputs.items()
    ]
    return infer_roles(
        signature=signature_of(fed, returned),
        topology=parse_topology(graph(chains)),
        task=task,
        outputs=[{name: values[i] for name, values in outputs.items()} for i in range(2)],
        manifest_map=None,
    )


def conventions(findings: RoleFindings, role: str) -> dict[str, str]:
    """Return the conventions of a role."""
    return dict(next(f.conventions for f in findings.findings if f.role == role))


@pytest.mark.parametrize("task", ["image-classification", None])
def test_softmax_of_a_classifier(task: str | None) -> None:
    findings = tell({"y": softmax(1, 10)}, task=task, ops={"y": ["Softmax"]})

    assert findings.map == {"scores": "y:0"}
    known = {"activation": "probability", "normalization": "softmax"}
    assert conventions(findings, "scores") == known


def test_values_that_sum_to_one_are_scores_only_of_a_classifier() -> None:
    values = {"y": softmax(1, 10)}

    assert tell(values, task="image-classification").map == {"scores": "y:0"}
    assert tell(values).map == {}


def test_values_that_sum_to_one_are_scores_although_their_name_says_logits() -> None:
    findings = tell({"ner_logits": softmax(1, 50, 7)}, task="token-classification")

    assert "scores" in findings.map


def test_logits_of_a_classifier() -> None:
    values = {"y": uniform(1, 10, low=-9, high=9)}

    findings = tell(values, task="image-classification", ops={"y": ["MatMul"]})

    assert findings.map == {"logits": "y:0"}
    assert conventions(findings, "logits") == {"activation": "logit"}
    assert tell(values, ops={"y": ["MatMul"]}).map == {}


def test_sigmoid_of_a_classifier() -> None:
    findings = tell({"y": uniform(1, 1)}, task="face-antispoofing", ops={"y": ["Sigmoid"]})

    assert findings.map == {"scores": "y:0"}
    assert conventions(findings, "scores")["normalization"] == "sigmoid"


def test_of_two_outputs_of_a_classifier_none_is_the_scores() -> None:
    values = {"one": softmax(1, 10), "other": softmax(1, 10)}

    findings = tell(values, task="image-classification")

    assert findings.map == {}
    assert findings.abstained["one"] == "several outputs may be the scores"


def test_keypoints_of_the_only_output() -> None:
    findings = tell({"y": uniform(1, 1, 17, 3)}, task="pose-estimation")

    assert findings.map == {"keypoints": "y:0"}
    assert conventions(findings, "keypoints") == {"points": "17", "scale": "fraction"}
    assert tell({"y": uniform(1, 1, 17, 3)}).map == {}


def peaks(height: int, width: int, points: int) -> list[Array]:
    """Return heat maps of two runs, each with one place that is likely."""
    y, x = np.mgrid[:height, :width]
    maps = []
    for _ in range(2):
        centres = RNG.uniform(0.2, 0.8, (points, 2)) * (height, width)
        squares = [(y - cy) ** 2 + (x - cx) ** 2 for cy, cx in centres]
        maps.append(np.stack([np.exp(-s / 8) for s in squares], -1)[np.newaxis] - 0.01)
    return maps


def test_heat_maps_of_the_only_output_are_no_logits_unless_they_reach_far() -> None:
    trained = tell({"y": peaks(32, 32, 16)}, task="pose-estimation", ops={"y": ["Conv2D"]})
    far = {"heatmap_2": [20 * maps - 15 for maps in peaks(32, 32, 16)]}

    assert trained.map == {"heatmaps": "y:0"}
    assert conventions(trained, "heatmaps") == {"points": "16"}
    logits = tell(far, task="pose-estimation", ops={"heatmap_2": ["Conv2D"]})
    assert conventions(logits, "heatmaps") == {"activation": "logit", "points": "16"}


def test_maps_without_peaks_are_no_heat_maps() -> None:
    assert tell({"y": uniform(1, 32, 32, 16)}, task="pose-estimation").map == {}


def test_maps_of_posenet_by_their_names_and_channels() -> None:
    channels = {"heatmap": 17, "offset": 34, "displacement_fwd": 32, "displacement_bwd": 32}
    values = {f"net/{name}_2/BiasAdd": uniform(1, 25, 25, n) for name, n in channels.items()}
    wrong = {**values, "net/offset_2/BiasAdd": uniform(1, 25, 25, 30)}

    assert list(tell(values).map) == [
        "heatmaps",
        "offsets",
        "displacementsForward",
        "displacementsBackward",
    ]
    findings = tell(wrong, task="pose-estimation")
    assert "offsets" not in findings.map
    assert "30 channels; with 17" in findings.abstained["net/offset_2/BiasAdd"]


def points_in_pixels(count: int) -> list[Array]:
    """Return x, y and z of points in an image of 64, of two runs."""
    return [
        np.concatenate([RNG.uniform(10, 60, (count, 2)), RNG.uniform(-4, 4, (count, 1))], axis=1)
        .reshape(1, -1)
        .astype(np.float32)
        for _ in range(2)
    ]


def test_landmarks_in_pixels_and_in_metres() -> None:
    values = {"one": uniform(1, 63, low=-0.1, high=0.1), "other": points_in_pixels(21)}

    findings = tell(values, task="hand-landmarks")

    assert findings.map == {"landmarks": "other:0", "worldLandmarks": "one:0"}
    assert conventions(findings, "landmarks") == {"points": "21", "scale": "pixels"}


def test_of_two_numbers_beside_landmarks_none_is_the_score() -> None:
    values = {"y": points_in_pixels(21), "p": uniform(1, 1), "q": uniform(1, 1)}
    sigmoids = {"p": ["Sigmoid"], "q": ["Sigmoid"]}

    both = tell(values, task="hand-landmarks", ops=sigmoids)
    one = tell({"y": values["y"], "p": values["p"]}, task="hand-landmarks", ops=sigmoids)

    assert both.map == {"landmarks": "y:0"}
    assert both.abstained["p"] == "2 outputs are single numbers: presence, handedness, …"
    assert one.map == {"landmarks": "y:0", "scores": "p:0"}


def test_mask_as_probability_and_as_logit() -> None:
    probable = {"y": uniform(1, 64, 64, 1)}
    linear = {"y": uniform(1, 64, 64, 2, low=-20, high=20)}

    mask = tell(probable, task="image-segmentation", ops={"y": ["Sigmoid"]})
    logits = tell(linear, task="image-segmentation", ops={"y": ["Conv2DBackpropInput"]})

    assert mask.map == logits.map == {"mask": "y:0"}
    assert conventions(mask, "mask")["activation"] == "probability"
    assert conventions(logits, "mask") == {"activation": "logit"}
    assert tell(probable, ops={"y": ["Sigmoid"]}).map == {}


def test_matte_by_channels_and_states_by_names() -> None:
    values = {
        "a": uniform(1, 64, 64, 1),
        "b": uniform(1, 64, 64, 3),
        "r1o": uniform(1, 8, 8, 16, low=-1),
    }

    findings = tell(values, task="video-matting", inputs=["r1i"])

    assert findings.map == {"state1": "r1o:0", "alpha": "a:0", "foreground": "b:0"}


def test_embedding_of_length_one() -> None:
    rows = [values / np.linalg.norm(values) for values in uniform(1, 128, low=-1)]

    findings = tell({"y": rows}, task="embedding")

    assert findings.map == {"embedding": "y:0"}
    assert conventions(findings, "embedding") == {"length": "unit"}
    other = tell({"y": uniform(1, 128)}, task="embedding")
    assert conventions(other, "embedding") == {"length": "free"}


def test_vectors_of_tokens_are_no_embedding_of_the_text() -> None:
    vectors = uniform(1, 5, 16, low=-1)

    named = tell({"last_hidden_state": vectors})
    assert named.map == {"tokenEmbeddings": "last_hidden_state:0"}
    assert not tell({"last_hidden_state": uniform(1, 16)}, task="sentence-embedding").map.keys() & {
        "tokenEmbeddings"
    }


def test_features_of_a_model_without_its_top_are_not_directly_usable() -> None:
    findings = tell({"y": uniform(1, 2, 2, 1280, high=6)}, ops={"y": ["Relu6"]})

    assert findings.map == {"features": "y:0"}
    assert not findings.record().usable


def test_grid_of_predictions_is_no_features() -> None:
    """YOLO's last layer has a grid and many channels too, but is a product with weights."""
    values = {"y": uniform(1, 2, 2, 425, high=6)}

    assert tell(values, ops={"y": ["Conv2D"]}).map == {}


def test_quantities_of_a_regression() -> None:
    assert tell({"y": uniform(1, 2)}, task="regression").map == {"values": "y:0"}


def test_without_a_task_two_names_vouch_for_one_another() -> None:
    both = {"age_output": softmax(1, 7), "gender_output": softmax(1, 2)}

    assert set(tell(both).map) == {"age", "gender"}
    assert tell({"age_output": uniform(1, 1, high=90)}).map == {}


def test_name_that_is_used_for_something_else() -> None:
    """CenterNet calls the heat maps of its classes `keypoints`."""
    values = {"tower_0/keypoints": uniform(1, 16, 16, 80), "other": uniform(1, 3)}

    assert tell(values, task="pose-estimation").map == {}


def test_two_outputs_of_one_role_have_none() -> None:
    values = {"note": uniform(1, 172, 88), "note_1": uniform(1, 172, 88)}

    findings = tell(values, task="audio-transcription")

    assert findings.map == {}
    assert findings.abstained["note"] == (
        "evidence for note points to 'note' (note:0) and to 'note_1' (note_1:0)"
    )


def test_values_that_are_not_of_the_signed_shape_are_not_looked_at() -> None:
    findings = tell(
        {"y": softmax(1, 2, 5)},
        task="image-classification",
        ops={"y": ["Softmax"]},
        shapes={"y": [None, 10]},
    )

    assert findings.abstained["y"] == "there are no values to tell its role from"


def test_rows_of_a_detector_that_hold_box_score_and_class() -> None:
    rows = []
    for _ in range(2):
        starts, sizes = RNG.uniform(0, 40, (30, 2)), RNG.uniform(4, 24, (30, 2))
        scores = np.sort(RNG.uniform(size=(30, 1)), axis=0)[::-1]
        classes = RNG.integers(0, 5, (30, 1))
        parts = [starts, starts + sizes, scores, classes]
        rows.append(np.concatenate(parts, axis=1)[np.newaxis].astype(np.float32))

    chosen = tell({"y": rows}, ops={"y": ["Exp", "TopKV2"]})
    not_chosen = tell({"y": rows}, ops={"y": ["Exp"]})

    assert chosen.map == {"detections": "y:0"}
    assert conventions(chosen, "detections") == {
        "columns": "box (4), score, class",
        "form": "corners",
        "scale": "pixels",
    }
    assert not_chosen.map == {}


def test_parts_of_one_output_have_no_role_alone() -> None:
    values = {"one": uniform(1, 169, 80), "other": uniform(1, 676, 80)}

    findings = tell(values, task="object-detection")

    assert findings.map == {}
    assert findings.abstained["one"].startswith("2 outputs end in an axis of 80, each of its own")
