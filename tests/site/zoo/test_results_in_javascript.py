"""Results of the loader, compared with the formulas that the models' own code has, in numpy."""

import json
import subprocess
from typing import Any

import numpy as np
import pytest
from loader_zoo import NODE
from paths import ROOT

from pipeline.tfjs.model.weights import Array

SOURCES = (ROOT / "pipeline/site/zoo").as_uri()
RNG = np.random.default_rng(3)
Json = dict[str, Any]

# A model whose run() returns what the request says, in an input of 64 x 64 pixels.
PROGRAM = """
import {readFileSync} from 'node:fs';
const {sources, cases} = JSON.parse(readFileSync(0));
const {giveResult} = await import(`${sources}/methods.js`);
const {findFrame} = await import(`${sources}/images.js`);
const answers = [];
for (const {labels = {}, ...given} of cases) {
  const {entry, method, results, later, image, sound, text, filled, options} = given;
  let calls = 0;
  const inputs = [{name: 'image', shape: [1, 64, 64, 3], jsDtype: 'float32', ...entry.input}];
  const named = entry.outputs ?? Object.keys(results).map((name) => ({name, tensor: name}));
  const model = {name: 'test', entry: {map: {}, roles: {}, ...entry}, inputs, outputs: named,
    labels, points: entry.points,
    frame: (one) => findFrame(one, inputs[0]), fillTokens: async () => filled,
    run: async () => Object.fromEntries(Object.entries(calls++ ? later ?? results : results)
      .map(([name, {shape, values}]) =>
      [name, {shape, data: async () => Float32Array.from(values), dispose() {}}]))};
  try {
    const input = text ?? (sound ? Float32Array.from(sound) : {width: image[0], height: image[1]});
    const found = await giveResult(model, method, input, options ?? {});
    answers.push(JSON.parse(JSON.stringify(found, (_, value) =>
      (ArrayBuffer.isView(value) ? [...value] : value))));
  } catch (error) {
    answers.push({error: `${error.code}: ${error.message}`});
  }
}
console.log(JSON.stringify(answers));
"""


def floats(values: Any) -> Array:
    """Return an array of float32."""
    return np.asarray(values, np.float32)


def give(method: str, results: dict[str, Array], **case: Any) -> Json:
    """Return a case of one model."""
    tensors = {
        name: {"shape": list(array.shape), "values": array.reshape(-1).tolist()}
        for name, array in results.items()
    }
    entry = {"map": {name: name for name in results}, **case.pop("entry", {})}
    return {"method": method, "results": tensors, "entry": entry, "image": [64, 64], **case}


def run(*cases: Json) -> list[Any]:
    """Return what the loader makes of each case."""
    request = json.dumps({"sources": SOURCES, "cases": cases})
    command = [str(NODE), "--no-warnings", "--input-type=module", "-e", PROGRAM]
    done = subprocess.run(command, input=request, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout)
    return answers


def roles(**conventions: Json) -> Json:
    """Return the roles of an entry."""
    return {name: {"conventions": known} for name, known in conventions.items()}


def corners(found: Json) -> list[float]:
    """Return left, top, right and bottom of a box."""
    box = found["box"]
    return [box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]]


def test_anchors_of_ssd() -> None:
    sizes = [[(0.2, 0.3), (0.4, 0.4)], [(0.6, 0.5)]]
    cells = [
        ((column + 0.5) / rows, (row + 0.5) / rows, width, height)
        for rows, own in zip((4, 2), sizes, strict=True)
        for row in range(rows)
        for column in range(rows)
        for width, height in own
    ]
    raw = RNG.normal(0, 0.5, (1, 36, 4)).astype(np.float32)
    scores = np.full((1, 36, 3), -9, np.float32)
    scores[0, 13, 2] = 2.0
    decode = {
        "kind": "anchors",
        "boxes": ["raw"],
        "scores": ["scores"],
        "strides": [16, 32],
        "anchors": sizes,
        "variances": [0.1, 0.2],
        "order": "yx",
        "activation": "sigmoid",
        "background": True,
    }
    case = give("detect", {"raw": raw, "scores": scores}, entry={"map": {}, "decode": decode})
    (found,) = run({**case, "image": [128, 192], "labels": {"scores": ["none", "cat", "dog"]}})[0]
    # faster_rcnn_box_coder.py of the Object Detection API, with scale factors of 10 and 5.
    x, y, width, height = cells[13]
    ty, tx, th, tw = raw[0, 13]
    centre = (x + tx / 10 * width, y + ty / 10 * height)
    size = (width * np.exp(tw / 5), height * np.exp(th / 5))
    low, high = [np.subtract(centre, np.divide(size, 2)), np.add(centre, np.divide(size, 2))]
    expected = np.clip([*low, *high], 0, 1) * [128, 192, 128, 192]

    assert found["label"] == "dog"
    assert found["score"] == pytest.approx(1 / (1 + np.exp(-2)))
    np.testing.assert_allclose(corners(found), expected, rtol=1e-5)


def detect(rows: Array, image: list[int], **decode: Any) -> list[Json]:
    """Return what is detected in one output with boxes and scores, in an input of 64 x 64."""
    known = {"kind": "boxes", "boxes": ["y"], "scores": ["y"], "strides": [], "order": "xy"}
    rule = {**known, "activation": "none", "background": False, **decode}
    entry = {"map": {}, "decode": rule, "points": decode.pop("points", None)}
    found: list[Json] = run({**give("detect", {"y": rows}, entry=entry), "image": image})[0]
    return found


def test_rows_of_yolo_with_objectness_in_fractions() -> None:
    rows = np.zeros((1, 9, 8), np.float32)
    rows[0, 4] = [0.5, 0.25, 0.5, 0.25, 0.9, 0.1, 0.8, 0.3]
    columns = ["box (4)", "objectness (1)", "scores (3)"]
    (found,) = detect(rows, [200, 100], columns=columns, form="centre", scale="fraction")
    # yolov5/utils/general.py, non_max_suppression: conf = obj_conf * cls_conf; xywh2xyxy.

    assert (found["class"], found["score"]) == (1, pytest.approx(0.72))
    np.testing.assert_allclose(corners(found), [50, 12.5, 150, 37.5], rtol=1e-5)


def test_columns_of_yolo_in_pixels() -> None:
    rows = np.zeros((1, 20, 6), np.float32)
    rows[0, 7] = [32, 16, 16, 32, 0.1, 0.7]
    rows[0, 8] = [33, 16, 16, 32, 0.2, 0.6]  # the same object
    rows[0, 9] = [33, 16, 16, 32, 0.6, 0.2]
    columns = ["box (4)", "scores (2)"]
    stood = np.moveaxis(rows, 1, 2)
    found = detect(
        stood, [64, 64], columns=columns, layout="columns", form="centre", scale="pixels"
    )

    assert [(one["class"], round(one["score"], 3)) for one in found] == [(1, 0.7), (0, 0.6)]
    np.testing.assert_allclose(corners(found[0]), [24, 0, 40, 32], rtol=1e-5)


def test_columns_of_yolo_with_points() -> None:
    rows = np.zeros((1, 5, 4 + 1 + 6), np.float32)
    rows[0, 3] = [32, 32, 16, 16, 0.9, 8, 16, 0.25, 40, 48, 0.75]
    entry = {"names": ["left", "right"], "edges": []}
    columns = ["box (4)", "scores (1)", "points (6)"]
    (found,) = detect(
        np.moveaxis(rows, 1, 2),
        [128, 128],
        columns=columns,
        layout="columns",
        form="centre",
        scale="pixels",
        points=entry,
    )

    assert found["points"] == [
        {"x": 16, "y": 32, "score": 0.25, "name": "left"},
        {"x": 80, "y": 96, "score": 0.75, "name": "right"},
    ]


def test_rows_of_yolox() -> None:
    raw = RNG.normal(0, 0.5, (1, 20, 7)).astype(np.float32)
    raw[..., 4:] = 0
    raw[0, 9, 4:] = [0.9, 0.1, 0.8]
    sizes = [[(16 / 64, 16 / 64)], [(32 / 64, 32 / 64)]]
    (found,) = detect(
        raw,
        [64, 64],
        kind="anchors",
        strides=[16, 32],
        anchors=sizes,
        variances=[1, 1],
        offset=0,
        columns=["box (4)", "objectness (1)", "scores (2)"],
    )
    # YOLOX's demo_utils.py, demo_postprocess: (xy + grid) * stride, exp(wh) * stride.
    centre = (raw[0, 9, :2] + [9 % 4, 9 // 4]) * 16
    size = np.exp(raw[0, 9, 2:4]) * 16
    expected = np.clip([*(centre - size / 2), *(centre + size / 2)], 0, 64)

    assert (found["class"], found["score"]) == (1, pytest.approx(0.72))
    np.testing.assert_allclose(corners(found), expected, rtol=1e-4)


def test_a_table_that_does_not_fit_its_columns_is_refused() -> None:
    rows = np.zeros((1, 5, 7), np.float32)
    said = detect(rows, [64, 64], columns=["box (4)", "scores (2)"], form="centre", scale="pixels")

    assert "its boxes 1,5,7 do not fit its rule" in str(said)


def test_distances_are_means_of_their_bins() -> None:
    logits = RNG.normal(0, 1, (1, 16, 4 * 8)).astype(np.float32)
    scores = np.zeros((1, 16, 2), np.float32)
    scores[0, 9, 1] = 0.8
    decode = {"kind": "distances", "boxes": ["b"], "scores": ["s"], "strides": [16]}
    case = give("detect", {"b": logits, "s": scores}, entry={"map": {}, "decode": decode})
    (found,) = run(case)[0]
    shares = np.exp(logits[0, 9].reshape(4, 8))
    sides = (shares / shares.sum(1, keepdims=True)) @ np.arange(8) * 16
    x, y = (9 % 4 + 0.5) * 16, (9 // 4 + 0.5) * 16
    expected = np.clip([x - sides[0], y - sides[1], x + sides[2], y + sides[3]], 0, 64)

    assert (found["label"], found["class"]) == (None, 1)
    np.testing.assert_allclose(corners(found), expected, rtol=1e-5)


def test_anchors_in_pixels_have_points() -> None:
    raw = np.zeros((1, 4, 8), np.float32)
    raw[0, 3] = [4, -8, 16, 32, 2, 3, -2, -3]
    scores = np.full((1, 4, 1), -9, np.float32)
    scores[0, 3] = 3
    decode = {
        "kind": "anchors",
        "boxes": ["b"],
        "scores": ["s"],
        "strides": [32],
        "order": "xy",
        "activation": "sigmoid",
    }
    points = {"names": ["left", "right"], "edges": []}
    case = give("detect", {"b": raw, "s": scores}, entry={"map": {}, "decode": decode})
    case["entry"]["points"] = points
    (found,) = run({**case, "image": [640, 640]})[0]

    assert corners(found) == pytest.approx([440, 240, 600, 560])
    assert found["points"] == [
        {"x": pytest.approx(500), "y": pytest.approx(510), "name": "left"},
        {"x": pytest.approx(460), "y": pytest.approx(450), "name": "right"},
    ]


def test_boxes_by_their_conventions() -> None:
    boxes = floats([[[0.25, 0.5, 0.75, 1.0], [0.25, 0.5, 0.75, 0.98], [0.0, 0.0, 0.1, 0.1]]])
    scores = floats([[0.9, 0.8, 0.3]])
    classes = floats([[1.988, 2.01, 1]])
    found = {"boxes": boxes, "scores": scores, "classes": classes}

    def case(image: list[int], method: str = "detect", **boxes: str) -> Json:
        return {**give(method, found, entry={"roles": roles(boxes=boxes)}), "image": image}

    corner = {"order": "yxyx", "scale": "fraction"}
    labels = {"classes": ["background", "cat", "dog"]}
    answers = run(
        {**case([200, 100], **corner), "labels": labels},
        {**case([200, 100], **corner), "options": {"iou": 0.99, "threshold": 0.1}},
        case([100, 100], order="xyxy", scale="fraction", form="centre"),
        {
            **give("detect", {**found, "boxes": boxes * 64}, entry={}),
            "entry": {
                "map": {name: name for name in found},
                "input": {"resize": "letterbox"},
                "roles": roles(boxes={"order": "yxyx", "scale": "pixels"}),
            },
            "image": [128, 64],
        },
        case([100, 100], scale="fraction"),
        case([100, 100], order="yxyx"),
    )
    (one,), three, centred, letterboxed, unordered, unscaled = answers

    assert (one["label"], one["class"], corners(one)) == ("dog", 2, [100, 25, 200, 75])
    assert [detection["class"] for detection in three] == [2, 2, 1]
    assert corners(centred[0]) == pytest.approx([0, 0, 62.5, 100])
    # The input shows 32 pixels of black above and below the image.
    assert corners(letterboxed[0]) == pytest.approx([64, 0, 128, 64])
    assert unordered["error"].startswith("result: test has no detect(): nobody states the order")
    assert unscaled["error"].startswith("result: test has no detect(): nobody states the scale")


def test_rows_that_hold_all() -> None:
    rows = floats([[[8, 16, 32, 48, 0.7, 3], [0, 0, 8, 8, 0.1, 1]]])
    known = {
        "columns": "x_min, y_min, x_max, y_max, score, class",
        "order": "xyxy",
        "scale": "pixels",
    }
    case = give("detect", {"detections": rows}, entry={"roles": roles(detections=known)})
    (found,) = run({**case, "image": [640, 320], "labels": {"detections": list("abcd")}})[0]

    assert (found["label"], found["class"], corners(found)) == ("d", 3, [80, 80, 320, 240])


def test_points_by_their_conventions() -> None:
    heatmaps = RNG.normal(-5, 1, (1, 5, 5, 2)).astype(np.float32)
    heatmaps[0, 2, 3, 0] = heatmaps[0, 4, 1, 1] = 4
    offsets = np.zeros((1, 5, 5, 4), np.float32)
    offsets[0, 2, 3] = [1.5, 0, -2.5, 0]
    offsets[0, 4, 1] = [0, -3, 0, 6]
    coordinates = RNG.uniform(0, 64, (1, 3, 3)).astype(np.float32)
    columns = {"columns": "y, x, score", "scale": "fraction"}
    points = {"names": ["nose", "chin"], "edges": [[0, 1]]}
    poses, faces, bodies = run(
        give(
            "keypoints",
            {"keypoints": floats([[[[0.5, 0.25, 0.9], [0.75, 1, 0.1]]]])},
            entry={"roles": roles(keypoints=columns), "points": points},
            image=[80, 40],
        ),
        give(
            "keypoints",
            {"landmarks": coordinates.reshape(1, 9), "scores": floats([[0.5]])},
            entry={"roles": roles(landmarks={"points": "3", "scale": "pixels"})},
            image=[128, 64],
        ),
        give(
            "keypoints",
            {"heatmaps": heatmaps, "offsets": offsets},
            entry={"roles": roles(heatmaps={"activation": "logit"})},
        ),
    )

    assert poses[0]["score"] == pytest.approx(0.5)
    assert poses[0]["edges"] == [[0, 1]]
    first, second = poses[0]["points"]
    assert (first["name"], first["x"], first["y"]) == ("nose", 20, 20)
    assert (second["name"], second["x"], second["score"]) == ("chin", 80, pytest.approx(0.1))
    np.testing.assert_allclose(
        [[point["x"], point["y"], point["z"]] for point in faces[0]["points"]],
        coordinates[0] * [2, 1, 1],
        rtol=1e-5,
    )
    # decode_single_pose of posenet: the cell times the stride, and the offset.
    stride = 63 / 4
    assert [(point["x"], point["y"]) for point in bodies[0]["points"]] == [
        (pytest.approx(3 * stride - 2.5), pytest.approx(2 * stride + 1.5)),
        (pytest.approx(stride + 6), pytest.approx(4 * stride - 3)),
    ]


def test_masks_have_the_size_of_the_image() -> None:
    share = RNG.uniform(0, 1, (1, 8, 8, 1)).astype(np.float32)
    kinds = np.zeros((1, 2, 2, 3), np.float32)
    kinds[0, 0, 1, 2] = kinds[0, 1, 0, 1] = 5
    letterbox = {"input": {"resize": "letterbox"}}
    one, several, boxed = run(
        give("segment", {"mask": share}, entry={}, image=[16, 16]),
        give("segment", {"mask": kinds}, entry={}, image=[4, 4], labels={"mask": list("abc")}),
        give("segment", {"mask": share}, entry=letterbox, image=[16, 8]),
    )
    alpha = np.reshape(one["mask"]["data"], (16, 16, 4))[..., 3]
    at = np.clip((np.arange(16) + 0.5) / 2 - 0.5, 0, 7)
    low, part = np.floor(at).astype(int), at - np.floor(at)
    high = np.minimum(low + 1, 7)
    rows = share[0, low, :, 0] * (1 - part)[:, None] + share[0, high, :, 0] * part[:, None]
    expected = rows[:, low] * (1 - part) + rows[:, high] * part

    np.testing.assert_allclose(alpha, 255 * expected, atol=0.51)
    assert several["classes"] == [0, 0, 2, 2] * 2 + [1, 1, 0, 0] * 2
    assert several["labels"] == ["a", "b", "c"]
    # The middle half of the input shows the image.
    boxed_alpha = np.reshape(boxed["mask"]["data"], (8, 16, 4))[..., 3]
    np.testing.assert_allclose(boxed_alpha[2:6], 255 * expected[6:10], atol=0.51)


def test_vectors_of_tokens_become_one_of_each_text() -> None:
    vectors = RNG.normal(size=(2, 3, 4)).astype(np.float32)
    mask = [[1, 1, 0], [1, 1, 1]]
    texts = {"text": ["one", "another"], "filled": {"mask": mask}}
    tokenizer = {"tokenizer": {"mask": "mask"}}

    def pool(given: Json, entry: Json, options: Json | None = None) -> Json:
        return give(
            "embed", {"tokenEmbeddings": vectors}, **given, entry=entry, options=options or {}
        )

    stated = {**tokenizer, "roles": roles(tokenEmbeddings={"pooling": "mean"})}
    mean, first, last, by_name, one, refused = run(
        pool(texts, stated),
        pool(texts, stated, {"pooling": "first"}),
        pool(texts, tokenizer, {"pooling": "last"}),
        pool({"text": {"attention_mask": mask}}, {}, {"pooling": "last"}),
        give(
            "embed",
            {"tokenEmbeddings": vectors[:1]},
            text="one",
            filled={"mask": mask[:1]},
            entry=stated,
        ),
        pool(texts, tokenizer),
    )

    np.testing.assert_allclose(mean, [vectors[0, :2].mean(0), vectors[1].mean(0)], atol=1e-6)
    np.testing.assert_allclose(first, vectors[:, 0])
    np.testing.assert_allclose(last, [vectors[0, 1], vectors[1, 2]])
    assert by_name == last
    np.testing.assert_allclose(one, vectors[0, :2].mean(0), atol=1e-6)
    assert refused["error"] == (
        "input: test: pooling: undefined; expected 'mean', 'first' or 'last'"
    )


def test_classes_attributes_embeddings_and_images() -> None:
    logits = floats([[1, 3, 2]])
    ages = {"age": floats([[0.2, 0.8]]), "gender": floats([[0.9, 0.1]])}
    classes, described, numbers, image, refused = run(
        give("classify", {"logits": logits}, labels={"logits": ["a", "b", "c"]}),
        give("attributes", ages, labels={"age": ["young", "old"]}),
        give("embed", {"embedding": floats([[3, 4]])}),
        give(
            "enhance",
            {"image": floats([[[[0, 0.5, 1]]]])},
            entry={"roles": roles(image={"range": "0, 1"})},
        ),
        give("detect", {"embedding": floats([[3, 4]])}),
    )
    shares = np.exp([3, 2, 1]) / np.exp([3, 2, 1]).sum()

    assert [one["label"] for one in classes] == ["b", "c", "a"]
    np.testing.assert_allclose([one["score"] for one in classes], shares, rtol=1e-6)
    assert described["age"][0]["label"] == "old"
    assert described["gender"][0] == {"label": None, "score": pytest.approx(0.9), "class": 0}
    assert numbers == [3, 4]
    assert (image["width"], image["height"], image["data"]) == (1, 1, [0, 128, 255, 255])
    assert refused["error"].startswith("result: test has no detect(): it has neither boxes and")


TREE = [
    *[(0, 1), (1, 3), (0, 2), (2, 4), (0, 5), (5, 7), (7, 9), (5, 11), (11, 13), (13, 15)],
    *[(0, 6), (6, 8), (8, 10), (6, 12), (12, 14), (14, 16)],
]


def draw_bodies(*bodies: Array) -> dict[str, Array]:
    """Return maps of 5 x 5 cells of 15.75 pixels with bodies (17, y x), as PoseNet has them."""
    heat = np.full((1, 5, 5, 17), -9, np.float32)
    offsets = np.zeros((1, 5, 5, 34), np.float32)
    down, up = np.zeros((2, 1, 5, 5, 32), np.float32)
    for body in bodies:
        cells = np.rint(body / 15.75).astype(int)
        for point, ((row, column), place) in enumerate(zip(cells, body, strict=True)):
            heat[0, row, column, point] = 1 + 0.1 * point  # so that a body grows from an ankle
            offsets[0, row, column, [point, point + 17]] = place - 15.75 * np.array([row, column])
        for edge, (parent, child) in enumerate(TREE):
            step = body[child] - body[parent] + 1.5  # the offsets of the cell mend it
            down[0, *cells[parent], [edge, edge + 16]] = step
            up[0, *cells[child], [edge, edge + 16]] = -step
    maps = {"displacementsForward": down, "displacementsBackward": up}
    return {"heatmaps": heat, "offsets": offsets, **maps}


def test_several_bodies_of_heatmaps() -> None:
    one = np.repeat([[16.0, 17.0], [31.0, 15.0], [47.0, 16.0]], [5, 6, 6], axis=0)
    other = one + np.array([0, 32])
    case = give(
        "keypoints",
        draw_bodies(one, other),
        entry={"roles": roles(heatmaps={"activation": "logit"})},
    )
    found = run(case)[0]
    at = [[[point["y"], point["x"]] for point in body["points"]] for body in found]

    assert len(found) == 2
    by_column = sorted(zip(at, found, strict=True), key=lambda each: each[0][0][1])
    for (points, body), expected in zip(by_column, (one, other), strict=True):
        np.testing.assert_allclose(points, expected, atol=1e-4)
        scores = 1 / (1 + np.exp(-1 - 0.1 * np.arange(17)))
        assert body["score"] == pytest.approx(scores.mean())


def test_no_body_where_nothing_is_likely() -> None:
    maps = draw_bodies()

    assert run(
        give("keypoints", maps, entry={"roles": roles(heatmaps={"activation": "logit"})})
    ) == [[]]


def test_windows_of_a_sound_that_is_longer_than_the_input() -> None:
    first, second = floats([[0.2, 0.8, 0.0]]), floats([[0.6, 0.2, 0.2]])
    entry = {"input": {"shape": [1, 4], "sampleRate": 8, "range": [-1, 1], "name": "sound"}}
    later = {"scores": {"shape": [1, 3], "values": second.reshape(-1).tolist()}}
    case = give("classify", {"scores": first}, entry=entry, sound=[0.0] * 10, later=later)
    mean, apart, short, near = run(
        case,
        {**case, "options": {"windows": True, "top": 1}},
        {**case, "sound": [0.0] * 4},
        {**case, "options": {"hop": 0.25, "windows": True}},
    )
    # Windows of half a second of 1.25 s: two, and one that ends with the sound.

    assert [(one["class"], round(one["score"], 5)) for one in mean] == [
        (0, round((0.2 + 0.6 + 0.6) / 3, 5)),
        (1, round((0.8 + 0.2 + 0.2) / 3, 5)),
        (2, round((0.2 + 0.2) / 3, 5)),
    ]
    assert [(one["start"], one["end"]) for one in apart] == [(0, 0.5), (0.5, 1), (0.75, 1.25)]
    assert [one["classes"][0]["class"] for one in apart] == [1, 0, 0]
    assert [len(one["classes"]) for one in apart] == [1, 1, 1]
    assert short[0]["class"] == 1
    assert [one["start"] for one in near] == [0, 0.25, 0.5, 0.75]
