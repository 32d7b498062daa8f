"""Features: vectors and maps that describe an input, and quantities that a model estimates.

The role of a single output is nearly certain if the manifest names the task. The graph shows that
a model has lost its top: it ends in the ReLU of its last block, not in a product with weights.
This module opens no file.
"""

from collections.abc import Iterator

import numpy as np

from pipeline.roles.evidence.finding import Claim
from pipeline.roles.evidence.observations import Observed, Output
from pipeline.vocabulary.object_roles import CLASSIFICATION, EMBEDDING, FEATURES, REGRESSION

MIN_EMBEDDING = 16
_MIN_CHANNELS = 64
_MIN_POOLED = 256
_NDIM_MAP = 4
_MIN_STRIDE = 8
_UNIT = 1e-3


def find_features(model: Observed) -> Iterator[Claim]:
    """Yield the role of a model's only output, if it describes the input or a quantity."""
    if len(model.numeric) != 1 or len(model.outputs) != 1:
        return
    output = model.numeric[0]
    task = f"the only output of a model for {model.task}"
    if not output.varies:
        return
    if model.does(EMBEDDING) and output.row_length >= MIN_EMBEDDING:
        yield _claim_embedding(output, task)
    elif model.does(REGRESSION):
        yield Claim(role="values", output=output, evidence=(task,))
    elif model.does(FEATURES):
        yield Claim(role="features", output=output, evidence=(task,))
    elif _lacks_top(output, model):
        yield Claim(
            role="features",
            output=output,
            evidence=(
                (
                    f"the graph ends in the ReLU of a block, or its mean, with {output.last} "
                    "channels: the layers that would tell classes are missing"
                ),
            ),
        )


def read_length(output: Output) -> str | None:
    """Return "unit" if all rows have length 1, "free" if not, None if unknown."""
    if not output.varies:
        return None
    norms = np.concatenate(
        [np.linalg.norm(a.reshape(a.shape[0], -1), axis=1) for a in output.values]
    )
    return "unit" if np.abs(norms - 1.0).max() <= _UNIT else "free"


def _claim_embedding(output: Output, task: str) -> Claim:
    length = read_length(output)
    evidence = [task, f"a row of {output.row_length} values for each input"]
    if length == "unit":
        evidence.append("each row has length 1")
    return Claim(
        role="embedding",
        output=output,
        evidence=tuple(evidence),
        conventions={"length": length} if length else {},
    )


def _lacks_top(output: Output, model: Observed) -> bool:
    if not (model.family is None or model.does(CLASSIFICATION)) or model.image_size is None:
        return False
    if not model.structure.is_rectified(output.tensor) or output.low < 0.0:
        return False
    sizes = output.sizes
    if sizes is not None and len(sizes) == _NDIM_MAP and None not in sizes[1:]:
        largest = max(model.image_size) // _MIN_STRIDE
        height, width = sizes[1] or 0, sizes[2] or 0
        return max(height, width) <= largest and (output.last or 0) >= _MIN_CHANNELS
    return model.does(CLASSIFICATION) and output.row_length >= _MIN_POOLED
