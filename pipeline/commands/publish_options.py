"""Options of `doit publish`; two of them may lack their value."""

from collections.abc import Sequence

from pipeline.commands.arguments import options_first
from pipeline.commands.diff import OPTION_FAIL_ON
from pipeline.publish.generations.old_generations import KEEP_DAYS

PREVIOUS = "previous"
MANIFEST = "manifest"
"""The value for a generation, and for a URL, that is not given."""

_OPTION_URL = {
    "name": "url",
    "short": "",
    "long": "url",
    "type": str,
    "default": "",
    "metavar": "URL",
    "help": "where the published zoo is read over HTTP: all of it is then read back from there",
}
_OPTION_CHECK = {
    "name": "check",
    "short": "",
    "long": "check",
    "type": str,
    "default": "",
    "metavar": "[URL]",
    "help": "only read a published zoo back, whoever published it",
}
_OPTION_DRY_RUN = {
    "name": "dry_run",
    "short": "n",
    "long": "dry-run",
    "type": bool,
    "default": False,
    "help": "only say what would be done",
}
_OPTION_AGAIN = {
    "name": "again",
    "short": "",
    "long": "again",
    "type": bool,
    "default": False,
    "help": "upload every file, also what is there already",
}
_OPTION_GENERATIONS = {
    "name": "generations",
    "short": "",
    "long": "generations",
    "type": bool,
    "default": False,
    "help": "only list the generations that can be shown again",
}
_OPTION_ROLLBACK = {
    "name": "rollback",
    "short": "",
    "long": "rollback",
    "type": str,
    "default": "",
    "metavar": "[GENERATION]",
    "help": "show an earlier generation again; the one before, if none is named",
}
_OPTION_PRUNE = {
    "name": "prune",
    "short": "",
    "long": "prune",
    "type": bool,
    "default": False,
    "help": "after publishing, remove what was replaced long enough ago",
}
_OPTION_KEEP_DAYS = {
    "name": "keep_days",
    "short": "",
    "long": "keep-days",
    "type": int,
    "default": KEEP_DAYS,
    "help": "days that --prune keeps a generation after another replaced it; readers who hold "
    "its catalog need its files [default: %(default)s]",
}
_OPTION_NO_READ_BACK = {
    "name": "no_read_back",
    "short": "",
    "long": "no-read-back",
    "type": bool,
    "default": False,
    "help": "do not read the published zoo back",
}

OPTIONS = (
    _OPTION_URL,
    _OPTION_CHECK,
    _OPTION_DRY_RUN,
    _OPTION_AGAIN,
    _OPTION_GENERATIONS,
    _OPTION_ROLLBACK,
    _OPTION_PRUNE,
    _OPTION_KEEP_DAYS,
    _OPTION_NO_READ_BACK,
    {**OPTION_FAIL_ON, "help": "publish nothing when there is one of these: breaking, regression"},
)


def arrange_arguments(arguments: Sequence[str]) -> list[str]:
    """Return arguments with options before the target, and each option with a value.

    doit looks for no options after the first argument, and knows no optional values.
    """
    arranged: list[str] = []
    pending = list(arguments)
    while pending:
        word = pending.pop(0)
        if word == "--":
            arranged += [word, *pending]
            break
        if word == "--rollback":
            follows = bool(pending) and pending[0].isdigit()
            word = f"{word}={pending.pop(0) if follows else PREVIOUS}"
        elif word == "--check":
            follows = bool(pending) and "://" in pending[0]
            word = f"{word}={pending.pop(0) if follows else MANIFEST}"
        arranged.append(word)
    return options_first(arranged, with_value={"--url", "--keep-days", "--fail-on"})
