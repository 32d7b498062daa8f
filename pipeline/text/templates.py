"""Templates: HTML from the files of a package. All values are escaped, printable and defined.

It imports Jinja2, so only modules that write pages import it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.text.printable import printable


def open_templates(package: str, filters: Mapping[str, Callable[..., Any]]) -> Environment:
    """Return the templates in the folder `templates` of a package.

    Args:
        package: Its dotted name.
        filters: The functions that templates call, by name.
    """
    environment = Environment(
        autoescape=True,
        finalize=_show,
        keep_trailing_newline=True,
        loader=PackageLoader(package),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= filters
    return environment


def _show(value: Any) -> Any:
    """Return a value as a page shows it, so that no model's name reverses the text around it."""
    return printable(value) if type(value) is str else value
