"""Files and folders that are no models, but lie where models do: what they are, and what to do.

They are recognized by their first bytes, or by their names where the bytes say nothing. Empty
files, pointers of Git LFS and pages of HTML do not come so far: `pipeline.fetch` refuses them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.formats.model_files import ModelFiles

# Where the name of the first file of a zip archive begins: APPNOTE.TXT of PKWARE, 4.3.7.
_NAME_IN_ZIP = 30
_SAFETENSORS_BRACE = 8


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """A kind of file that is no model.

    Attributes:
        what: What it is: "a page of HTML".
        hint: What to do.
        is_one: Whether a file is one.
        parts: In a folder of this kind, patterns of names that look like models, and are none.
    """

    what: str
    hint: str
    is_one: Callable[[ModelFiles], bool]
    parts: tuple[str, ...] = ()


def _starts(*marks: bytes) -> Callable[[ModelFiles], bool]:
    return lambda files: files.head.startswith(marks)


def _ends(*suffixes: str) -> Callable[[ModelFiles], bool]:
    return lambda files: files.path.name.lower().endswith(suffixes)


def _is_torch(files: ModelFiles) -> bool:
    """Tell whether a file is what torch.save writes: a zip archive whose first file is data.pkl."""
    first = files.head[_NAME_IN_ZIP:]
    is_archive = files.head.startswith(b"PK\x03\x04") and b"/data.pkl" in first
    return is_archive or files.path.name.lower().endswith((".pt", ".pth"))


def _is_safetensors(files: ModelFiles) -> bool:
    is_named = files.path.name.lower().endswith(".safetensors")
    return is_named or files.head[_SAFETENSORS_BRACE : _SAFETENSORS_BRACE + 2] == b'{"'


def _is_weights_manifest(files: ModelFiles) -> bool:
    """Tell whether a .json lists weights and their shards, as early TensorFlow.js and others do."""
    content: Any = files.json
    return bool(
        isinstance(content, list)
        and content
        and all(isinstance(each, Mapping) and {"paths", "weights"} <= set(each) for each in content)
    )


def _is_keras_config(files: ModelFiles) -> bool:
    """Tell whether a .json is what `to_json()` of a Keras model returns."""
    content: Any = files.json
    return isinstance(content, Mapping) and {"class_name", "config"} <= set(content)


_EXPORT = "export the model to ONNX with torch.onnx.export, and point `source:` at the .onnx"
_WHOLE = "the weights alone are no model; the code that built it has to save it whole"

STRANGERS: tuple[Stranger, ...] = (
    Stranger(
        what="a list of weights (weights_manifest.json) without the graph that they belong to",
        hint="point `source:` at the model.json that belongs to them; some packages of "
        "TensorFlow.js build their networks in code and have none: those cannot be converted",
        is_one=_is_weights_manifest,
    ),
    Stranger(
        what="the layers of a Keras model without their weights",
        hint="save the model whole: model.save('model.keras')",
        is_one=_is_keras_config,
    ),
    Stranger(what="a model or weights of PyTorch", hint=_EXPORT, is_one=_is_torch),
    Stranger(
        what="weights in safetensors",
        hint=f"{_WHOLE}: with PyTorch, {_EXPORT}",
        is_one=_is_safetensors,
    ),
    Stranger(
        what="a checkpoint of TensorFlow",
        hint=f"{_WHOLE}: tf.saved_model.save(…), or model.save(…)",
        is_one=_ends(".ckpt", ".index", ".ckpt.meta", ".data-00000-of-00001"),
    ),
    Stranger(
        what="a model in GGUF, for llama.cpp",
        hint="TensorFlow.js runs no such model; use the model that it was made from",
        is_one=_starts(b"GGUF"),
    ),
    Stranger(
        what="an array of NumPy",
        hint=f"{_WHOLE}: tf.saved_model.save(…), or model.save(…)",
        is_one=_starts(b"\x93NUMPY"),
    ),
    Stranger(
        what="a pickled object of Python, which is not opened: it can run any code",
        hint="save the model in a format for models; scikit-learn's with skl2onnx, as .onnx",
        is_one=_starts(*(bytes([0x80, version]) for version in range(2, 6))),
    ),
    Stranger(
        what="a picture",
        hint="point `source:` at the model",
        is_one=_starts(b"\x89PNG", b"\xff\xd8\xff", b"GIF8"),
    ),
    Stranger(
        what="a compressed file",
        hint="unpack it first, or point `source:` at the archive with #path of the model in it",
        is_one=_starts(b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"(\xb5/\xfd", b"7z\xbc\xaf\x27\x1c"),
    ),
)
"""Kinds of files that are no models; a file is of the first that it fits."""


def _has(*names: str) -> Callable[[ModelFiles], bool]:
    """Return whether a folder has a file for each of these patterns."""
    return lambda files: all(next(files.path.glob(name), None) for name in names)


FOLDERS: tuple[Stranger, ...] = (
    Stranger(
        what="a model of YDF (Yggdrasil Decision Forests)",
        hint="save it as a SavedModel, which can be converted: "
        "ydf.load_model(path).to_tensorflow_saved_model(folder, mode='tf')",
        is_one=_has("*data_spec.pb", "*header.pb", "*done"),
        parts=("*.pb",),
    ),
    Stranger(
        what="a checkpoint of TensorFlow",
        hint=f"{_WHOLE}: tf.saved_model.save(…), or model.save(…)",
        is_one=_has("checkpoint", "*.index"),
    ),
    Stranger(
        what="a preset of keras_hub or keras_nlp: weights, and the names of the classes to build",
        hint="build it where keras_hub is installed, and save it with model.export(folder)",
        is_one=_has("config.json", "metadata.json", "*.weights.h5"),
        parts=("*.weights.h5",),
    ),
    Stranger(
        what="a model of transformers: weights, and the name of the class to build",
        hint="export it with `optimum-cli export onnx --model PATH FOLDER`, and point `source:` "
        "at the .onnx",
        is_one=lambda files: (
            _has("config.json")(files)
            and any(_has(name)(files) for name in ("*.safetensors", "pytorch_model*.bin"))
        ),
        parts=("tf_model.h5",),
    ),
)
"""Kinds of folders that are no models; a folder is of the first that it fits."""


def recognize(files: ModelFiles) -> Stranger | None:
    """Return what a file or folder is that is no model; None for what nobody knows."""
    kinds = FOLDERS if files.is_folder else STRANGERS
    return next((each for each in kinds if each.is_one(files)), None)


def is_part_of_stranger(path: Path) -> bool:
    """Return whether a file looks like a model, and is a part of a folder known to be none."""
    return any(
        any(path.match(part) for part in each.parts) and each.is_one(ModelFiles(path=path.parent))
        for each in FOLDERS
    )
