"""Runs models on webgl: in headless Chromium, with WebGL in software.

The outputs lie where `run_cases` puts those of Node.js: `webgl.json` and `webgl.bin` in the folder
of each model.
"""

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from browser import chromium, run_module
from tfjs_runtime import packages

from pipeline.proof.vector_files import load_vectors

_START = "await tf.setBackend('webgl'); await tf.ready(); return tf.getBackend();"
_RUN = """
const [content, weights, inputs] = args;
const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer;
const {weightsManifest = [], ...rest} = JSON.parse(content);
const weightSpecs = weightsManifest.flatMap((group) => group.weights);
try {
  const model = await tf.loadGraphModel(
    {load: async () => ({...rest, weightSpecs, weightData: bytes(weights)})});
  const given = Object.fromEntries(inputs.map(({name, shape, dtype, values}) =>
    [name, tf.tensor(values, shape, dtype)]));
  const names = Object.keys(rest.signature.outputs);
  const found = [await model.executeAsync(given, names)].flat();
  const outputs = [];
  for (const [i, tensor] of found.entries()) {
    const values = Array.from(await tensor.data(), (value) => Number.isFinite(Number(value))
      ? Number(value) : String(value));
    outputs.push({name: names[i], shape: tensor.shape, dtype: tensor.dtype, values});
  }
  return {outputs};
} catch (error) {
  return {error: error.message};
} finally {
  tf.disposeVariables();
}
"""


def run_on_webgl(folders: Iterable[Path]) -> None:
    """Run the models in folders on their first vector, one browser for all of them."""
    with chromium() as driver:
        driver.execute_script(
            "(0, eval)(arguments[0])", (packages().folder / "tf.min.js").read_text()
        )
        assert run_module(driver, _START) == "webgl"
        for folder in folders:
            _write(folder, run_module(driver, _RUN, *_read(folder)))


def _read(folder: Path) -> tuple[str, str, list[dict[str, Any]]]:
    text = (folder / "model.json").read_text()
    paths = [path for group in json.loads(text)["weightsManifest"] for path in group["paths"]]
    weights = b"".join((folder / path).read_bytes() for path in paths)
    (vector, *_) = load_vectors(folder / "vectors").vectors
    inputs = [
        {
            "name": name,
            "shape": list(values.shape),
            "dtype": str(values.dtype),
            "values": values.reshape(-1).tolist(),
        }
        for name, values in vector.inputs.items()
    ]
    return text, base64.b64encode(weights).decode(), inputs


def _write(folder: Path, result: dict[str, Any]) -> None:
    content = bytearray()
    for output in result.get("outputs", ()):
        dtype = {"bool": "uint8"}.get(output["dtype"], output["dtype"])
        values = np.array([float(value) for value in output.pop("values")]).astype(dtype)
        output |= {"offset": len(content), "bytes": values.nbytes}
        content += values.tobytes()
    (folder / "webgl.bin").write_bytes(content)
    (folder / "webgl.json").write_text(json.dumps(result))
