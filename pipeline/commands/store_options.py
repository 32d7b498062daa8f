"""The choice of a shared store: an option, an environment variable or models.yaml."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.manifest.zoo import StoreSection
from pipeline.steps.graph import Graph

if TYPE_CHECKING:
    from pipeline.store.shared_store import SharedStore

STORE_VARIABLE = "TFJS_ZOO_STORE"
READ_ONLY_VARIABLE = "TFJS_ZOO_STORE_READ_ONLY"
NO_STORE = "none"

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
    """Return the store to use; None without one.

    Args:
        graph: The zoo.
        params: Values of the command's options.
        environ: The environment.

    Raises:
        SetupError: The store has no known form, or its client is not installed.
    """
    found = find_store(graph, params, environ)
    if found is None:
        return None
    # A run without a store waits for no import.
    from pipeline.store.open_store import open_store

    section = graph.zoo.store
    return open_store(
        root=graph.layout.root,
        read_only=params["store_read_only"]
        or environ.get(READ_ONLY_VARIABLE, "") not in {"", "0"}
        or _is_read_only(section),
        **found,
    )


def find_store(
    graph: Graph, params: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, Any] | None:
    """Return the address of the store to use, as every machine opens it, and its endpoint."""
    section = graph.zoo.store
    address, root = params["store"], Path.cwd()
    if not address:
        address = environ.get(STORE_VARIABLE, "")
    if not address and section is not None:
        address, root = section.at, graph.layout.root
    if not address or address == NO_STORE:
        return None
    if "://" not in address:
        address = str((root / Path(address).expanduser()).resolve())
    return {"address": address, "endpoint": section.endpoint if section else None}


def _is_read_only(section: StoreSection | None) -> bool:
    return section is not None and section.read_only
