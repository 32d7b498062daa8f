"""docs/converter.md, made from the table of options and the table of formats.

python -m pipeline.manifest.converter.converter_document >docs/converter.md
"""

import sys
from collections.abc import Iterable

from pipeline.formats.table import ROUTES
from pipeline.manifest.converter.converter_options import format_options

_HEAD = """\
# From tensorflowjs_converter

Flags of a model in `models.yaml` have the converter's own names, so what a command says can be
written down as it stands. `tfjs-zoo import-command` does that:

```console
$ tfjs-zoo import-command 'tensorflowjs_converter --input_format=tf_saved_model
  --quantize_float16 True --strip_debug_ops False saved/detector web/detector'
# --quantize_float16 True: the converter takes this for the name of a weight, matches none and
#   quantizes nothing; read as every weight
# --strip_debug_ops False: for the converter this is true; read as false
# web/detector: becomes models/detector/ of the zoo
- name: detector
  source: saved/detector
  input_format: tf_saved_model
  strip_debug_ops: false
  quantize_float16: true
```

`--file convert.sh` imports every such command in a script, a notebook or a README (`-` is
stdin), and `--append` adds the entries to `models.yaml`.

Where the converter would have made something else of a command than its author meant, a comment
says so. A flag that has no effect on a model is left out here, and is a fault in `models.yaml`:
the converter takes it and ignores it.

## Options

"""
_PAIRS = """
## Formats

Each input format, the output formats that it becomes, whether `tensorflowjs_converter` converts the
pair too, and the flags that apply. `weight_shard_size_bytes`, `metadata` and quantization apply to
every pair. Where `output_format` is left out, the first pair of the input format is taken.

| from | to | in the converter | flags |
|---|---|---|---|
"""


def format_document() -> str:
    """Return docs/converter.md."""
    rows = "".join(
        f"| `{source}` | `{target}` | {'yes' if route.in_converter else 'no'} "
        f"| {_list(route.flags)} |\n"
        for (source, target), route in ROUTES.items()
    )
    return f"{_HEAD}{format_options()}{_PAIRS}{rows}"


def _list(flags: Iterable[str]) -> str:
    return ", ".join(f"`{flag}`" for flag in sorted(flags)) or "none"


if __name__ == "__main__":
    sys.stdout.write(format_document())
