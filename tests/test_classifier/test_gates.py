"""How the share of ordinary posts that may pass is divided between languages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classifier.training.gates import MIN_POSTS, NO_ADVERTS_SHARE, Screened, set_gates

NAMES = ["en", "ckb", "it", "vi", "und"]


def _screened(parts: dict[str, NDArray[np.float64]]) -> Screened:
    languages = np.concatenate([np.full(len(each), NAMES.index(name), np.int8) for name, each in parts.items()])
    column = np.concatenate(list(parts.values()))
    return Screened(languages, np.stack([column, np.zeros(len(column))], axis=1))


def _stream() -> tuple[Screened, Screened]:
    rng = np.random.default_rng(1)
    common = {
        "en": rng.beta(1, 12, 6_000),
        "ckb": rng.beta(3, 5, 3_000),
        "it": rng.beta(1, 9, 3_000),
        "vi": rng.beta(1, 9, MIN_POSTS - 1),
    }
    positives = {"en": rng.beta(5, 3, 200), "ckb": rng.beta(6, 3, 200), "vi": rng.beta(5, 3, 100)}
    return _screened(common), _screened(positives)


def _share(screened: Screened, gates: dict[str, float], names: list[str] | None = None) -> float:
    passed = total = 0
    for i, name in enumerate(NAMES):
        if names is None or name in names:
            found = screened.of(i)
            passed += int((found >= gates.get(name, 1.0)).sum())
            total += len(found)
    return passed / total


def test_no_more_than_the_share_passes() -> None:
    common, positives = _stream()
    found = set_gates(common, positives, NAMES, {"balanced": 0.03, "firehose": 0.005})
    for point, share in (("balanced", 0.03), ("firehose", 0.005)):
        assert share / 2 < _share(common, found[point].by_language) <= share


def test_the_division_finds_more_than_one_gate_for_all() -> None:
    common, positives = _stream()
    found = set_gates(common, positives, NAMES, {"balanced": 0.03})["balanced"].by_language
    one = float(np.quantile(common.probabilities.max(axis=1), 0.97))
    measured = ["en", "ckb"]
    assert _share(positives, found, measured) > _share(positives, dict.fromkeys(NAMES, one), measured)


def test_a_language_without_adverts_gets_a_part_of_the_share() -> None:
    common, positives = _stream()
    found = set_gates(common, positives, NAMES, {"balanced": 0.03})["balanced"].by_language
    assert abs(_share(common, found, ["it"]) - 0.03 * NO_ADVERTS_SHARE) < 0.002


def test_a_language_of_unknown_cost_keeps_its_adverts() -> None:
    common, positives = _stream()
    found = set_gates(common, positives, NAMES, {"firehose": 0.005})["firehose"].by_language
    assert _share(positives, found, ["vi"]) >= 0.95


def test_a_language_that_was_never_seen_has_the_common_gate() -> None:
    common, positives = _stream()
    found = set_gates(common, positives, NAMES, {"balanced": 0.03})["balanced"]
    assert "und" not in found.by_language
    assert found.of("und") == found.default
