"""A Hugging Face sequence classifier behind the shipped screen; runs where the extra is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from classifier.errors import ModelError
from classifier.hugging_face import DEFAULT_THRESHOLD, load_sequence_classifier
from ingest.post import Post
from serving.model import load_model
from serving.settings import Settings
from tests.records import ADVERT, ORDINARY

pytest.importorskip("torch", reason="the extra gpu is not installed")
pytest.importorskip("transformers", reason="the extra gpu is not installed")

LABELS = ["none", "false_promise", "smuggling_advert"]


def _write(directory: Path, labels: list[str]) -> Path:
    """A random BERT that reads characters and has these labels."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    characters = sorted(set(ADVERT + ORDINARY + "abcdefghijklmnopqrstuvwxyz▁"))
    vocabulary = [*((token, 0.0) for token in ("<s>", "<pad>", "</s>", "<unk>")), *((c, -3.0) for c in characters)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    make: Any = PreTrainedTokenizerFast
    make(tokenizer_object=tokenizer, pad_token="<pad>", cls_token="<s>", sep_token="</s>").save_pretrained(directory)
    torch.manual_seed(1)
    shape: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BertConfig(
        vocab_size=len(vocabulary), intermediate_size=64, pad_token_id=1, id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)}, max_position_embeddings=512, **shape,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write(tmp_path_factory.mktemp("classifier"), LABELS)


POSTS = [Post(id="a", text=ADVERT), Post(id="b", text=ORDINARY), Post(id="c", text="", media_text=[ADVERT * 30])]


def test_it_goes_through_the_same_policy(directory: Path) -> None:
    classifier = load_sequence_classifier(str(directory), "all")
    verdicts = list(classifier.classify(POSTS))
    assert [verdict.stage for verdict in verdicts] == ["encoder"] * 3
    assert {verdict.threshold for verdict in verdicts} == {DEFAULT_THRESHOLD}
    assert classifier.version == f"{directory.name}@local"
    assert len(classifier.sha256) == 64
    assert [classifier.classify([post])[0] for post in POSTS] == verdicts


def test_its_own_thresholds_count(directory: Path, tmp_path: Path) -> None:
    changed = _write(tmp_path, LABELS)
    config = json.loads((changed / "config.json").read_text())
    config["falsepassage"] = {"thresholds": {"smuggling_advert": {"default": 0.01}}}
    (changed / "config.json").write_text(json.dumps(config))
    verdict = load_sequence_classifier(str(changed), "all").classify(POSTS)[0]
    assert (verdict.label, verdict.threshold) == ("smuggling_advert", 0.01)
    assert verdict.evidence
    config["falsepassage"] = {"thresholds": {"smuggling_advert": 1}}
    (changed / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"falsepassage\.thresholds"):
        load_sequence_classifier(str(changed), "all")


def test_the_settings_may_name_it(directory: Path) -> None:
    assert load_model(Settings(model=str(directory))).version == f"{directory.name}@local"


def test_labels_that_are_not_ours_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="lacks smuggling_advert, false_promise; it has bad, good"):
        load_sequence_classifier(str(_write(tmp_path, ["bad", "good"])), "all")


def test_a_directory_without_a_model_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=str(tmp_path)):
        load_model(Settings(model=str(tmp_path)))
