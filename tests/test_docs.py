"""The documentation points at what is there, and what is made from the code is current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from serving.cli import app
from serving.schemas import generated

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "classifier").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_files_named_in_the_readme_exist() -> None:
    named = re.findall(r"\b((?:ingest|classifier|serving|tests)/[\w/]+\.\w+)", (ROOT / "README.md").read_text("utf-8"))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_generated_files_are_current() -> None:
    assert [path.name for path, text in generated() if path.read_text("utf-8") != text] == []


def test_readme_names_the_two_commands_and_every_command_of_the_program() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert "make demo" in text
    assert "make test" in text
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert {name for name in commands if f"falsepassage {name}" not in text and f"`{name}`" not in text} == set()
