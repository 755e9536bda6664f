"""What a team would use instead: a list of words, and TF-IDF with logistic regression.

Each gives one score for each label, and is held to the same budget of flags as the model it is compared with.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from classifier.cascade import full_text
from classifier.training.corpus import LabelledPost
from classifier.training.encoder_examples import ordinary_as_labelled
from classifier.training.ordinary import OrdinaryPost
from classifier.verdict import POSITIVE_LABELS
from ingest.post import Post

Scorer = Callable[[Sequence[Post]], NDArray[np.float64]]
"""Posts in, scores of both labels out, shape [posts, 2]."""

_JOURNEY = """boat boats dinghy lorry truck crossing smuggler guide passport passports visa papers game border
قارب زورق شاحنة تهريب مهرب جواز فيزا رحلة قایق کامیون قاچاق پاسپورت ویزا مرز بەلەم قاچاخ پاسپۆرت ڤیزا سنوور
tekne bot kaçak pasaport vize sınır qeyik qaçax sînor gommone varkë kamion kufi thuyền xe hộ_chiếu vượt_biên bateau
passeur camion passeport frontière lancha coyote pasaporte frontera"""
_OFFER = """price pay guarantee guaranteed safe seats inbox whatsapp call cheap tonight arrive
سعر ضمان مضمون مقاعد واتساب خاص تضمین تضمینی قیمت تماس گەرەنتی نرخ پەیوەندی garanti fiyat güvenli yer garantî biha
garanci çmim đảm_bảo giá liên_hệ garantie prix places garantizado precio cupos"""
_PROMISE = """asylum free job jobs benefits residence amnesty opened opens lottery
لجوء إقامة مجاني وظيفة رواتب پناهندگی اقامت رایگان کار پەنابەری مانەوە بێبەرامبەر iltica oturum bedava iş penaberî
azil leje falas tị_nạn việc_làm miễn_phí asile papiers gratuit emploi asilo trabajo gratis"""


def _pattern(words: str) -> re.Pattern[str]:
    alternatives = "|".join(re.escape(word.replace("_", " ")) for word in words.split())
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE)


def keyword_scorer() -> Scorer:
    """Count words of a journey and of an offer, or of a promise and of an offer: the filter that is written first."""
    journey, offer, promise = map(_pattern, (_JOURNEY, _OFFER, _PROMISE))

    def score(posts: Sequence[Post]) -> NDArray[np.float64]:
        found = np.zeros((len(posts), 2))
        for i, post in enumerate(posts):
            text = full_text(post)
            offers = len(set(offer.findall(text)))
            found[i] = [min(len(set(other.findall(text))), 4) * min(offers, 4) / 17 for other in (journey, promise)]
        return found

    return score


def tfidf_scorer(posts: Sequence[LabelledPost], ordinary: Sequence[OrdinaryPost], seed: int = 1) -> Scorer:
    """Fit TF-IDF over character 3- to 5-grams and one logistic regression a label, on the training split."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    rng = random.Random(seed)  # noqa: S311  # no secret
    texts = [full_text(post.post) for post in posts]
    texts += [ordinary_as_labelled(post.text, post.lang, rng).post.text or "" for post in ordinary]
    labels = [post.label for post in posts] + ["none"] * len(ordinary)
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), max_features=200_000, sublinear_tf=True)
    x = vectorizer.fit_transform(texts)
    models = [
        LogisticRegression(C=10.0, solver="liblinear", random_state=seed).fit(x, [each == label for each in labels])
        for label in POSITIVE_LABELS
    ]

    def score(posts: Sequence[Post]) -> NDArray[np.float64]:
        features = vectorizer.transform([full_text(post) for post in posts])
        return np.stack([model.predict_proba(features)[:, 1] for model in models], axis=1)

    return score
