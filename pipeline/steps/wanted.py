"""The models that the command at work needs, and those of which doit gets the tasks at once."""

from collections.abc import Sequence

from pipeline.steps.graph import Graph
from pipeline.steps.tasks import OF_ZOO
from pipeline.steps.wish import current_wish

# Of so many models jobs are kept; those of others are made again for the records of a run.
_MOST_KEPT = 500


def narrow(graph: Graph) -> None:
    """Leave the models out of a graph's tasks that the command at work does not need."""
    wish = current_wish()
    if wish.kind in {"none", "groups"}:
        graph.wanted = []
    elif wish.kind == "changed":
        leave_out_sealed(graph)
    elif wish.kind == "refreshable":
        graph.wanted = [name for name in graph.models if f"fetch:{name}" in graph.refreshable]
    elif wish.kind == "named":
        _choose_named(graph, wish.names)
    graph.loaded = [] if wish.in_turn else graph.wanted
    if not graph.loaded:
        graph.most_kept = _MOST_KEPT


def leave_out_sealed(graph: Graph) -> None:
    """Leave the models out that are up to date as a whole."""
    from pipeline.engine.database import read_ahead
    from pipeline.steps.seals import Seals

    sealed = Seals(graph, read_ahead(graph.layout.database)).find_sealed()
    graph.sealed = sealed
    graph.wanted = [name for name in graph.models if name not in sealed]


def _choose_named(graph: Graph, names: Sequence[str]) -> None:
    """Take the models that names stand for; all if a name is another one, such as a wildcard."""
    if set(names) <= {*OF_ZOO}:
        leave_out_sealed(graph)
        return
    chosen: set[str] = set()
    for name in names:
        found = _find_models(graph, name)
        if not found:
            return
        chosen |= found
    graph.wanted = [name for name in graph.models if name in chosen]


def _find_models(graph: Graph, name: str) -> set[str]:
    """Return the models that a name of a model, task or tag stands for."""
    kind, _, rest = name.partition(":")
    if kind == "tag":
        return {model.name for model in graph.zoo.models if rest in model.tags}
    from pipeline.steps.table import MODEL_STEPS

    steps = {each.step.name for each in MODEL_STEPS}
    model = rest.partition(":")[0] if kind in {"model", *steps} else name
    return {model} & graph.models.keys()
