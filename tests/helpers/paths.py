"""Where the project, its test data and the helpers of the tests lie."""

from pathlib import Path

HELPERS = Path(__file__).parent
ROOT = HELPERS.parents[1]
DATA = ROOT / "tests" / "data"
