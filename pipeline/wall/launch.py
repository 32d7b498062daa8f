"""Launch: a program that starts behind the wall: `python -I -S launch.py RIGHTS PROGRAM ARGS…`.

RIGHTS is the JSON of `pipeline.wall.rights.Rights`. This process confines itself and then becomes
the program, so that the program runs no instruction before the wall. It imports only the standard
library, which takes some milliseconds.
"""

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Confine this process, and become the program of the command line."""
    # Python's -I leaves out every folder but the standard library's, also that of this package.
    sys.path.insert(0, str(Path(__file__).absolute().parents[2]))
    from pipeline.wall.confine import confine  # noqa: PLC0415  # importable only from here on
    from pipeline.wall.rights import parse_rights  # noqa: PLC0415  # importable only from here on

    rights, *command = sys.argv[1:]
    confine(parse_rights(json.loads(rights)))
    os.execv(command[0], command)  # noqa: S606  # a program of our own choosing


if __name__ == "__main__":
    main()
