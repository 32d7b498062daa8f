"""Hostile Keras files, graph models and archives: generators, by a name that says the trick.

Each is a function that writes a model into a folder and returns the path of what `source:` names.
`Trap` has what they try to reach: a secret file, a folder to write, a listener. SavedModels lie in
hostile_saved_models.py, servers in tests/helpers/hostile_server.py.
"""

import base64
import copy
import io
import json
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from graph_models import dense_weights, node, write_graph_model
from layers_models import write_layers_model

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Trap:
    """What an attack tries to reach.

    Attributes:
        secret: A file with a text that must not get into anything.
        owned: A folder in which nothing must appear.
        port: A listener on loopback that nobody must reach.
        keras: Folder with whole files `model.keras` and `model.h5`.
    """

    secret: Path
    owned: Path
    port: int
    keras: Path


Write = Callable[[Path, Trap], Path]


# --- Keras: a config that names what is no layer, or a layer that reads or runs

_CODE = base64.b64encode(b"\xe3" + b"\0" * 40).decode()


def _layer(name: str, module: str | None, /, **config: Any) -> Json:
    return {
        "class_name": name,
        "module": module,
        "registered_name": None,
        "config": {"name": "evil", **config},
    }


def _keras_layers(trap: Trap) -> dict[str, Json]:
    """Return layers to put into a model's config, by trick."""
    secret, owned = str(trap.secret), str(trap.owned / "x")
    code = {
        "class_name": "__lambda__",
        "config": {"code": _CODE, "defaults": None, "closure": None},
    }
    call = {
        "class_name": "function",
        "config": "system",
        "module": "os",
        "registered_name": "system",
    }
    return {
        "Lambda with code": _layer("Lambda", "keras.layers", function=code),
        "Lambda of Keras 2": _layer(
            "Lambda", "keras.layers", function=[_CODE, None, None], function_type="lambda"
        ),
        "Lambda of a named function": _layer("Lambda", "keras.layers", function=call),
        "a class of os": _layer("system", "os", command=f"touch {owned}"),
        "a class of subprocess": _layer("Popen", "subprocess", args=["touch", owned]),
        "a class of a package that is there": _layer("run_module", "runpy", mod_name="this"),
        "a class of tensorflow": _layer(
            "write_file", "tensorflow.io", filename=owned, contents="x"
        ),
        "a registered name": {
            **_layer("Dense", "keras.layers", units=1),
            "registered_name": "builtins>exec",
        },
        "a private name": _layer("__builtins__", "keras.layers"),
        "a function of keras.utils": _layer(
            "get_file", "keras.utils", fname=owned, origin=f"http://127.0.0.1:{trap.port}/"
        ),
        "load_model of keras": _layer("load_model", "keras.saving", filepath=secret),
        "TFSMLayer": _layer("TFSMLayer", "keras.layers", filepath=str(trap.secret.parent)),
        "TorchModuleWrapper": _layer("TorchModuleWrapper", "keras.layers", module=_CODE),
        "StringLookup of a file": _layer("StringLookup", "keras.layers", vocabulary=secret),
        "IntegerLookup of a file": _layer("IntegerLookup", "keras.layers", vocabulary=secret),
        "TextVectorization of a file": _layer(
            "TextVectorization", "keras.layers", vocabulary=secret
        ),
        "TFOpLambda reads": _layer("TFOpLambda", "keras.layers", function="io.read_file"),
        "TFOpLambda writes": _layer("TFOpLambda", "keras.layers", function="io.write_file"),
        "TensorFlowOpLayer reads": _layer(
            "TensorFlowOpLayer",
            "keras.layers",
            node_def=f"name: 'r' op: 'ReadFile' input: 'x' # {secret}",
            constants={"0": secret},
        ),
        "SlicingOpLambda": _layer("SlicingOpLambda", "keras.layers", function="py_function"),
        "a wrapper with a Lambda": _layer(
            "TimeDistributed", "keras.layers", layer=_layer("Lambda", "keras.layers", function=code)
        ),
        "an initializer of os": _layer(
            "Dense", "keras.layers", units=1, kernel_initializer=_layer("system", "os")
        ),
        "an activation of os": _layer("Dense", "keras.layers", units=1, activation=call),
        "a constraint with code": _layer("Dense", "keras.layers", units=1, bias_constraint=code),
        "a lone surrogate": _layer("\ud800", "keras.layers"),
        "controls in a name": _layer("Dense\x1b[2J\u202e\n", "keras.layers"),
        "a name of a megabyte": _layer("D" * 1024**2, "keras.layers"),
        "no text for a name": {**_layer("Dense", "keras.layers"), "class_name": ["Dense"]},
        "no mapping for a config": {**_layer("Dense", "keras.layers"), "config": 5},
        "units beyond memory": _layer("Dense", "keras.layers", units=2**62),
        "negative units": _layer("Dense", "keras.layers", units=-1),
        "a kernel beyond memory": _layer("Conv2D", "keras.layers", filters=9**9, kernel_size=9**9),
        "many repeats": _layer("RepeatVector", "keras.layers", n=2**40),
        "a deep config": _layer("Dense", "keras.layers", units=json.loads("[" * 300 + "]" * 300)),
    }


def _with_layer(config: Any, layer: Json) -> Any:
    """Return a model's config with a layer at the end of its list."""
    changed = copy.deepcopy(config)
    changed["config"]["layers"].append({**layer, "name": "evil", "inbound_nodes": []})
    return changed


def _write_keras(folder: Path, trap: Trap, *, trick: str, suffix: str) -> Path:
    layer = _keras_layers(trap)[trick]
    if suffix == ".keras":
        return _change_zip(
            trap.keras / "model.keras",
            folder / "m.keras",
            {"config.json": lambda body: json.dumps(_with_layer(json.loads(body), layer)).encode()},
        )
    path = folder / "m.h5"
    path.write_bytes((trap.keras / "model.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        config = _with_layer(json.loads(file.attrs["model_config"]), layer)
        text = json.dumps(config)
        del file.attrs["model_config"]
        if len(text) < 60_000:  # noqa: PLR2004  # HDF5's limit of an attribute in a header
            file.attrs["model_config"] = text
    return path


def _change_zip(
    source: Path, target: Path, changes: Mapping[str, Callable[[bytes], bytes]]
) -> Path:
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w") as after:
        for name in before.namelist():
            body = before.read(name)
            after.writestr(name, changes[name](body) if name in changes else body)
    return target


# --- HDF5: what a file says of its own bytes


def _external_link(_file: h5py.File, group: h5py.Group, name: str, trap: Trap) -> None:
    del group[name]
    group[name] = h5py.ExternalLink(str(trap.secret), "/x")


def _external_storage(_file: h5py.File, group: h5py.Group, name: str, trap: Trap) -> None:
    shape = group[name].shape
    del group[name]
    size = int(np.prod(shape))
    group.create_dataset(name, shape=shape, dtype="u1", external=[(str(trap.secret), 0, size)])


def _virtual_dataset(_file: h5py.File, group: h5py.Group, name: str, trap: Trap) -> None:
    shape = group[name].shape
    del group[name]
    layout = h5py.VirtualLayout(shape=shape, dtype="f4")
    layout[:] = h5py.VirtualSource(str(trap.keras / "model.h5"), "x", shape=shape)
    group.create_virtual_dataset(name, layout)


def _link_cycle(_file: h5py.File, group: h5py.Group, name: str, _trap: Trap) -> None:
    del group[name]
    group[name] = h5py.SoftLink(f"{group.name}/{name}")
    group["round"] = group


def _beyond_the_file(_file: h5py.File, group: h5py.Group, name: str, _trap: Trap) -> None:
    del group[name]
    group.create_dataset(name, shape=(2**31, 2**20), dtype="f4", chunks=(1024, 1024))


def _odd_type(_file: h5py.File, group: h5py.Group, name: str, _trap: Trap) -> None:
    shape = group[name].shape
    del group[name]
    group.create_dataset(name, shape=shape, dtype=h5py.special_dtype(vlen=str))


def _a_reference(file: h5py.File, group: h5py.Group, name: str, _trap: Trap) -> None:
    del group[name]
    group[name] = file.ref


def _zipped_zeros(_file: h5py.File, group: h5py.Group, name: str, _trap: Trap) -> None:
    del group[name]
    group.create_dataset(
        name, shape=(2**16, 2**14), dtype="f4", compression="gzip", chunks=(2**12, 2**10)
    )


HDF5_TRICKS: dict[str, Callable[[h5py.File, h5py.Group, str, Trap], None]] = {
    "an external link": _external_link,
    "external storage": _external_storage,
    "a virtual dataset": _virtual_dataset,
    "a link in a circle": _link_cycle,
    "a size beyond the file": _beyond_the_file,
    "texts for weights": _odd_type,
    "a reference": _a_reference,
    "compressed zeros": _zipped_zeros,
}


def _write_hdf5(folder: Path, trap: Trap, *, trick: str, suffix: str) -> Path:
    """Write a Keras file whose first weight plays a trick."""
    inner = folder / "weights.h5"
    if suffix == ".h5":
        inner.write_bytes((trap.keras / "model.h5").read_bytes())
    else:
        with zipfile.ZipFile(trap.keras / "model.keras") as archive:
            inner.write_bytes(archive.read("model.weights.h5"))
    with h5py.File(inner, "r+") as file:
        found: list[str] = []
        file.visititems(
            lambda path, item: found.append(path) if isinstance(item, h5py.Dataset) else None
        )
        group, _, name = next(path for path in found if file[path].shape).rpartition("/")
        HDF5_TRICKS[trick](file, file[group], name, trap)
    if suffix == ".h5":
        return inner.rename(folder / "m.h5")
    body = inner.read_bytes()
    inner.unlink()
    change = {"model.weights.h5": lambda _: body}
    return _change_zip(trap.keras / "model.keras", folder / "m.keras", change)


# --- .keras: what a zip says of its members


def _zip_tricks(trap: Trap) -> dict[str, Callable[[zipfile.ZipFile], None]]:
    def add(name: str, body: bytes = b"x", **fields: Any) -> Callable[[zipfile.ZipFile], None]:
        info = zipfile.ZipInfo(name)
        for key, value in fields.items():
            setattr(info, key, value)
        return lambda archive: archive.writestr(info, body)

    link, target = (stat.S_IFLNK | 0o777) << 16, str(trap.secret).encode()
    return {
        "climbs out": add(f"../../../../../../..{trap.owned}/x"),
        "an absolute name": add(f"{trap.owned}/x"),
        "an asset that climbs out": add(f"assets/../../..{trap.owned}/x"),
        "a link out": add("assets/l", target, external_attr=link, create_system=3),
        "a link for the weights": add(
            "model.weights.h5", target, external_attr=link, create_system=3
        ),
        "a config twice": add("config.json", b"{}"),
        "a bomb": add("assets/zeros", bytes(300 * 1024**2), compress_type=zipfile.ZIP_DEFLATED),
        "a name with controls": add("assets/\x1b[2J\u202e"),
        "backslashes": add("assets\\..\\..\\x"),
    }


def _write_zip(folder: Path, trap: Trap, *, trick: str) -> Path:
    path = _change_zip(trap.keras / "model.keras", folder / "m.keras", {})
    with zipfile.ZipFile(path, "a") as archive:
        _zip_tricks(trap)[trick](archive)
    return path


# --- graph models and layers models: lies in model.json


def _graph_lies(trap: Trap) -> dict[str, Callable[[Json], None]]:
    secret = str(trap.secret)

    def shard(path: str) -> Callable[[Json], None]:
        return lambda m: m["weightsManifest"][0].update(paths=[path])

    def weight(**fields: Any) -> Callable[[Json], None]:
        return lambda m: m["weightsManifest"][0]["weights"][0].update(fields)

    def add(*nodes: Json) -> Callable[[Json], None]:
        return lambda m: m["modelTopology"]["node"].extend(nodes)

    def first_shape(*sizes: str) -> Callable[[Json], None]:
        def change(model: Json) -> None:
            dims = [{"size": size} for size in sizes]
            model["signature"]["inputs"]["x"]["tensorShape"] = {"dim": dims}
            for one in model["modelTopology"]["node"]:
                if one["op"] == "Placeholder":
                    one["attr"]["shape"] = {"shape": {"dim": dims}}

        return change

    quantized = {"dtype": "uint8", "scale": float("nan"), "min": 1e308}
    return {
        "a shard that climbs out": shard(f"../../../../../../../../..{secret}"),
        "an absolute shard": shard(secret),
        "a shard on a server": shard(f"http://127.0.0.1:{trap.port}/w.bin"),
        "a shard of file:": shard(f"file://{secret}"),
        "a shard that is a folder": shard("."),
        "a shard with a NUL": shard("a\0b"),
        "a shard with controls": shard("\x1b[2J\u202e.bin"),
        "a shape beyond memory": weight(shape=[99999999999, 4]),
        "a negative shape": weight(shape=[-8, -4]),
        "a shape of texts": weight(shape=["8", "4"]),
        "a dtype of nowhere": weight(dtype="float128"),
        "a dtype of a list": weight(dtype=["float32"]),
        "a scale that is no number": weight(quantization=quantized),
        "a weight called __proto__": weight(name="__proto__"),
        "a node called __proto__": add(node("__proto__", "Identity", ["x"])),
        "an op called constructor": add(node("c", "constructor", ["x"])),
        "a node of a circle": add(node("a", "Identity", ["b"]), node("b", "Identity", ["a"])),
        "a node of itself": add(node("a", "Identity", ["a"])),
        "two nodes of one name": add(node("MatMul", "Identity", ["x"])),
        "no inputs": lambda m: m["signature"].update(inputs={}),
        "an input beyond memory": first_shape("99999999999", "8"),
        "inputs beyond int64": first_shape("9" * 40, "8"),
        "an input without end": first_shape("-1", "-1", "-1", "-1", "-1", "-1", "-1", "-1"),
        "an output that is not there": lambda m: m["signature"]["outputs"].update(
            evil={"name": "nowhere:0", "dtype": "DT_FLOAT"}
        ),
        "a role of controls": lambda m: m["signature"]["outputs"].update(
            {"\x1b[2J\ud800": m["signature"]["outputs"].pop("Identity:0")}
        ),
        "a script for a name": lambda m: m["signature"]["outputs"].update(
            {"</script><script>alert(1)</script>": m["signature"]["outputs"].pop("Identity:0")}
        ),
        "a producer that is a script": lambda m: m.update(
            generatedBy="<img src=x onerror=alert(1)>", convertedBy={"a": []}
        ),
        "a format of nowhere": lambda m: m.update(format="evil-model"),
        "no format": lambda m: m.pop("format"),
        "no topology": lambda m: m.update(modelTopology=None),
        "nodes of numbers": lambda m: m["modelTopology"].update(node=[1, 2, 3]),
        "a deep topology": lambda m: m.update(modelTopology=json.loads("[" * 900 + "]" * 900)),
        "a library of itself": lambda m: m["modelTopology"].update(
            library={"function": [{"signature": {"name": "f"}, "nodeDef": [node("f", "f", ["f"])]}]}
        ),
        "groups of nulls": lambda m: m.update(weightsManifest=[None, None]),
        "metadata of megabytes": lambda m: m.update(userDefinedMetadata={"a": "x" * 8 * 1024**2}),
    }


def _write_graph_lie(folder: Path, trap: Trap, *, trick: str) -> Path:
    path = write_graph_model(folder, weights=dense_weights(8, 512))
    return _lie(path, _graph_lies(trap)[trick])


def _lie(path: Path, change: Callable[[Json], object]) -> Path:
    model = json.loads(path.read_bytes())
    change(model)
    path.write_text(json.dumps(model))
    return path


def _write_shard_link(folder: Path, trap: Trap) -> Path:
    """Write a graph model whose shard is a link to the secret."""
    path = write_graph_model(folder)
    shard = folder / "group1-shard1of1.bin"
    shard.unlink()
    shard.symlink_to(trap.secret)
    return path


def _write_memory(folder: Path, _trap: Trap, *, sizes: tuple[int, ...] = (2**31 - 1,)) -> Path:
    """Write a graph model that fills more memory than it may have."""
    weights = {
        **dense_weights(8, 512),
        "dims": np.array(sizes, np.int32),
        "value": np.array(1, np.float32),
    }
    fill = {**node("Fill", "Fill", ["dims", "value"]), "attr": {"T": {"type": "DT_FLOAT"}}}
    info = {"name": "Fill:0", "dtype": "DT_FLOAT", "tensorShape": {"unknownRank": True}}

    def end_with_it(model: Json) -> None:
        model["modelTopology"]["node"].append(fill)
        model["signature"]["outputs"]["evil"] = info

    return _lie(write_graph_model(folder, weights=weights), end_with_it)


def _layers_lies() -> dict[str, Callable[[Json], None]]:
    def layer(**fields: Any) -> Callable[[Json], None]:
        return lambda m: _find_layers(m)[-1].update(fields)

    return {
        "a layer of nowhere": layer(class_name="__proto__"),
        "a layer called constructor": layer(class_name="constructor"),
        "a layer without a config": layer(config=None),
        "calls of numbers": layer(inbound_nodes=[1]),
        "calls of itself": layer(inbound_nodes=[[["score", 0, 0, {}]]]),
        "units beyond memory": lambda m: _find_layers(m)[-1]["config"].update(units=2**50),
        "an activation that runs": lambda m: _find_layers(m)[-1]["config"].update(
            activation="constructor"
        ),
        "layers of nulls": lambda m: _find_layers(m).extend([None, None]),
    }


def _find_layers(model: Json) -> list[Any]:
    topology = model["modelTopology"]
    layers: list[Any] = topology.get("model_config", topology)["config"]["layers"]
    return layers


def _write_layers_lie(folder: Path, _trap: Trap, *, trick: str) -> Path:
    return _lie(write_layers_model(folder), _layers_lies()[trick])


# --- archives


def _tar_members(trap: Trap) -> dict[str, list[tuple[str, bytes, str]]]:
    """Return the members of tar archives by trick: name, type, target of a link."""
    secret, owned = str(trap.secret), str(trap.owned)
    file, soft, hard = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
    return {
        "climbs out": [(f"../../../../../../..{owned}/x", file, "")],
        "an absolute name": [(f"{owned}/x", file, "")],
        "a link out": [("m/l", soft, secret)],
        "a link that climbs": [("m/l", soft, f"../../../../../../../..{secret}")],
        "writes through a link": [("m/l", soft, owned), ("m/l/x", file, "")],
        "writes through two links": [("a", soft, "."), ("a/b", soft, owned), ("a/b/x", file, "")],
        "a hard link out": [("m/h", hard, secret)],
        "a link to itself": [("m/l", soft, "l")],
        "a device": [("m/d", tarfile.CHRTYPE, "")],
        "a pipe": [("m/f", tarfile.FIFOTYPE, "")],
        "a name of controls": [("m/\x1b[2J\u202e\n", file, "")],
        "a file for a folder": [("m", file, ""), ("m/x", file, "")],
        "a deep folder": [("d/" * 900 + "x", file, "")],
        "a long name": [("n" * 5000, file, "")],
        "many members": [(f"m/{i}", file, "") for i in range(120_000)],
    }


def _write_tar(folder: Path, trap: Trap, *, trick: str) -> Path:
    path = folder / "m.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, kind, link in _tar_members(trap)[trick]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, link, 0
            archive.addfile(info, io.BytesIO())
    return path


def _write_tar_bomb(folder: Path, _trap: Trap) -> Path:
    """Write a tar with four gigabytes of zeros in four megabytes."""
    path = folder / "m.tar.gz"
    info = tarfile.TarInfo("m/zeros.h5")
    info.size = 2**32

    class Zeros(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return bytes(size)

    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.addfile(info, Zeros())
    return path


def _write_overlapping_zip(folder: Path, _trap: Trap) -> Path:
    """Write a zip whose many entries share one body."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(10 * 1024**2))
    content = made.getvalue()
    at = content.index(b"PK\x01\x02")
    body, directory, end = content[:at], content[at:-22], content[-22:]
    entries = b"".join(
        directory[:46] + f"{i:01x}"[-1:].encode() + directory[47:] for i in range(60_000)
    )
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 60_000, 60_000, len(entries), at, 0)
    path = folder / "m.zip"
    path.write_bytes(body + entries + end)
    return path


def _write_encrypted_zip(folder: Path, _trap: Trap) -> Path:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("model.h5", b"x" * 100)
    content = bytearray(made.getvalue())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (folder / "m.zip").write_bytes(content)
    return folder / "m.zip"


def _zip_of(name: str, *, link: bool = False) -> Write:
    def write(folder: Path, trap: Trap) -> Path:
        text = name.replace("OWNED", str(trap.owned))
        info = zipfile.ZipInfo(text)
        if link:
            info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        with zipfile.ZipFile(folder / "m.zip", "w") as archive:
            archive.writestr(info, str(trap.secret) if link else "x")
        return folder / "m.zip"

    return write


def _some_bytes(name: str, content: bytes) -> Write:
    def write(folder: Path, _trap: Trap) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def generators(trap: Trap) -> dict[str, Write]:
    """Return every generator of this module by kind and trick: ".keras: Lambda with code"."""
    return dict(_generators(trap))


def _generators(trap: Trap) -> Iterator[tuple[str, Write]]:
    for suffix in (".keras", ".h5"):
        for trick in _keras_layers(trap):
            yield f"{suffix}: {trick}", partial(_write_keras, trick=trick, suffix=suffix)
        for trick in HDF5_TRICKS:
            yield f"{suffix}: {trick}", partial(_write_hdf5, trick=trick, suffix=suffix)
    for trick in _zip_tricks(trap):
        yield f".keras zip: {trick}", partial(_write_zip, trick=trick)
    for trick in _graph_lies(trap):
        yield f"graph model: {trick}", partial(_write_graph_lie, trick=trick)
    for trick in _layers_lies():
        yield f"layers model: {trick}", partial(_write_layers_lie, trick=trick)
    yield "graph model: a shard that is a link", _write_shard_link
    yield "graph model: memory without end", _write_memory
    yield "graph model: sizes without end", partial(_write_memory, sizes=(2**14,) * 4)
    for trick in _tar_members(trap):
        yield f"tar: {trick}", partial(_write_tar, trick=trick)
    yield "tar: a bomb", _write_tar_bomb
    yield "zip: bodies that overlap", _write_overlapping_zip
    yield "zip: encrypted", _write_encrypted_zip
    for name in (
        "../../../OWNED/x",
        "OWNED/x",
        "a/../../../../../../../../OWNED/x",
        "C:\\x",
        "\x1b",
    ):
        yield f"zip: a name like {name!r}", _zip_of(name)
    yield "zip: a link out", _zip_of("model.h5", link=True)
    for name, content in {
        "m.h5": b"\x89HDF\r\n\x1a\n" + b"\xff" * 4000,
        "m.pb": b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" * 400,
        "m.keras": b"PK\3\4" + b"\xff" * 4000,
        "m.zip": b"PK\5\6" + b"\xff" * 18,
        "m.tar.gz": b"\x1f\x8b\x08\0" + b"\xff" * 4000,
        "m.tar.xz": b"\xfd7zXZ\0" + b"\xff" * 400,
        "model.json": b"[" * 100_000,
    }.items():
        yield f"nonsense for {name}", _some_bytes(name, content)
