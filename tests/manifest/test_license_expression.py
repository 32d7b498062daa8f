"""License expressions, in SPDX's spelling or refused with a hint that misleads nobody."""

import pytest

from pipeline.manifest.license_expression import find_license, parse_license


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("MIT", "MIT"),
        ("apache-2.0", "Apache-2.0"),
        ("mit or Apache-2.0", "MIT OR Apache-2.0"),
        ("(MIT OR GPL-2.0+)AND bsd-3-clause", "(MIT OR GPL-2.0+) AND BSD-3-Clause"),
        ("GPL-2.0-only with classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("LicenseRef-Google-Terms", "LicenseRef-Google-Terms"),
        ("MIT AND LicenseRef-x", "MIT AND LicenseRef-x"),
        ("CC-BY-NC-4.0", "CC-BY-NC-4.0"),
    ],
)
def test_an_expression_gets_the_spelling_of_spdx(text: str, canonical: str) -> None:
    assert parse_license(text) == canonical
    assert parse_license(canonical) == canonical


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Apache 2.0", "did you mean 'Apache-2.0'"),
        ("MIT License", "did you mean 'MIT'"),
        ("BSD", "BSD-2-Clause, BSD-3-Clause"),
        ("proprietary", "leave it out where it is unknown"),
        ("MIT AND", "ends too early"),
        ("(MIT", "ends too early"),
        ("MIT)", "closes a parenthesis"),
        ("AND MIT", "has 'AND' where a license is expected"),
        ("()", "has '\\)' where a license is expected"),
        ("MIT WITH Foo", "'Foo' is no license exception"),
        ("MIT WITH (MIT)", r"'\(' is no license exception"),
        ("MIT WITH LLVM-exception WITH LLVM-exception", "has 'WITH' where"),
        ("MIT Apache-2.0 OR MIT", "is no SPDX license expression"),
        ("Nothing OR MIT", "'Nothing' is no SPDX license expression"),
        ("  ", "is no SPDX license expression"),
    ],
)
def test_what_is_no_expression_is_refused(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        parse_license(text)


@pytest.mark.parametrize(
    ("words", "identifier"),
    [
        pytest.param(
            "Apache License. Version 2.0 http://www.apache.org/licenses/LICENSE-2.0.",
            "Apache-2.0",
            id="name and address",
        ),
        pytest.param("https://www.apache.org/licenses/LICENSE-2.0", "Apache-2.0", id="address"),
        pytest.param(
            "AGPL-3.0 License (https://ultralytics.com/license)", "AGPL-3.0", id="Ultralytics"
        ),
        pytest.param("GPL-3.0-only license", "GPL-3.0-only", id="identifier with a word"),
        pytest.param("Apache License, Version 2.0", "Apache-2.0", id="name with version"),
        pytest.param("apache 2.0", "Apache-2.0", id="short name"),
        pytest.param("The MIT License", "MIT", id="MIT"),
        pytest.param("mit", "MIT", id="identifier"),
        pytest.param("Apache License", None, id="without version"),
        pytest.param("BSD", None, id="a family"),
        pytest.param("See the LICENSE file.", None, id="elsewhere"),
        pytest.param(" ", None, id="nothing"),
    ],
)
def test_words_that_name_a_license(words: str, identifier: str | None) -> None:
    assert find_license(words) == identifier
