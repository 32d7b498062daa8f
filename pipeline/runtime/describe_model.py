"""Description: the inputs and outputs of a layers model in TensorFlow.js.

TensorFlow.js itself is asked for their names, and for the shapes that follow from the layers.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.disk.typed_json import describe_fault
from pipeline.errors import ConversionError, WorkerError
from pipeline.records.source import LoadedModel
from pipeline.runtime.node_process import Ending
from pipeline.runtime.node_session import NodeSession, use_session
from pipeline.runtime.tfjs_packages import Packages
from pipeline.workers.child_process import last_lines
from pipeline.workers.limits import Budget


def describe_layers_model(  # noqa: PLR0913  # one process: its files and its limits
    model: Path,
    *,
    packages: Packages,
    log: Path,
    budget: Budget,
    trusted: bool,
    hint: str,
    node: NodeSession | None = None,
) -> LoadedModel:
    """Load a layers model in TensorFlow.js and return its inputs and outputs.

    Args:
        model: Folder of its model.json.
        packages: The release of TensorFlow.js.
        log: File to which the output of the process is appended; its folder holds temporary files.
        budget: Time, memory and disk.
        trusted: Whether the model may run on a machine without a wall.
        hint: The remedy if the model does not load.
        node: Its process; None for one that ends here.

    Returns:
        Inputs and outputs; the names are unique.

    Raises:
        ConversionError: TensorFlow.js cannot load it, or describes no inputs and outputs.
        NoWallError: This machine has no wall, and the model is not trusted.
        WorkerError: Node.js or TensorFlow.js does not start, died, or took too long.
    """
    with tempfile.TemporaryDirectory(dir=log.parent) as name:
        folder = Path(name)

        def run() -> Ending:
            return session.run(
                {"describe": "model"},
                given={"model": model},
                packages=packages,
                folder=folder,
                log=log,
                budget=budget,
                trusted=trusted,
                tick=lambda _run: None,
            )

        with use_session(node, log.parent) as session:
            ending = run()
            if ending.fault is not None and not ending.limited:
                ending = run()
        if ending.fault is not None:
            said = f"its log ends with:\n{last_lines(log.read_bytes())}"
            raise WorkerError(f"TensorFlow.js did not load the model: {ending.fault}", hint=said)
        description = _load(folder / "description.json")
    if "error" in description:
        raise ConversionError(f"TensorFlow.js cannot load it: {description['error']}", hint=hint)
    try:
        return LoadedModel.model_validate(description)
    except ValidationError as error:  # the model decides what TensorFlow.js says of it
        fault = describe_fault(error)
        raise ConversionError(f"TensorFlow.js describes it oddly: {fault}", hint=hint) from None


def _load(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        description = None
    if not isinstance(description, dict) or not ({"error", "inputs"} & description.keys()):
        raise WorkerError("TensorFlow.js left no description of the model that can be read")
    return description
