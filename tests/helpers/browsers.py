"""Whether tests can run models in a browser here."""

import pytest

from pipeline.disk.browser_program import find_browser
from pipeline.wall.wall import describe_lack, find_wall


def _lack() -> str | None:
    found = find_browser()
    if isinstance(found, str):
        return found
    return describe_lack(children=True) if find_wall(children=True) is None else None


needs_browser = pytest.mark.skipif(_lack() is not None, reason=str(_lack()))
