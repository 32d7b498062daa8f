"""Damaged ONNX files: what thousands of mutations of real files lead to.

Half of the mutations change some bytes of a file or cut it off, half change its parts and keep it a
protobuf: sizes, dtypes, names, numbers, versions, order and number of nodes. Each file is read and
its graph built, as a conversion does. Expected is an error of ours that names the file or the
node, or a graph; anything else is listed, and so is a mutation that takes more than 20 seconds. The
file that is tried lies in --folder, for the case that the process dies.

    python benchmarks/onnx/damaged_files.py FILE.onnx... [--count 1000]
"""

import argparse
import random
import resource
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import onnx

from pipeline.errors import PipelineError
from pipeline.tf.onnx.build_graph import GraphBuilder
from pipeline.tf.onnx.onnx_metadata import find_contracts, find_labels, read_about
from pipeline.tf.onnx.onnx_model import read_onnx
from pipeline.tf.onnx.operators import check_operators
from pipeline.tf.onnx.trace import trace_graph

_SECONDS = 20
_BYTES = (0, 1, 2, 8, 10, 18, 58, 127, 128, 254, 255)
_NUMBERS = (
    -(2**63),
    -(2**31),
    -7,
    -1,
    0,
    1,
    2,
    3,
    5,
    100,
    2**20,
    2**31 - 1,
    2**31,
    2**40,
    2**63 - 1,
)


def mutate(content: bytes, stream: random.Random) -> bytes:
    """Return a file with some bytes changed, or some parts of its messages."""
    if stream.random() < 0.5:  # noqa: PLR2004  # half of them
        return _mutate_bytes(content, stream)
    model = onnx.ModelProto.FromString(content)
    for _ in range(stream.randint(1, 4)):
        stream.choice(_CHANGES)(model, stream)
    return bytes(model.SerializeToString())


def _mutate_bytes(content: bytes, stream: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(stream.randint(1, 6)):
        span = len(changed) if stream.random() < 0.5 else min(len(changed), 4096)  # noqa: PLR2004  # half
        choices = _BYTES if stream.random() < 0.5 else range(256)  # noqa: PLR2004  # half of them
        changed[stream.randrange(span)] = stream.choice(choices)
    if stream.random() < 0.1:  # noqa: PLR2004  # cut off
        del changed[stream.randrange(len(changed)) :]
    return bytes(changed)


def _nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    waiting = [model.graph]
    while waiting:
        for node in waiting.pop().node:
            yield node
            waiting += [each.g for each in node.attribute if each.HasField("g")]


def _pick(items: Any, stream: random.Random) -> Any:
    found = list(items)
    return stream.choice(found) if found else None


def _change_name(model: onnx.ModelProto, stream: random.Random) -> None:
    node = _pick(_nodes(model), stream)
    names = node and stream.choice((node.input, node.output))
    if names:
        names[stream.randrange(len(names))] = _pick(_names(model), stream) or "x"


def _names(model: onnx.ModelProto) -> Iterator[str]:
    yield from ("", "nobody", "a\udcffb".encode("utf-8", "replace").decode())
    for node in _nodes(model):
        yield from (*node.input, *node.output)


def _change_op(model: onnx.ModelProto, stream: random.Random) -> None:
    node = _pick(_nodes(model), stream)
    other = _pick(_nodes(model), stream)
    if node is not None:
        node.op_type = stream.choice((other.op_type, "Nothing", "Reshape", "Tile", "Expand", "If"))
        node.domain = stream.choice(("", "", "", "ai.onnx.ml", "com.microsoft", "org.example"))


def _change_attribute(model: onnx.ModelProto, stream: random.Random) -> None:
    attribute = _pick((each for node in _nodes(model) for each in node.attribute), stream)
    if attribute is None:
        return
    if attribute.ints:
        attribute.ints[stream.randrange(len(attribute.ints))] = stream.choice(_NUMBERS)
        return
    attribute.i = stream.choice(_NUMBERS)
    if stream.random() < 0.3:  # noqa: PLR2004  # some of them
        attribute.type = stream.choice(list(onnx.AttributeProto.AttributeType.values()))
    if stream.random() < 0.3:  # noqa: PLR2004  # some of them
        attribute.name = stream.choice(("axis", "axes", "value", "to", "perm", "nobody"))


def _change_constant(model: onnx.ModelProto, stream: random.Random) -> None:
    tensor = _pick(model.graph.initializer, stream)
    if tensor is None:
        return
    match stream.randrange(5):
        case 0 if tensor.dims:
            tensor.dims[stream.randrange(len(tensor.dims))] = stream.choice(_NUMBERS)
        case 1:
            tensor.data_type = stream.randrange(30)
        case 2:
            tensor.data_location = onnx.TensorProto.EXTERNAL
            location = stream.choice(("/etc/passwd", "../x", "m.onnx", "nobody"))
            tensor.external_data.add(key="location", value=location)
            tensor.external_data.add(key="offset", value=str(stream.choice(_NUMBERS)))
        case 3 if tensor.data_type == onnx.TensorProto.INT64 and tensor.raw_data:
            number = stream.choice(_NUMBERS).to_bytes(8, "little", signed=True)
            place = 8 * stream.randrange(len(tensor.raw_data) // 8)
            tensor.raw_data = tensor.raw_data[:place] + number + tensor.raw_data[place + 8 :]
        case _:
            tensor.raw_data = tensor.raw_data[: stream.randrange(len(tensor.raw_data) + 1)]


def _change_end(model: onnx.ModelProto, stream: random.Random) -> None:
    end = _pick((*model.graph.input, *model.graph.output, *model.graph.value_info), stream)
    kind = end.type.tensor_type
    match stream.randrange(4):
        case 0:
            kind.elem_type = stream.randrange(30)
        case 1 if kind.shape.dim:
            stream.choice(kind.shape.dim).dim_value = stream.choice(_NUMBERS)
        case 2:
            kind.shape.dim.add(dim_value=stream.choice(_NUMBERS))
        case _:
            end.type.sequence_type.elem_type.tensor_type.elem_type = 1


def _change_nodes(model: onnx.ModelProto, stream: random.Random) -> None:
    nodes = model.graph.node
    number, copied = stream.randrange(max(len(nodes), 1)), onnx.NodeProto()
    if not nodes:
        return
    copied.CopyFrom(nodes[number])
    if stream.random() < 0.5:  # noqa: PLR2004  # half of them
        del nodes[number]
    if stream.random() < 0.5:  # noqa: PLR2004  # half of them
        nodes.append(copied)


def _change_version(model: onnx.ModelProto, stream: random.Random) -> None:
    if model.opset_import:
        stream.choice(model.opset_import).version = stream.choice(
            (0, 1, 6, 7, 9, 11, 13, 18, 23, 99)
        )
    if stream.random() < 0.3:  # noqa: PLR2004  # some of them
        model.ir_version = stream.choice((0, 1, 3, 8, 99))


def _change_metadata(model: onnx.ModelProto, stream: random.Random) -> None:
    key = stream.choice(("names", "character", "license", "stride", "imgsz", "sample_rate"))
    value = stream.choice(("{0: 'a'", "[" * 9000, "{}", "9" * 5000, "a\nb\n", "\x1b[2J", "nan"))
    model.metadata_props.add(key=key, value=value)


_CHANGES: tuple[Callable[[onnx.ModelProto, random.Random], None], ...] = (
    _change_name,
    _change_op,
    _change_attribute,
    _change_attribute,
    _change_constant,
    _change_constant,
    _change_end,
    _change_nodes,
    _change_version,
    _change_metadata,
)


def attempt(path: Path) -> str:
    """Return the outcome for a file: "built", or the class of the error."""
    try:
        model = read_onnx(path)
        read_about(model)
        find_labels(model)
        find_contracts(model)
        check_operators(model)
        trace_graph(GraphBuilder(model=model))
    except PipelineError as error:
        return type(error).__name__
    except MemoryError:
        return "MemoryError"
    return "built"


class _TooLongError(BaseException):
    """A mutation took too long."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _TooLongError


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def try_file(path: Path, count: int, folder: Path) -> Counter[str]:
    """Return how often each outcome came of mutations of a file."""
    stream, content = random.Random(path.name), path.read_bytes()  # noqa: S311  # not for secrets
    outcomes: Counter[str] = Counter()
    tried = folder / "m.onnx"
    for number in range(count):
        tried.write_bytes(mutate(content, stream))
        before, started = _peak(), time.monotonic()
        signal.alarm(_SECONDS)
        try:
            outcomes[attempt(tried)] += 1
        except (Exception, _TooLongError) as error:  # noqa: BLE001  # that is what is looked for
            outcomes[f"BAD {type(error).__name__}"] += 1
            print(f"{path.name} mutation {number}: {type(error).__name__}: {error}"[:300])
            (folder / f"bad-{path.stem}-{number}.onnx").write_bytes(tried.read_bytes())
        finally:
            signal.alarm(0)
        grown, seconds = _peak() - before, time.monotonic() - started
        if grown > 500 or seconds > _SECONDS / 2:  # noqa: PLR2004  # MiB
            print(f"{path.name} mutation {number}: {grown:,} MiB more, {seconds:.0f} s", flush=True)
            (folder / f"large-{path.stem}-{number}.onnx").write_bytes(tried.read_bytes())
    return outcomes


def main() -> None:
    """Mutate the files of the command line and print the outcomes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    asked = parser.parse_args()
    signal.signal(signal.SIGALRM, _stop)
    for path in asked.files:
        started = time.monotonic()
        outcomes = try_file(path, asked.count, asked.folder)
        seconds = time.monotonic() - started
        print(
            path.name,
            dict(sorted(outcomes.items())),
            f"{seconds:.0f} s, {_peak():,} MiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
