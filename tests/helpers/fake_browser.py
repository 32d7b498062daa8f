"""A program instead of a browser: it writes its command line to a file, and stays.

Started as `fake_browser.py FILE ARGUMENTS…`.
"""

import json
import sys
import time
from pathlib import Path

file, *arguments = sys.argv[1:]
Path(file).with_suffix(".part").write_text(json.dumps(arguments))
Path(file).with_suffix(".part").rename(file)
time.sleep(600)
