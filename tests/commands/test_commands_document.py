"""docs/commands.md is what the code says, and so is the list of rooms in CONTRIBUTING.md."""

import subprocess
import sys

from paths import ROOT

from pipeline.commands.commands_document import format_commands


def test_page_is_made_from_the_commands_and_steps() -> None:
    """After a change: python -m pipeline.commands.commands_document >docs/commands.md."""
    assert (ROOT / "docs/commands.md").read_text(encoding="utf-8") == format_commands()


def test_the_list_of_rooms_is_that_of_the_import_contract() -> None:
    """After a change: python .ci/rooms.py."""
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT / '.ci')!r}); import rooms;"
        "text = rooms.PAGE.read_text(); sys.exit(text != rooms.insert_rooms(text))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_readme_is_short_and_says_first_what_a_user_needs_first() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    titles = [line for line in text.splitlines() if line.startswith("## ")]

    assert titles == [
        "## Use a model from a zoo",
        "## Make your own zoo",
        "## Why trust it",
        "## The manifest",
        "## Commands",
    ]
    assert len(text.splitlines()) <= 130
