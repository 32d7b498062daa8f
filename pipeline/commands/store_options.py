"""The choice of a shared store: an option, an environment variable or models.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.steps.graph import Graph

if TYPE_CHECKING:
    from pipeline.store.shared_store import SharedStore
    from pipeline.store.store_files import StoreFiles

STORE_VARIABLE = "TFJS_ZOO_STORE"
READ_ONLY_VARIABLE = "TFJS_ZOO_STORE_READ_ONLY"
NO_STORE = "none"
NONE_CHOSEN = (
    f"no store is named: {STORE_VARIABLE} or `zoo: {{store: …}}` in models.yaml names one; "
    "docs/store.md says more"
)

OPTION_STORE = {
    "name": "store",
    "short": "",
    "long": "store",
    "type": str,
    "default": "",
    "help": "the store of results that machines share: a folder, or a URL such as s3://bucket/zoo; "
    f"`{NO_STORE}` for no store [default: {STORE_VARIABLE}, then zoo: store: in models.yaml]",
}
OPTION_READ_ONLY = {
    "name": "store_read_only",
    "short": "",
    "long": "store-read-only",
    "type": bool,
    "default": False,
    "help": f"fetch results from the store, and put none there [default: {READ_ONLY_VARIABLE}]",
}


def choose_store(
    graph: Graph, params: Mapping[str, Any], environ: Mapping[str, str]
) -> "SharedStore | None":
    """Return the store that a run uses; None without one.

    Args:
        graph: The zoo.
        params: Values of the command's options.
        environ: The environment.

    Raises:
        SetupError: The store has no known form, or its client is not installed.
    """
    files = choose_store_files(graph, params["store"], environ)
    if files is None:
        return None
    # A run without a store waits for no import.
    from pipeline.store.shared_store import SharedStore

    read_only = params["store_read_only"] or is_read_only(graph, environ)
    return SharedStore(files, read_only=read_only)


def is_read_only(graph: Graph, environ: Mapping[str, str]) -> bool:
    """Return whether the environment or models.yaml forbids to put or remove results."""
    section = graph.zoo.store
    forbidden = environ.get(READ_ONLY_VARIABLE, "") not in {"", "0"}
    return forbidden or (section is not None and section.read_only)


def choose_store_files(
    graph: Graph, option: str, environ: Mapping[str, str]
) -> "StoreFiles | None":
    """Return the files of the store that an option, the environment or models.yaml names."""
    found = find_store(graph, option, environ)
    if found is None:
        return None
    from pipeline.store.open_store import open_store_files

    return open_store_files(**found)


def find_store(graph: Graph, option: str, environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the arguments that open that store, by name; None without one."""
    section = graph.zoo.store
    address, root = option or environ.get(STORE_VARIABLE, ""), Path.cwd()
    if not address and section is not None:
        address, root = section.at, graph.layout.root
    if not address or address == NO_STORE:
        return None
    endpoint = section.endpoint if section is not None else None
    return {"address": address, "root": root, "endpoint": endpoint}
