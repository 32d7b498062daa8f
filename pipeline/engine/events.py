"""Events: the reports of steps while they run, and their listeners.

Steps run in worker threads and call `emit`; reporters `subscribe`. This module draws nothing.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.text.printable import printable

# Longer than a failure's reason with the names of all steps up to this one.
MAX_TEXT = 1000

Status = Literal["started", "progress", "ok", "failed", "skipped", "adopted", "remembered"]


@dataclass(frozen=True, kw_only=True, slots=True)
class StepEvent:
    """One change of a step's state.

    Its texts may hold words of models and servers; they are made printable.

    Attributes:
        task: Name of the doit task: "convert:handtrack", "variant:handtrack:float16", "catalog".
        model: The model that the step belongs to; None for a step of the whole zoo.
        status: `adopted`: an earlier result is still right, and no work was done.
            `remembered`: a failure that would only repeat is reported again.
        reason: Why it failed or was skipped; may have several lines.
        hint: What the user can do about it.
        log: Log file of the step, absolute.
        cause: Why it ran: "never built", "parameter strip_debug_ops changed: true → false".
        expected: Whether the manifest says `expect: failed` of this model.
        retry: The next run tries this failure again, because the same inputs may then succeed.
        fault: The fault of this machine, as "No space left on device"; None if a model failed.
        upstream: Task whose failure is the only reason for this skip.
        seconds: How long the step took, if it ran.
        from_store: Whether its result came from the shared store.
        done: How much is done, of a `progress` event: bytes transferred, or `unit`.
        total: How much there is to do, if known.
        unit: What `done` and `total` count, such as "run"; None for bytes.
        usual: Seconds that the step took the last time, of a `started` event; None if it is new.
    """

    task: str
    model: str | None
    status: Status
    reason: str | None = None
    hint: str | None = None
    log: Path | None = None
    cause: str | None = None
    expected: bool = False
    retry: bool = False
    fault: str | None = None
    upstream: str | None = None
    seconds: float | None = None
    from_store: bool = False
    done: int | None = None
    total: int | None = None
    unit: str | None = None
    usual: float | None = None

    def __post_init__(self) -> None:
        for name in ("reason", "hint", "cause"):
            text = getattr(self, name)
            if text is not None:
                object.__setattr__(self, name, printable(text, limit=MAX_TEXT))


Listener = Callable[[StepEvent], None]

_lock = threading.Lock()
_listeners: tuple[tuple[object, Listener], ...] = ()


def emit(event: StepEvent) -> None:
    """Call all listeners, in the caller's thread; a listener that raises never breaks a step."""
    for _, listener in _listeners:
        try:
            listener(event)
        except Exception:
            logging.getLogger(__name__).exception("a listener failed on %s", event.task)


def subscribe(listener: Listener) -> Callable[[], None]:
    """Add a listener, called from any thread, and return the function that removes it."""
    global _listeners  # noqa: PLW0603  # replaced as a whole, so that emit needs no lock
    entry = (object(), listener)
    with _lock:
        _listeners = (*_listeners, entry)

    def unsubscribe() -> None:
        global _listeners  # noqa: PLW0603  # as above
        with _lock:
            _listeners = tuple(other for other in _listeners if other[0] is not entry[0])

    return unsubscribe
