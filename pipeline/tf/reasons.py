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
_UNKNOWN_OP = re.compile(r"Op type not registered '([\w>]+)'")
# Patterns of custom ops that models often have, their package, and what to do.
_PACKAGES = (
    (
        (
            r"TFText>|Wordpiece|FastWordpiece|Whitespace|Sentencepiece|FastSentencepiece|FastBert|"
            r"UnicodeScriptTokenize|RegexSplit|SplitMerge|NormalizeUTF8|CaseFoldUTF8|SentenceFragment|"
            r"FindSourceOffsets|PhraseTokenize|ByteSplit|ConstrainedSequence|RougeL"
        ),
        "tensorflow_text",
        (
            "its tokenizers have no counterpart in TensorFlow.js: export the part of the model "
            "behind the tokenizer, which takes ids (for a model of TF Hub: the encoder without its "
            "preprocessor), and tokenize in the page with the same vocabulary"
        ),
    ),
    (
        r"Addons>",
        "tensorflow_addons",
        (
            "save the model with layers of Keras in place of the add-on's, or as a Keras file: "
            "docs/keras.md lists the add-ons that are known"
        ),
    ),
    (
        r"IO>",
        "tensorflow_io",
        "it reads or decodes data: export the part of the model behind it",
    ),
    (
        r"Scann>",
        "ScaNN",
        (
            "a search index is no part of a graph: export the model that makes the embeddings, and "
            "search in the page"
        ),
    ),
)


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
    if unknown is None:
        return None
    op = unknown[1]
    package, hint = next(
        (found for pattern, *found in _PACKAGES if re.match(pattern, op)),
        ("", "it is a custom op; TensorFlow.js does not have it either"),
    )
    origin = f" of {package}" if package else ""
    return ConversionError(
        f"the graph needs the op {op}{origin}, which TensorFlow does not have", hint=hint
    )
