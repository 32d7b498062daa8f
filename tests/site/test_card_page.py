"""Model cards as pages: what Markdown of strangers becomes."""

import re

import pytest

from pipeline.site.card_page import render_body, render_card


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        pytest.param("# Cat\n## Use", "<h3>Cat</h3>\n<h4>Use</h4>\n", id="headings"),
        pytest.param("###### Deep", "<h6>Deep</h6>\n", id="the deepest heading"),
        pytest.param(
            '[a](https://a.org/x?y=1&z "t")',
            '<p><a href="https://a.org/x?y=1&amp;z" rel="noopener nofollow">a</a></p>\n',
            id="link",
        ),
        pytest.param("[a](docs/x.md)", "<p><a>a</a></p>\n", id="relative link"),
        pytest.param(
            "![a <b> cat](https://a.org/cat.png)", "<p>a &lt;b&gt; cat</p>\n", id="picture"
        ),
        pytest.param(
            "| a | b |\n|---|---|\n| 1 | 2 |",
            "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n"
            "<td>1</td>\n<td>2</td>\n</tr>\n</tbody>\n</table>\n",
            id="table",
        ),
        pytest.param(
            '<p align="center"><img src="x" onerror="a()" alt="Logo"> <b>Cats</b>'
            "<script>alert(1)</script></p>",
            "<p>Logo Cats</p>\n",
            id="block of HTML",
        ),
        pytest.param("a<br>b <u onclick=x>c</u>", "<p>a<br>b c</p>\n", id="HTML in a line"),
        pytest.param("`<script>`", "<p><code>&lt;script&gt;</code></p>\n", id="code"),
    ],
)
def test_markdown(markdown: str, html: str) -> None:
    assert render_body(markdown) == html


@pytest.mark.parametrize(
    "evil",
    [
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](data:text/html,<script>)",
        "<javascript:alert(1)>",
        '[a](https://a.org"onclick=x)',
        "![x](javascript:alert(1))",
        "<img src=x onerror=alert(1)>",
        "<div\n<script>alert(1)</script>",
        "<!-- <script>alert(1)</script> -->",
        "<style>*{}</style>",
        "<svg><script>alert(1)</script></svg>",
        "</main></body><script>alert(1)</script>",
        '```"onclick=x\n</code><script>\n```',
        "| <script> |\n|:-:|\n| <img onerror=x> |",
    ],
)
def test_nothing_of_an_author_s_html_gets_through(evil: str) -> None:
    found = set(re.findall(r"<[^>]*>", render_body(evil)))

    known = r"</?(p|pre|code|table|thead|tbody|tr|td|th|a|em|br)>|<code class=\"language-[^\"]*\">"
    known += r"|<t[hd] style=\"text-align:center\">|<a href=\"https://[^\"]*\" rel=\"[a-z ]*\">"
    assert [tag for tag in found if not re.fullmatch(known, tag)] == []


def test_a_page_escapes_its_title_and_runs_nothing() -> None:
    page = render_card("<b>Cat", "# Cat")

    assert "<title>&lt;b&gt;Cat: model card</title>" in page
    assert "default-src &#39;none&#39;" in page
    assert "script-src" not in page
    assert "<main>\n<h3>Cat</h3>" in page
