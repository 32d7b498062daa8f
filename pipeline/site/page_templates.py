"""The pages of a zoo as HTML, from its catalog. It opens no file but its own templates.

Every value is escaped; a URL becomes a link only if it leads to the web. The
Content-Security-Policy lets a page run the zoo's own scripts and no others.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment

from pipeline.catalog.phrases import (
    format_counts,
    format_range,
    format_requirements,
    format_sentence,
    format_shape,
    format_share,
    web_url,
)
from pipeline.catalog.types import Catalog
from pipeline.catalog.verdict_words import check_word, variant_word
from pipeline.site.assets import read_static
from pipeline.site.list_page import ListPage, Row
from pipeline.site.model_page import ModelPage
from pipeline.site.snippets import PLACE
from pipeline.text.quantity import (
    count,
    format_bytes,
    format_milliseconds,
    format_parameters,
    format_ratio,
)
from pipeline.text.suggest import join_words
from pipeline.text.templates import open_templates

# TensorFlow.js compiles WebAssembly; with threads it starts workers from blobs.
_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; connect-src 'self'; "
    "img-src 'self' data:; media-src 'self' mediastream:; "
    "script-src 'self' 'wasm-unsafe-eval' blob:; style-src 'self'; worker-src 'self' blob:"
)


@cache
def _environment() -> Environment:
    filters: dict[str, Callable[..., Any]] = {
        "check_word": check_word,
        "compact_json": _compact_json,
        "count": count,
        "counts": format_counts,
        "milliseconds": format_milliseconds,
        "parameters": format_parameters,
        "range": format_range,
        "ratio": format_ratio,
        "requirements": format_requirements,
        "sentence": format_sentence,
        "shape": format_shape,
        "share": format_share,
        "size": format_bytes,
        "variant_word": variant_word,
        "web": web_url,
        "words": join_words,
    }
    return open_templates("pipeline.site", filters)


def render_list(
    catalog: Catalog, page: ListPage, rows: Iterable[str], *, assets: Mapping[str, str]
) -> str:
    """Return index.html: all models.

    Args:
        catalog: The zoo.
        page: The list.
        rows: Its rows: see `render_row`.
        assets: Paths of the assets, by name.
    """
    return _render("list.html.jinja", root="", assets=assets, zoo=catalog, page=page, rows=rows)


def render_row(row: Row) -> str:
    """Return a row of the list, an element of HTML: '<li class="row" …'."""
    return _environment().get_template("row.html.jinja").render(row=row)


def render_model(catalog: Catalog, page: ModelPage, *, assets: Mapping[str, str], tfjs: str) -> str:
    """Return the page of a model.

    Args:
        catalog: The zoo of the model.
        page: Its page.
        assets: Paths of the assets, by name.
        tfjs: Path of TensorFlow.js.
    """
    return _render(
        "model.html.jinja",
        root="../../",
        assets=assets,
        zoo=catalog,
        page=page,
        tfjs=tfjs,
    )


def render_not_found(catalog: Catalog) -> str:
    """Return 404.html; it links to no file, because it is shown at any address below the zoo."""
    style, script = (read_static(name).decode() for name in ("404.css", "404.js"))
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"script-src {pin_inline(script)}; style-src {pin_inline(style)}"
    )
    template = _environment().get_template("404.html.jinja")
    return template.render(zoo=catalog, style=style, script=script, policy=policy)


def _render(name: str, **values: Any) -> str:
    return _environment().get_template(name).render(policy=_POLICY, place=PLACE, **values)


def render_template(name: str, **values: Any) -> str:
    """Return a page of a template of this package; every value is escaped."""
    return _environment().get_template(name).render(**values)


def pin_inline(text: str) -> str:
    """Return the source expression that allows one inline text: "'sha256-47DEQp…='"."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _compact_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, sort_keys=True)
