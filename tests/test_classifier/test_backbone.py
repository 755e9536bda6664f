"""Reading the 4-bit weights and choosing the pieces of the vocabulary; neither needs torch or a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifier.errors import TrainingError
from classifier.training.backbone import choose_pieces, dequantise_q4_0, load_backbone, piece_standing, read_e5s, remap


def test_four_bits_are_undone() -> None:
    packed = bytes(low | high << 4 for low, high in zip(range(16), reversed(range(16)), strict=True))
    values = dequantise_q4_0(np.float16(0.5).tobytes() + packed)
    np.testing.assert_array_equal(values[:16], (np.arange(16) - 8) * 0.5)
    np.testing.assert_array_equal(values[16:], (np.arange(15, -1, -1) - 8) * 0.5)


def test_another_format_is_refused() -> None:
    with pytest.raises(TrainingError, match="another format"):
        read_e5s(b"GGUF" + bytes(100))


@pytest.mark.parametrize(
    ("piece", "standing"),
    [
        ("▁boat", "spare"),
        ("▁Sakız", "keep"),
        ("▁đường", "keep"),
        ("▁łódź", "drop"),
        ("▁قارب", "keep"),
        ("ጀልባ", "keep"),
        ("নৌকা", "keep"),
        ("नाव", "keep"),
        ("▁лодка", "drop"),
        ("л", "keep"),
        ("เรือ", "drop"),
        ("船", "drop"),
        ("배", "drop"),
        ("βάρκα", "drop"),
        ("1400", "keep"),
        ("🚢", "keep"),
        ("...", "keep"),
        ("▁", "keep"),
    ],
)
def test_pieces_of_our_languages_stay(piece: str, standing: str) -> None:
    assert piece_standing(piece) == standing


def test_the_rarest_spare_pieces_go_first() -> None:
    vocabulary = [["<s>", 0.0], ["▁boat", -5.0], ["▁ship", -9.0], ["▁лодка", -4.0], ["قارب", -12.0], ["▁raft", -7.0]]
    assert choose_pieces(vocabulary, {0}, 4) == [0, 1, 4, 5]
    assert choose_pieces(vocabulary, {0, 2, 3}, 5) == [0, 1, 2, 3, 4]


def test_ids_follow_their_pieces() -> None:
    spec = {
        "added_tokens": [{"id": 0, "content": "<s>"}, {"id": 4, "content": "<mask>"}],
        "post_processor": {"special_tokens": {"<s>": {"ids": [0]}}},
        "model": {
            "type": "Unigram",
            "unk_id": 1,
            "vocab": [["<s>", 0], ["<unk>", 0], ["a", -1], ["b", -2], ["<mask>", 0]],
        },
    }
    new = remap(spec, [0, 1, 3, 4])
    assert [piece for piece, _ in new["model"]["vocab"]] == ["<s>", "<unk>", "b", "<mask>"]
    assert [token["id"] for token in new["added_tokens"]] == [0, 3]


def test_a_directory_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert load_backbone(str(tmp_path)) == tmp_path
