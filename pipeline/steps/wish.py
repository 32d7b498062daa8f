"""The wish of a command: which tasks it needs.

A command states it before `dodo.py` is loaded, because doit asks for all tasks then, and takes time
for each, even one to list.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

Kind = Literal["all", "changed", "named", "refreshable", "none", "groups"]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The tasks of models that a command needs.

    Attributes:
        kind: "changed" for those of the models whose seals are broken; "named" for those of the
            models that names stand for; "refreshable" for those of the models whose source may
            change at its address; "groups" where the names of groups are all that is needed, and
            models.yaml is not read.
        names: Names of tasks and models.
        in_turn: Whether doit gets the tasks of a model when it comes to the model, and none before.
    """

    kind: Kind
    names: tuple[str, ...] = ()
    in_turn: bool = False


ALL = Wish(kind="all")
NONE = Wish(kind="none")
GROUPS = Wish(kind="groups")
_wish: ContextVar[Wish] = ContextVar("wish", default=ALL)


@contextlib.contextmanager
def wishing(wish: Wish) -> Iterator[None]:
    """Make a wish hold for a block."""
    token = _wish.set(wish)
    try:
        yield
    finally:
        _wish.reset(token)


def current_wish() -> Wish:
    """Return the wish of the command at work; all tasks if it has stated none."""
    return _wish.get()
