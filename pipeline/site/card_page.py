"""The model card as a page: Markdown of strangers, of which no HTML of its own gets through. Pure.

markdown-it-py (of rich, which is a dependency) parses it by CommonMark, with GitHub's tables. It
writes every tag itself: of HTML in the text only the words stay, of a picture its description, so
that no sanitizer has to parse HTML a second time, as nh3 or bleach would. A link leads to the web
or nowhere.
"""

import re
from collections.abc import MutableMapping, Sequence
from functools import cache
from html import escape
from html.parser import HTMLParser
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from pipeline.site.assets import read_static
from pipeline.site.page_templates import pin_inline, render_template

_HEADING = re.compile(r"h([1-6])")
# Below the titles of the page and of the section.
_LOWER_BY, _LOWEST = 2, 6
_TRANSPARENT = {"script", "style", "template", "noscript", "iframe"}


def render_card(title: str, markdown: str) -> str:
    """Return a page of its own with a model card.

    Args:
        title: The model's title.
        markdown: The card without its front matter.
    """
    style = read_static("card.css").decode()
    policy = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src {pin_inline(style)}"
    )
    return render_template(
        "card.html.jinja", title=title, policy=policy, style=style, card=render_body(markdown)
    )


def render_body(markdown: str) -> str:
    """Return Markdown as HTML that can stand in any page, its headings from h3 on."""
    return str(_parser().render(markdown))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    for name, rule in (
        ("html_block", _show_block),
        ("html_inline", _show_inline),
        ("image", _show_image),
        ("link_open", _open_link),
        ("heading_open", _lower_heading),
        ("heading_close", _lower_heading),
    ):
        parser.add_render_rule(name, rule)
    return parser


class _Words(HTMLParser):
    """The words of a piece of HTML; those of scripts and styles are none."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        """Enter an element, or take the description of a picture."""
        if tag in _TRANSPARENT:
            self._inside.append(tag)
        if tag == "img":
            self.words.append(dict(_attrs).get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        """Take text."""
        if not self._inside:
            self.words.append(data)


def _show_block(_self: RendererHTML, tokens: Sequence[Token], i: int, *_: Any) -> str:
    reader = _Words()
    reader.feed(tokens[i].content)
    reader.close()
    words = " ".join(" ".join(reader.words).split())
    return f"<p>{escape(words)}</p>\n" if words else ""


def _show_inline(_self: RendererHTML, tokens: Sequence[Token], i: int, *_: Any) -> str:
    return "<br>" if re.fullmatch(r"<br\s*/?>", tokens[i].content, re.IGNORECASE) else ""


def _show_image(_self: RendererHTML, tokens: Sequence[Token], i: int, *_: Any) -> str:
    return escape(tokens[i].content)


def _open_link(
    self: RendererHTML,
    tokens: Sequence[Token],
    i: int,
    options: Any,
    _env: MutableMapping[str, Any],
) -> str:
    href = str(tokens[i].attrs.pop("href", ""))
    tokens[i].attrs.clear()
    if href.lower().startswith(("https://", "http://")):
        tokens[i].attrs = {"href": href, "rel": "noopener nofollow"}
    return self.renderToken(tokens, i, options, _env)


def _lower_heading(
    self: RendererHTML,
    tokens: Sequence[Token],
    i: int,
    options: Any,
    _env: MutableMapping[str, Any],
) -> str:
    match = _HEADING.fullmatch(tokens[i].tag)
    if match:
        tokens[i].tag = f"h{min(int(match[1]) + _LOWER_BY, _LOWEST)}"
    return self.renderToken(tokens, i, options, _env)
