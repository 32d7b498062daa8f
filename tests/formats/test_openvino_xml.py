"""Files of OpenVINO, told from other XML without OpenVINO."""

import time
from pathlib import Path

import pytest

from pipeline.errors import FormatError, SetupError
from pipeline.formats import format as formats
from pipeline.formats.data_files import find_data_files, list_data_files
from pipeline.formats.detect import detect_format, find_models
from pipeline.formats.openvino_xml import read_version
from pipeline.formats.table import find_format

NET = '<net name="m" version="11"><layers><layer id="0" type="Const" version="opset1"/></layers>'
HEAD = '<?xml version="1.0"?>\n'


def write(folder: Path, text: str, name: str = "m.xml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (HEAD + NET, 11),
        (NET.replace("11", "10"), 10),
        ("\ufeff" + HEAD + NET, 11),
        (HEAD + "<!-- <net version='3'> -->\n<?style x?>" + NET, 11),
        ("<net name='a version=\"7\" >' version = '11' />", 11),
        (NET.replace("11", "6"), 6),
        ('<net name="m">', None),
        ("<network version='11'>", None),
        ("<net version='eleven'>", None),
        ("<project><net version='11'></project>", None),
        (f"<net version='{'9' * 5000}'>", None),
        ("", None),
    ],
)
def test_the_root_element_states_the_version(
    tmp_path: Path, text: str, version: int | None
) -> None:
    path = write(tmp_path, text)

    assert read_version(path) == version
    if version is None:
        with pytest.raises(FormatError, match=r"m\.xml"):
            detect_format(path, asked=None, name="m.xml")
    else:
        assert detect_format(path, asked=None, name="m.xml") == "openvino"


@pytest.mark.parametrize("part", ["<?xml?>", "<!--", "<net a='b' ", "<net a=", " ", "<!-- a -->"])
def test_a_head_without_end_takes_no_time(tmp_path: Path, part: str) -> None:
    path = write(tmp_path, part * 20_000)
    started = time.monotonic()

    assert read_version(path) is None
    assert time.monotonic() - started < 1


def test_constants_lie_in_the_bin_beside_it(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + NET, "a.b.XML")
    plain = write(tmp_path, NET.replace("Const", "Parameter"), "plain.xml")
    other = write(tmp_path, "<project type='Const'/>", "other.xml")

    assert list_data_files(path) == ["a.b.bin"]
    assert list_data_files(plain) == list_data_files(other) == []
    assert find_data_files(path) == []
    (tmp_path / "a.b.bin").write_bytes(b"")
    assert find_data_files(path) == [tmp_path / "a.b.bin"]


def test_of_the_xml_in_a_folder_models_are_listed(tmp_path: Path) -> None:
    write(tmp_path, "<project/>", "pom.xml")
    write(tmp_path, HEAD + NET, "model.xml")

    assert find_models(tmp_path) == [tmp_path / "model.xml"]


def test_the_extra_is_named_where_the_reader_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "installed_version", lambda _: None)
    find_format("onnx").require_reader()

    with pytest.raises(SetupError, match="needs openvino, which is not installed") as caught:
        find_format("openvino").require_reader()
    assert caught.value.hint == 'pip install "tfjs-zoo[openvino]"'
