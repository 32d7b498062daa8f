"""Files of OpenVINO (IR), as far as they are read without OpenVINO: an .xml and its .bin.

The format: https://docs.openvino.ai/2025/documentation/openvino-ir-format.html
"""

import mmap
import re
from pathlib import Path

SUFFIX = ".xml"
_WEIGHTS = ".bin"
_HEAD_BYTES = 2**16
_MAX_DIGITS = 10

_ATTRIBUTE = rb"""\s++([\w:.-]++)\s*+=\s*+("[^"<]*+"|'[^'<]*+')"""
# Behind the mark of UTF-8, the head of XML and comments comes the root element.
_NET = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?.*?\?>\s*+|<!--.*?-->\s*+)*+<net((?:%s)*+)\s*+/?>" % _ATTRIBUTE,
    re.DOTALL,
)
_CONSTANT = re.compile(rb"""\stype\s*+=\s*+["']Const["']""")


def read_version(path: Path) -> int | None:
    """Return the version of the format that a file states; None for a file of another format."""
    with path.open("rb") as file:
        net = _NET.match(file.read(_HEAD_BYTES))
    stated = dict(re.findall(_ATTRIBUTE, net[1])).get(b"version", b"")[1:-1] if net else b""
    return int(stated) if stated.isdigit() and len(stated) < _MAX_DIGITS else None


def list_weights(path: Path) -> list[str]:
    """Return the name of the file beside a model that has its constants; none without constants."""
    if read_version(path) is None:
        return []
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        return [f"{path.stem}{_WEIGHTS}"] if _CONSTANT.search(content) else []
