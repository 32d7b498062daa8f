"""Reasons that TensorFlow and other runtimes give, as messages have them."""

import re
from pathlib import Path

from pipeline.errors import ConversionError

# The parts of messages before the reason: colors, and the Python calls of a node.
_TRACE = re.compile(
    r"Graph execution error:.*?\n(?:Node: |<stack traces unavailable>\n)", re.DOTALL
)
# What Keras 3 and tf_keras say around the fault of one layer: the whole config.
_CONFIG = re.compile(
    r"(<class '[^']*'> could not be deserialized properly|Error when deserializing class ).*?"
    r"Exception encountered: ",
    re.DOTALL,
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_AUTOGRAPH = "in user code:"
_ERROR = re.compile(r"\w+(Error|Exception): ")
_UNKNOWN_OP = re.compile(r"Op type not registered '(\w+)'")


def format_reason(error: BaseException, folder: Path | None = None) -> str:
    """Return TensorFlow's reason: the first lines of its message, without paths.

    For instance "No OpKernel was registered to support Op 'Foo' …".
    """
    whole = _CONFIG.sub("", _TRACE.sub("", _COLOUR.sub("", str(error))))
    lines = [line.strip() for line in whole.splitlines() if line.strip()]
    if lines[:1] == [_AUTOGRAPH]:  # its "user code" is ours or the framework's; the error follows
        lines = lines[next((i for i, line in enumerate(lines) if _ERROR.match(line)), 0) :]
    text = " ".join(lines[:3]) or type(error).__name__
    for path in (folder, folder.resolve()) if folder else ():
        text = text.replace(f"{path}/", "").replace(str(path), "the model")
    return re.sub(r" in binary running on \S+?\.( |$)", ". ", text).strip()[:600]


def find_unknown_op(error: BaseException) -> ConversionError | None:
    """Return an error that names an op which TensorFlow lacks; None for any other cause."""
    unknown = _UNKNOWN_OP.search(str(error))
    return unknown and ConversionError(
        f"the graph needs the op {unknown[1]}, which TensorFlow does not have",
        hint="it is a custom op; TensorFlow.js does not have it either",
    )
