"""The values of tensors in both runtimes: TensorFlow in a child process, TensorFlow.js in another.

TensorFlow.js runs in Node.js, and in a browser for the backends that only a browser has.

TensorFlow.js is asked by a copy of the model whose signature names the tensors as outputs. So any
backend that runs models gives the values inside them too.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.disk.browser_program import BROWSER_BACKENDS, find_browser
from pipeline.disk.files import link_or_copy
from pipeline.engine.step import MEMORY_PER_INPUT_BYTE, TENSORFLOW_BYTES, SubmitToTensorFlow
from pipeline.errors import ConversionError, WorkerError
from pipeline.proof.vector_files import Tensors, Vector, Vectors, load_vectors, write_vectors
from pipeline.runtime.browser.browser import BrowserJob, Browsers
from pipeline.runtime.node_results import ModelRun
from pipeline.runtime.node_session import NodeSession
from pipeline.runtime.run_models import run_models
from pipeline.runtime.tfjs_packages import Packages
from pipeline.tfjs.model.model_json import format_model_json, load_model_json
from pipeline.tfjs.model.signature_def import (
    SignatureDef,
    format_signature_def,
    parse_signature_def,
)
from pipeline.workers.limits import Budget

_NODE_VALUES = "pipeline.tf.tfjs_graph.node_values:write_node_values"
_ENTRY = "model.json"
_NAME = "model"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A run of a graph in TensorFlow.

    Attributes:
        fed: The tensors that get values; nothing before them is computed.
        tensors: The tensors to compute.
    """

    fed: Sequence[str]
    tensors: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Runtimes:
    """Both runtimes, and what they may use.

    Attributes:
        name: Name of the work in messages: "localize:handtrack".
        submit: Runs a function in a process that has TensorFlow.
        node: The process with TensorFlow.js; None for one in each run.
        packages: The release of TensorFlow.js.
        log: Absolute path of the file that gets the output of the processes; its folder holds
            temporary files.
        budget: Time, memory and disk for all processes.
        trusted: Whether the model may run on a machine without a wall, and with any op.
        open_browser: Returns the browser of the run, for backends that only a browser has.
    """

    name: str
    submit: SubmitToTensorFlow
    node: NodeSession | None = None
    packages: Packages
    log: Path
    budget: Budget
    trusted: bool
    open_browser: Callable[[], Browsers]

    def run_tensorflow(
        self, model: Path, values: Tensors, asked: Sequence[Asked]
    ) -> tuple[Tensors, Tensors]:
        """Return values in TensorFlow, and the same after a stir of weights and inputs.

        Args:
            model: Folder of a model.json.
            values: Values by tensor: of the inputs, or of tensors inside the graph.
            asked: The tensors to return; those that have no values are left out.

        Raises:
            ConversionError: TensorFlow cannot run the graph.
            UntrustedSourceError: The graph might touch the machine.
            WorkerError: The process exceeded a limit.
        """
        with tempfile.TemporaryDirectory(dir=self.log.parent) as name:
            folder = Path(name).resolve()
            runs = [{"fed": list(one.fed), "tensors": list(one.tensors)} for one in asked]
            self.call_tensorflow(_NODE_VALUES, folder, values, source=model, asked=runs)
            found, stirred = (vector.outputs for vector in load_vectors(folder).vectors)
        return found, stirred

    def call_tensorflow(
        self, function: str, folder: Path, values: Tensors, **arguments: Any
    ) -> Any:
        """Return the answer of a function of `pipeline.tf` that reads fed tensors.

        Args:
            function: As "module:name".
            folder: Its argument `folder`, which it may write.
            values: Values by tensor; the function gets the folder with them as `given`.
            arguments: Its other arguments but `trust`.
        """
        with ExitStack() as stack:
            given = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=self.log.parent)))
            _write_inputs(given, values)
            models = [value for value in arguments.values() if isinstance(value, Path)]
            sizes = (file.stat().st_size for path in models for file in path.iterdir())
            return (
                self.submit(
                    function,
                    {
                        **arguments,
                        "folder": folder,
                        "given": given.resolve(),
                        "trust": self.trusted,
                    },
                    budget=self.budget,
                    expected_memory_bytes=TENSORFLOW_BYTES + MEMORY_PER_INPUT_BYTE * sum(sizes),
                    name=self.name,
                    log=folder / "log.txt",
                    reads=(),
                    trusted=self.trusted,
                    alone=False,
                )
                .result()
                .value
            )

    def run_tfjs(
        self, model: Path, inputs: Tensors, tensors: Sequence[str], backend: str
    ) -> Tensors:
        """Return values in TensorFlow.js by tensor.

        Args:
            model: Folder of a model.json.
            inputs: The inputs by the names of its signature.
            tensors: The tensors to return.
            backend: The backend: "wasm".

        Raises:
            ConversionError: TensorFlow.js does not run it; the message is that of its error.
            WorkerError: The process exceeded a limit.
        """
        with tempfile.TemporaryDirectory(dir=self.log.parent) as name:
            folder = Path(name).resolve()
            asked, given, results = (folder / part for part in ("asked", "given", "results"))
            for path in (asked, given, results):
                path.mkdir()
            write_asking(model, asked, tensors)
            _write_inputs(given, inputs)
            run = self._run(backend, asked, given, results)
            if run.status != "ok":
                raise ConversionError(run.error or f"{backend} does not run it")
            # Read now: the files vanish with the folder.
            return dict(run.outputs[0].items())

    def _run(self, backend: str, model: Path, vectors: Path, results: Path) -> ModelRun:
        if backend in BROWSER_BACKENDS:
            return self._run_in_browser(backend, model, vectors, results)
        return run_models(
            node=self.node,
            models={_NAME: model},
            vectors=vectors,
            backends={backend: [_NAME]},
            folder=results,
            packages=self.packages,
            log=self.log,
            budget=self.budget,
            trusted=self.trusted,
            progress=lambda *_: None,
            check_predict=False,
        )[backend][_NAME]

    def _run_in_browser(self, backend: str, model: Path, vectors: Path, results: Path) -> ModelRun:
        program = find_browser()
        if isinstance(program, str):
            raise WorkerError(
                f"{backend} needs a browser: {program}",
                hint="install Chromium, or set CHROME to its program",
            )
        job = BrowserJob(
            program=program,
            backend=backend,
            model=model,
            vectors=vectors,
            packages=self.packages,
            trusted=self.trusted,
        )
        with self.log.open("a", encoding="utf-8") as log:
            run = self.open_browser().run(
                job,
                folder=results,
                budget=self.budget,
                tick=lambda: None,
                note=lambda line: print(line, file=log),
            )
        if run.died:
            raise WorkerError(f"the browser ended: {run.error}")
        return run


def write_asking(model: Path, folder: Path, tensors: Sequence[str]) -> None:
    """Write a copy of a graph model whose outputs are the tensors, each under its own name."""
    model_json = load_model_json(model / _ENTRY)
    inputs = format_signature_def(
        SignatureDef(inputs=parse_signature_def(model_json.content).inputs)
    )["inputs"]
    outputs = {tensor: {"name": tensor} for tensor in tensors}
    content = {
        key: value for key, value in model_json.content.items() if key != "userDefinedMetadata"
    }
    content["signature"] = {"inputs": inputs, "outputs": outputs}
    for group in model_json.groups:
        for path in group.paths:
            link_or_copy(model / path, folder / path)
    (folder / _ENTRY).write_bytes(format_model_json(replace(model_json, content=content)))


def _write_inputs(folder: Path, inputs: Mapping[str, Any]) -> None:
    write_vectors(folder, Vectors(vectors=[Vector(inputs=inputs, outputs={})], seed="", runtime=""))
