"""Imports run one way, and the light packages stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = {"kafka", "numpy", "sklearn", "scipy", "torch", "transformers", "onnxruntime", "prometheus_client", "django"}


def _imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it and for whatever purpose."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module or ""


def _roots(package: str) -> dict[str, set[str]]:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    return {str(file.relative_to(ROOT)): {name.partition(".")[0] for name in _imports(file)} for file in files}


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("ingest", {"classifier", "serving", "prometheus_client", "django", "sklearn", "scipy", "torch"}),
        ("classifier", {"serving", "kafka", "prometheus_client", "django"}),
    ],
)
def test_imports_run_one_way(package: str, forbidden: set[str]) -> None:
    assert {file: roots & forbidden for file, roots in _roots(package).items() if roots & forbidden} == {}


@pytest.mark.parametrize("package", ["ingest", "classifier", "serving"])
def test_the_program_does_not_import_its_tests(package: str) -> None:
    assert [file for file, roots in _roots(package).items() if roots & {"tests", "pytest", "hypothesis"}] == []


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("import ingest", HEAVY),
        ("import ingest.decode", HEAVY),
        ("import classifier", HEAVY),
        ("import classifier.cascade", HEAVY - {"numpy"}),
        ("from classifier.cascade import load_classifier; load_classifier()", HEAVY - {"numpy", "onnxruntime"}),
        ("import classifier.training.train", HEAVY - {"numpy"}),
    ],
)
def test_importing_loads_nothing_heavy(statement: str, forbidden: set[str]) -> None:
    program = f"import sys; {statement}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert {"ingest", "classifier"} & loaded
    assert loaded & forbidden == set()
