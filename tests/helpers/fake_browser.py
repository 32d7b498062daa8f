"""A program instead of a browser: it writes its process id and command line to a file, and stays.

Started as `fake_browser.py FILE ARGUMENTS…`.
"""

import json
import os
import sys
import time
from pathlib import Path

file, *arguments = sys.argv[1:]
said = json.dumps({"pid": os.getpid(), "arguments": arguments})
Path(file).with_suffix(".part").write_text(said)
Path(file).with_suffix(".part").rename(file)
time.sleep(600)
