"""The encoder from export to evidence, with a tiny random network; runs where the training extra is installed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.artefact import TAGS, EncoderConfig
from classifier.encoder import Encoder, find_evidence
from classifier.errors import ModelError
from classifier.training.corpus import CorpusLine, LabelledPost, parse
from classifier.training.encoder_export import Drift, drift, export
from classifier.training.encoder_model import build, evenly_spaced, load_encoder, restore, save
from ingest.post import Post

pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("transformers", reason="the training extra is not installed")
pytest.importorskip("onnxruntime", reason="the training extra is not installed")

TEXTS = [
    "boat to Dover, 1400 each, ring 07700 900123",
    "قارب جديد من إزمير",
    "x",
    "",
    "the bins are collected on Thursday " * 12,
    "go by b.o.a.t",
]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of four layers that knows single characters, in Hugging Face layout."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel

    directory = tmp_path_factory.mktemp("backbone")
    characters = [*sorted(set("".join(TEXTS)) - {" "}), "▁"]
    vocabulary = [
        *((token, 0.0) for token in ("<s>", "<pad>", "</s>", "<unk>")),
        *((each, -3.0) for each in characters),
    ]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.save(str(directory / "tokenizer.json"))
    torch.manual_seed(1)
    shape: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2}
    config = BertConfig(vocab_size=len(vocabulary), intermediate_size=64, pad_token_id=1, **shape)
    BertModel(config, add_pooling_layer=False).save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def trained(backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What training would have left, untrained."""
    import torch

    directory = tmp_path_factory.mktemp("trained")
    torch.manual_seed(2)
    save(build(load_encoder(backbone, 2)), directory)
    shutil.copy(backbone / "tokenizer.json", directory)
    return directory


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, EncoderConfig, Drift]:
    """The served files and how far they are from the exact ones."""
    out = tmp_path_factory.mktemp("exported")
    labels: list[Any] = ["smuggling_advert", "false_promise", "none"]
    posts: list[LabelledPost] = []
    for i, text in enumerate(TEXTS * 2):
        marked = f"[[route:{text or 'x'}]]" if i % 3 < 2 else text
        posts.append(parse(CorpusLine(f"x-{i}", labels[i % 3], "lorry", f"g{i}", "en", marked)))
    return out, *export(trained, out, posts, posts, lambda _: None)


@pytest.fixture(scope="module")
def encoder(exported: tuple[Path, EncoderConfig, Drift]) -> Encoder:
    directory, config, _ = exported
    return Encoder.load(directory, config, threads=1)


def _posts(texts: list[str]) -> list[Post]:
    return [Post(id=str(i), text=text) for i, text in enumerate(texts)]


def test_a_post_is_read_alike_alone_and_in_any_batch(encoder: Encoder) -> None:
    posts = _posts(TEXTS * 20)
    together = encoder.read(posts)
    backwards = encoder.read(posts[::-1])
    np.testing.assert_array_equal(together.logits, backwards.logits[::-1])
    for i, post in enumerate(posts[: len(TEXTS)]):
        alone = encoder.read([post])
        np.testing.assert_array_equal(alone.logits[0], together.logits[i])
        np.testing.assert_array_equal(alone.tags[0], together.tags[i])
        assert alone.evidence(0) == together.evidence(i)


def test_a_long_post_is_judged_by_its_worst_window(encoder: Encoder) -> None:
    reading = encoder.read(_posts([TEXTS[4], TEXTS[4][:100]]))
    assert len(reading.posts[0].tokens) > 300
    assert reading.tags[0].shape == (len(reading.posts[0].tokens), len(TAGS))
    assert np.isfinite(reading.logits).all()


def test_media_text_is_read_and_evidence_names_its_field(encoder: Encoder) -> None:
    post = Post(id="1", text="see", media_text=["boat to Dover", "x"])
    reading = encoder.read([post])
    assert {reading.posts[0].fields[token.field] for token in reading.posts[0].tokens} == {
        "text",
        "media_text/0",
        "media_text/1",
    }
    for each in reading.evidence(0):
        text = {"text": "see", "media_text/0": "boat to Dover", "media_text/1": "x"}[each.field]
        assert text[each.start : each.end] == each.text


def test_no_posts(encoder: Encoder) -> None:
    assert encoder.read([]).logits.shape == (0, 2)
    assert encoder.read([]).probabilities().shape == (0, 2)


def test_eight_bits_stay_near(exported: tuple[Path, EncoderConfig, Drift]) -> None:
    _, _, found = exported
    assert found.posts == 2 * len(TEXTS)
    assert found.largest < found.spread


def test_drift_counts_changed_decisions() -> None:
    before, after = np.array([[1.0, -1.0], [1.0, -1.0]]), np.array([[1.0, -1.0], [-1.0, -1.0]])
    assert drift(before, after).agreement == 0.5
    assert drift(before, after).largest == 2


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json"])
def test_a_damaged_file_is_refused_by_name(
    exported: tuple[Path, EncoderConfig, Drift], tmp_path: Path, name: str
) -> None:
    directory, config, _ = exported
    shutil.copytree(directory, tmp_path / "model")
    whole = (tmp_path / "model" / name).read_bytes()
    (tmp_path / "model" / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=name):
        Encoder.load(tmp_path / "model", config)
    (tmp_path / "model" / name).unlink()
    with pytest.raises(ModelError, match=name):
        Encoder.load(tmp_path / "model", config)


def test_what_was_saved_is_restored(trained: Path) -> None:
    import torch

    ids = torch.tensor([[0, 5, 6, 2]])
    first, second = restore(trained), restore(trained)
    with torch.no_grad():
        torch.testing.assert_close(first(ids, torch.ones_like(ids))[0], second(ids, torch.ones_like(ids))[0])
    assert json.loads((trained / "config.json").read_text())["num_hidden_layers"] == 2


@pytest.mark.parametrize(("layers", "of", "chosen"), [(1, 12, [11]), (2, 4, [0, 3]), (3, 3, [0, 1, 2])])
def test_layers_are_evenly_spaced(layers: int, of: int, chosen: list[int]) -> None:
    assert evenly_spaced(layers, of) == chosen


def test_a_flag_always_has_evidence(encoder: Encoder) -> None:
    """Even where no tag reaches its threshold: the likeliest word is shown."""
    posts = _posts([text for text in TEXTS if text.strip()])
    reading = encoder.read(posts)
    sure = [np.tile(np.array([9.0, *[-9.0] * (len(TAGS) - 1)], np.float32), (len(tags), 1)) for tags in reading.tags]
    for i, post in enumerate(posts):
        sure[i][0, 3] = -8.0
        found = find_evidence(reading.posts[i], sure[i], TAGS, 0.5)
        assert [each.kind for each in found] == [TAGS[3]]
        assert (post.text or "")[found[0].start : found[0].end] == found[0].text
