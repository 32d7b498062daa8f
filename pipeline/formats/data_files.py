"""Data files: what lies beside a model of one file and has its constants."""

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from pipeline.formats import onnx_wire, openvino_xml

_LISTS: Mapping[str, Callable[[Path], list[str]]] = {
    onnx_wire.SUFFIX: onnx_wire.list_locations,
    openvino_xml.SUFFIX: openvino_xml.list_weights,
}


def list_data_files(path: Path) -> list[str]:
    """Return the paths of the files beside a model that have its data, as the model names them.

    Files of other names have none, and a damaged file those that are found before the damage.
    """
    find = _LISTS.get(path.suffix.lower())
    return find(path) if find is not None and path.stat().st_size else []


def find_data_files(path: Path) -> list[Path]:
    """Return the files with the data of a model that lie below its folder, and are no links."""
    named = [PurePosixPath(name) for name in list_data_files(path)]
    inner = [
        path.parent / name for name in named if not name.is_absolute() and ".." not in name.parts
    ]
    return [each for each in inner if each.is_file() and not each.is_symlink()]
