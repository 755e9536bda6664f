"""Which model the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.errors import ModelError
from serving.model import load_model
from serving.settings import Settings
from tests.models import shipped


def test_the_default_is_the_shipped_model() -> None:
    assert load_model(Settings()).sha256 == shipped().sha256


@pytest.mark.parametrize("name", ["nothing/here/at/all", "./none", "/none", "none"])
def test_a_directory_that_is_none_is_refused_by_name(name: str) -> None:
    with pytest.raises(ModelError, match=r"none|nothing"):
        load_model(Settings(model=name))


def test_an_empty_directory_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=str(tmp_path)):
        load_model(Settings(model=str(tmp_path)))
