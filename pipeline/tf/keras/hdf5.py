"""Refuses HDF5 files that reach out of themselves, before a value is read.

HDF5 lets a file refer to values elsewhere (external links, external storage, virtual datasets),
contain a group within itself, load a filter as a plug-in, or declare a few bytes as petabytes.
Keras writes none of these. Allowed is only the content that Keras writes: a tree of groups and
datasets, with numbers and texts, compressed by HDF5's own filters. The check opens no other file
and reads no value.

The format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
from h5py import h5a, h5d, h5f, h5g, h5l, h5o, h5p, h5pl, h5s, h5t, h5z

from pipeline.errors import FormatError, UntrustedSourceError

# HDF5's own filters, and LZF, which is part of h5py; all others are plug-ins.
_LZF = 32000
_FILTERS = {
    h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, h5z.FILTER_SZIP,
    h5z.FILTER_NBIT, h5z.FILTER_SCALEOFFSET, _LZF,
}  # fmt: skip
_NUMBERS = {h5t.INTEGER, h5t.FLOAT, h5t.ENUM, h5t.BITFIELD, h5t.OPAQUE, h5t.STRING}
# The largest Keras application has some 5,000 weights, 12 groups below each other.
_NUM_OBJECTS_MAX = 500_000
_DEPTH_MAX = 100
_NUM_ATTRIBUTES_MAX = 10_000
_ATTRIBUTE_BYTES_MAX = 64 * 1024**2
# Compressed weights shrink to a half or a tenth; a bomb shrinks a thousandfold.
_EXPANSION_MAX = 100
_SLACK_BYTES = 64 * 1024**2
_DECLARED_BYTES_MAX = 64 * 1024**3
_SHOWN = 120


@contextmanager
def open_hdf5(path: Path, name: str, mode: str = "r") -> Iterator[h5py.File]:
    """Open an HDF5 file after `check_hdf5`.

    Args:
        path: The file.
        name: The user's name of the file, for messages.
        mode: "r" to read it, "r+" to change it.

    Raises:
        FormatError: The file is damaged; raised also if the caller's reads show it.
        UntrustedSourceError: The file reaches out of itself, or declares more than it can hold.
    """
    check_hdf5(path, name)
    with _translated(name), h5py.File(path, mode) as file:
        yield file


def check_hdf5(path: Path, name: str) -> None:
    """Raise if a file is more than a tree of weights inside the file.

    Args:
        path: The file, which is opened for reading; no other file is opened.
        name: The user's name of the file, for messages.

    Raises:
        FormatError: The file is damaged.
        UntrustedSourceError: The file reaches out of itself, or declares more than it can hold.
    """
    _forget_plugins()
    with _translated(name):
        access = h5p.create(h5p.FILE_ACCESS)
        access.set_fapl_sec2()
        access.set_fclose_degree(h5f.CLOSE_STRONG)
        file = h5f.open(os.fsencode(path), h5f.ACC_RDONLY, access)
        try:
            _Judge(name, path.stat().st_size).judge(file)
        finally:
            file.close()


def _forget_plugins() -> None:
    """Remove all folders from which HDF5 may load filters, whatever HDF5_PLUGIN_PATH lists."""
    while h5pl.size():
        h5pl.remove(0)


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turn h5py's exceptions on a damaged file into a FormatError."""
    try:
        yield
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # EINVAL: an offset that no file has
            raise  # the machine's: a full disk, no permission
        raise _damaged(name) from None
    except (RuntimeError, KeyError, ValueError, TypeError, OverflowError):
        raise _damaged(name) from None


def _damaged(name: str) -> FormatError:
    return FormatError(
        f"{name} cannot be read as HDF5",
        hint="fetch the model again; a download may have been cut off",
    )


class _Judge:
    """The check of one file, with its counts so far."""

    def __init__(self, name: str, size_bytes: int) -> None:
        self.name = name
        self.size_bytes = size_bytes
        self.declared_bytes = 0
        self.num_objects = 0
        self.groups: set[tuple[int, int]] = set()

    def judge(self, file: h5f.FileID) -> None:
        root = h5g.open(file, b"/")
        waiting = [(root, b"", 0)]
        while waiting:  # no recursion: the file decides the depth
            group, path, depth = waiting.pop()
            self._enter(group, path, depth)
            for link in _links_of(group):
                member = path + b"/" + link if path else link
                child = self._follow(group, link, member)
                if isinstance(child, h5g.GroupID):
                    waiting.append((child, member, depth + 1))
                else:
                    self._judge_dataset(child, _show(member))

    def _enter(self, group: h5g.GroupID, path: bytes, depth: int) -> None:
        about = h5o.get_info(group)
        if (about.fileno, about.addr) in self.groups:
            self._refuse(f"its group {_show(path)} has two names", "each group in one place")
        self.groups.add((about.fileno, about.addr))
        if depth > _DEPTH_MAX:
            self._refuse(f"its groups lie {depth} deep at {_show(path)}", f"at most {_DEPTH_MAX}")
        self._judge_attributes(group, f"group {_show(path or b'/')}")

    def _follow(self, group: h5g.GroupID, link: bytes, path: bytes) -> h5g.GroupID | h5d.DatasetID:
        """Open the target of a link if it lies in the file."""
        self.num_objects += 1
        if self.num_objects > _NUM_OBJECTS_MAX:
            self._refuse("it has very many parts", f"at most {_NUM_OBJECTS_MAX}")
        kind = group.links.get_info(link).type
        if kind == h5l.TYPE_EXTERNAL:
            file, _ = group.links.get_val(link)
            self._refuse(
                f"its part {_show(path)} lies in another file ({_show(file)})",
                "all weights in this file",
            )
        if kind != h5l.TYPE_HARD:
            soft = kind == h5l.TYPE_SOFT
            kind = "a symbolic link" if soft else "a link of a kind of its own"
            self._refuse(f"its part {_show(path)} is {kind}", "groups and weights only")
        kind = h5o.get_info(group, link).type
        if kind not in (h5o.TYPE_GROUP, h5o.TYPE_DATASET):
            self._refuse(f"its part {_show(path)} is a type", "groups and weights only")
        return h5o.open(group, link)

    def _judge_dataset(self, dataset: h5d.DatasetID, shown: str) -> None:
        # The layout comes first: to read the size of a virtual dataset opens other files.
        plan = dataset.get_create_plist()
        if plan.get_layout() == h5d.VIRTUAL:
            files = {plan.get_virtual_filename(i) for i in range(min(plan.get_virtual_count(), 9))}
            named = ", ".join(sorted(_show(file) for file in files))
            self._refuse(
                f"its dataset {shown} is put together from other files ({named})",
                "all weights in this file",
            )
        if plan.get_external_count():
            file, _, _ = plan.get_external(0)
            self._refuse(
                f"its dataset {shown} lies in another file ({_show(file)})",
                "all weights in this file",
            )
        for i in range(plan.get_nfilters()):
            number, _, _, title = plan.get_filter(i)
            if number not in _FILTERS:
                self._refuse(
                    f"its dataset {shown} is compressed by filter {number} ({_show(title)})",
                    "gzip or none",
                )
        self._judge_type(dataset.get_type(), f"dataset {shown}")
        item_bytes = dataset.get_type().get_size()
        count = _count(dataset.get_space())
        if plan.get_layout() == h5d.CHUNKED:
            chunk = 1
            for size in plan.get_chunk():
                chunk *= int(size)
            count = max(count, chunk)
        self.declared_bytes += count * item_bytes
        if self.declared_bytes > min(
            _DECLARED_BYTES_MAX, _SLACK_BYTES + _EXPANSION_MAX * self.size_bytes
        ):
            self._refuse(
                f"it has {self.size_bytes} bytes and declares weights of {self.declared_bytes} "
                f"bytes and more (its dataset {shown})",
                f"at most {_EXPANSION_MAX} times its size, and {_DECLARED_BYTES_MAX} bytes",
            )
        self._judge_attributes(dataset, f"dataset {shown}")

    def _judge_attributes(self, owner: h5g.GroupID | h5d.DatasetID, shown: str) -> None:
        number = h5a.get_num_attrs(owner)
        if number > _NUM_ATTRIBUTES_MAX:
            self._refuse(f"its {shown} has {number} attributes", f"at most {_NUM_ATTRIBUTES_MAX}")
        for index in range(number):
            attribute = h5a.open(owner, index=index)
            text = f"attribute {_show(attribute.name)} of {shown}"
            self._judge_type(attribute.get_type(), text)
            size = _count(attribute.get_space()) * attribute.get_type().get_size()
            if size > _ATTRIBUTE_BYTES_MAX:
                self._refuse(f"its {text} declares {size} bytes", f"at most {_ATTRIBUTE_BYTES_MAX}")

    def _judge_type(self, kind: h5t.TypeID, shown: str) -> None:
        waiting = [kind]
        while waiting:
            kind = waiting.pop()
            of = kind.get_class()
            if of == h5t.COMPOUND:
                waiting += [kind.get_member_type(i) for i in range(kind.get_nmembers())]
            elif of not in _NUMBERS:
                held = "references" if of == h5t.REFERENCE else "lists of no fixed length"
                self._refuse(f"its {shown} holds {held}", "numbers and texts")

    def _refuse(self, found: str, expected: str) -> None:
        raise UntrustedSourceError(f"{self.name}: {found}; expected {expected}")


def _links_of(group: h5g.GroupID) -> list[bytes]:
    names: list[bytes] = []

    def note(name: bytes) -> int | None:
        names.append(name)
        return 1 if len(names) > _NUM_OBJECTS_MAX else None  # ends the walk

    group.links.iterate(note)
    return names


def _count(space: h5s.SpaceID) -> int:
    """Return the number of elements of a space; 0 for an empty one."""
    return int(space.get_simple_extent_npoints())


def _show(text: bytes | str) -> str:
    """Return a name of the file in printable form."""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return repr(plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}…")
