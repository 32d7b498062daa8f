"""The command that people typed, in hints: `doit` in a checkout, `tfjs-zoo` in other folders.

Receipts keep hints for later runs, so hints name `tfjs-zoo` and are put right where they are shown.
"""

import re
import sys
from pathlib import PurePath

OURS = "tfjs-zoo"
DOIT = "doit"
_QUOTED = re.compile(rf"`{OURS}(?=[ `])")


def name_typed(text: str) -> str:
    """Return a text whose hints name the typed command: "`doit plan`" for "`tfjs-zoo plan`"."""
    return _QUOTED.sub(f"`{DOIT}", text) if _typed() == DOIT else text


def _typed() -> str:
    program = PurePath(sys.argv[0])
    # `python -m doit` runs doit/__main__.py.
    return program.parent.name if program.stem == "__main__" else program.stem
