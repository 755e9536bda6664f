"""The model that the settings name, loaded."""

from __future__ import annotations

from pathlib import Path

from classifier.artefact import CONFIG_NAME, SUMS_NAME
from classifier.cascade import Cascade, load_classifier
from classifier.errors import ModelError
from serving.settings import Settings


def load_model(settings: Settings) -> Cascade:
    """Load the model in a directory of our own layout, or a Hugging Face sequence classifier, by directory or name.

    Raises:
        ModelError: saying which file is wrong, or that there is no such model.
    """
    directory = Path(settings.model)
    if (directory / SUMS_NAME).is_file():
        return load_classifier(directory, settings.operating_point, settings.encoder_threads)
    looks_like_a_name = not directory.exists() and settings.model.count("/") == 1 and settings.model[0] not in "./~"
    if (directory / CONFIG_NAME).is_file() or looks_like_a_name:
        from classifier.hugging_face import load_sequence_classifier

        return load_sequence_classifier(settings.model, settings.operating_point)
    raise ModelError(f"{directory / SUMS_NAME}: there is none, so this is no model; install it again or name another")
