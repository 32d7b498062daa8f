"""MetaGraphs: reads saved_model.pb without TensorFlow's loader, which runs the model.

A SavedModel holds one or more MetaGraphs, each chosen by its tags.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from google.protobuf import message, text_format
from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef, MetaGraphDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from pipeline.errors import FormatError, SignatureError
from pipeline.text.suggest import did_you_mean, find_similar

_V1_ASSETS = "saved_model_assets"
# The default among several graphs: TensorFlow's convention, then that of TF Hub's modules, which
# have no tags but in training.
_BY_DEFAULT: tuple[tuple[str, ...], ...] = (("serve",), ())
_FILES = ("saved_model.pb", "saved_model.pbtxt")
_SHARD = re.compile(r"variables\.data-\d{5}-of-(\d{5})")
_VARIABLE_OPS = {"VarHandleOp", "VariableV2", "Variable"}


def load_saved_model(folder: Path) -> SavedModel:
    """Read saved_model.pb (or .pbtxt) and check that the files that it needs exist.

    Raises:
        FormatError: It is missing, cut off or no SavedModel, or variables are missing.
    """
    saved_model = _read(folder)
    nodes = (node for graph in saved_model.meta_graphs for node in graph.graph_def.node)
    if any(node.op in _VARIABLE_OPS for node in nodes):
        _check_variables(folder)
    return saved_model


def choose_meta_graph(saved_model: SavedModel, tags: Sequence[str] | None) -> MetaGraphDef:
    """Return the MetaGraph with exactly these tags.

    Args:
        saved_model: The SavedModel.
        tags: None for the only graph; among several that of `serve`, else that without tags.

    Raises:
        SignatureError: There is no such graph, or several without a default.
    """
    by_tags = {tuple(sorted(graph.meta_info_def.tags)): graph for graph in saved_model.meta_graphs}
    if tags is None:
        candidates = by_tags if len(by_tags) == 1 else _BY_DEFAULT
        for candidate in candidates:
            if candidate in by_tags:
                return by_tags[candidate]
        raise SignatureError(
            f"the SavedModel holds several graphs: {format_tag_sets(by_tags)}",
            hint="choose one with `saved_model_tags:`",
        )
    wanted = tuple(sorted(tags))
    if wanted not in by_tags:
        near = find_similar(",".join(wanted), map(",".join, by_tags))
        raise SignatureError(
            f"saved_model_tags: no graph with the tags {format_tag_sets([wanted])}; "
            f"the SavedModel has {format_tag_sets(by_tags)}{did_you_mean(near)}"
        )
    return by_tags[wanted]


def read_assets(meta_graph: MetaGraphDef) -> list[AssetFileDef]:
    """Return the files of a model that TensorFlow opens while it loads the model.

    TensorFlow 2 lists them in a field, TensorFlow 1 in a collection, which counts if the field
    is empty (`get_asset_tensors` in saved_model/loader_impl.py).

    Raises:
        FormatError: The collection holds other messages.
    """
    assets = list(meta_graph.asset_file_def)
    if assets or _V1_ASSETS not in meta_graph.collection_def:
        return assets
    for packed in meta_graph.collection_def[_V1_ASSETS].any_list.value:
        asset = AssetFileDef()
        try:
            packed.Unpack(asset)
        except message.DecodeError:
            raise FormatError("saved_model.pb: the list of the model's files is damaged") from None
        assets.append(asset)
    return assets


def list_assets(meta_graph: MetaGraphDef) -> dict[str, str]:
    """Return the file in `assets` for each node that holds an asset's path."""
    return {
        asset.tensor_info.name.partition(":")[0]: asset.filename
        for asset in read_assets(meta_graph)
    }


def format_tag_sets(tag_sets: Iterable[Sequence[str]]) -> str:
    """Return tag sets as the manifest writes them: "serve", "serve,gpu" or "" (no tags)."""
    texts = sorted(",".join(tags) for tags in tag_sets)
    return ", ".join(f"'{text}'" if text else "'' (no tags)" for text in texts)


def _read(folder: Path) -> SavedModel:
    saved_model = SavedModel()
    path = next((folder / name for name in _FILES if (folder / name).is_file()), None)
    if path is None:
        raise FormatError("saved_model.pb is missing; expected a SavedModel folder")
    try:
        if path.suffix == ".pbtxt":
            text_format.Parse(path.read_bytes(), saved_model)
        else:
            saved_model.ParseFromString(path.read_bytes())
    except (message.DecodeError, text_format.ParseError, UnicodeDecodeError):
        raise FormatError(
            f"{path.name} is truncated or no SavedModel",
            hint="fetch the model again; a download may have been cut off",
        ) from None
    if not saved_model.meta_graphs:
        raise FormatError(f"{path.name} holds no graph; expected a SavedModel")
    _check_tags(saved_model, path.name)
    return saved_model


def _check_tags(saved_model: SavedModel, name: str) -> None:
    """Raise if tags do not select a single graph: TensorFlow would take the first."""
    counts = Counter(frozenset(graph.meta_info_def.tags) for graph in saved_model.meta_graphs)
    tags, count = counts.most_common(1)[0]
    if count > 1:
        raise FormatError(
            f"{name} holds {count} graphs with the tags {format_tag_sets([sorted(tags)])}; "
            "expected different tags for each"
        )


def _check_variables(folder: Path) -> None:
    variables = folder / "variables"
    hint = "fetch the model again with its `variables` folder"
    if not (variables / "variables.index").is_file():
        raise FormatError("variables/variables.index is missing", hint=hint)
    names = {path.name for path in variables.iterdir()}
    shards = [match for name in sorted(names) if (match := _SHARD.fullmatch(name))]
    count = int(shards[0][1]) if shards else 1
    for number in range(count):
        name = f"variables.data-{number:05}-of-{count:05}"
        if name not in names:
            raise FormatError(f"variables/{name} is missing", hint=hint)
