"""The networks as they were trained, in 32 bits and read by torch, to compare what is served with."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.encoder_input import special_tokens, tokenise, window_ids, windows
from classifier.training.encoder_model import restore
from classifier.verdict import POSITIVE_LABELS
from ingest.post import Post

BATCH = 32


def network_scorer(directory: Path) -> Callable[[Sequence[Post]], NDArray[np.float64]]:
    """Return a function from posts to the label logits, shape [posts, 2], of the network in `directory`."""
    import torch
    from tokenizers import Tokenizer

    model = restore(directory)
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    special = special_tokens(tokenizer)

    def score(posts: Sequence[Post]) -> NDArray[np.float64]:
        rows: list[tuple[int, list[int]]] = []
        for i, post in enumerate(tokenise(tokenizer, posts)):
            for start, end in windows(len(post.tokens)):
                rows.append((i, window_ids(post, start, end, special)))
        rows.sort(key=lambda row: len(row[1]))
        logits = np.full((len(posts), len(POSITIVE_LABELS)), -np.inf)
        for at in range(0, len(rows), BATCH):
            group = rows[at : at + BATCH]
            width = len(group[-1][1])
            ids = torch.tensor([each + [special.pad] * (width - len(each)) for _, each in group])
            mask = torch.tensor([[1] * len(each) + [0] * (width - len(each)) for _, each in group])
            with torch.inference_mode():
                found = model(ids, mask)[0].numpy()
            for (i, _), row in zip(group, found, strict=True):
                logits[i] = np.maximum(logits[i], row)
        return logits

    return score


def pipeline_speed(directory: Path, texts: Sequence[str], threads: int) -> float:
    """Return the posts a second that a transformers pipeline reads with the network in `directory`, in fp32.

    The label head is left out: the pipeline pools nothing, which is in its favour.
    """
    import torch
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast, pipeline

    torch.set_num_threads(threads)
    config = AutoConfig.from_pretrained(directory)
    from_config: Any = AutoModel.from_config
    make_tokenizer: Any = PreTrainedTokenizerFast
    make_pipeline: Any = pipeline
    tokenizer = make_tokenizer(
        tokenizer_file=str(directory / "tokenizer.json"),
        pad_token="<pad>",  # noqa: S106  # no password
        cls_token="<s>",  # noqa: S106
        sep_token="</s>",  # noqa: S106
    )
    reader = make_pipeline("feature-extraction", model=from_config(config).eval(), tokenizer=tokenizer, device="cpu")
    arguments = {"batch_size": BATCH, "tokenize_kwargs": {"truncation": True, "max_length": 128}}
    reader(list(texts[:BATCH]), **arguments)
    began = time.perf_counter()
    reader(list(texts), **arguments)
    return len(texts) / (time.perf_counter() - began)
