"""What the corpus refuses: broken marks, near-duplicates, numbers that are not reserved, and give-aways.

Each function returns what is wrong, in words, so that a test or an author sees all of it at once.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from classifier.cascade import full_text
from classifier.training.corpus import LabelledPost

MAIN_LANGUAGES = frozenset(["en", "ckb", "kmr", "ar", "fa", "prs", "ps", "tr", "sq", "vi", "fr"])

KINDS: dict[str, frozenset[str]] = {
    "smuggling_advert": frozenset(
        [
            "sea_crossing",
            "lorry",
            "car_taxi",
            "air",
            "on_foot",
            "package",
            "short_pitch",
            "coded",
            "reply",
            "proof",
            "testimonial",
            "payment",
            "recruit_driver",
            "recruit_pilot",
            "recruit_host",
            "recruit_broker",
            "documents",
            "visa_forged",
            "sham_marriage",
            "bought_licence",
            "agency",
            "family",
        ]
    ),
    "false_promise": frozenset(
        [
            "border_open",
            "papers_amnesty",
            "deportation_stopped",
            "asylum_guaranteed",
            "benefits",
            "job_guaranteed",
            "study_guaranteed",
            "visa_guaranteed",
            "sponsorship_sale",
            "resettlement_fee",
            "fake_lottery",
            "rumour",
        ]
    ),
    "none": frozenset(
        [
            "journalist",
            "court_report",
            "official_warning",
            "ngo_warning",
            "fact_check",
            "rumour_question",
            "rescue_hotline",
            "legal_help",
            "help_request",
            "own_story",
            "missing_relative",
            "victim_warning",
            "solidarity",
            "grief",
            "politics",
            "hostile",
            "travel_agency",
            "visa_help",
            "licensed_recruiter",
            "carpool",
            "taxi_transfer",
            "boat_hire",
            "boat_sale",
            "ferry",
            "removals",
            "driver_job",
            "courier_van",
            "money_exchange",
            "translation_office",
            "language_school",
            "scholarship_real",
            "wedding",
            "property_rent",
            "football",
            "phone_game",
            "film_book",
            "joke",
            "weather_sea",
            "hiking_guide",
            "research",
            "policy_news",
            "coded_lookalike",
            "proof_lookalike",
            "commerce",
            "ordinary",
        ]
    ),
}
"""The kinds of post under each label."""

NEAR_DUPLICATE = 0.6
"""Jaccard similarity of character 5-grams from which on two posts count as the same."""

_NUMBER = re.compile(r"(?<![\d,.])(?:\+|00)?\d[\d \-().]{7,}\d")
_RESERVED_NUMBER = re.compile(r"(?:00)?(?:44)?0?7700900\d{3}")
_HANDLE = re.compile(r"(?<![\w.])@(\w+)")
_LINK = re.compile(
    r"\b(?:https?://)?((?:[\w-]+\.)+(?:com|org|net|me|uk|de|fr|io|info|co|tr|ir|al|vn)\b[/\w]*)", re.ASCII
)
_RESERVED_LINK = re.compile(r"(^|\.)example\.(com|org|net)|^t\.me/\+?example|^wa\.me/447700900\d{3}")
_CURRENCY = re.compile(
    r"[$€£₺]|\b(eur|euros?|usd|gbp|tl|lek|lekë|pounds?|quid|dollars?|dolar|naira|birr|reais)\b|يورو|دولار|دينار|ليرة|درهم|"
    r"پوند|پاوند|یورو|دلار|دۆلار|یۆرۆ|تومن|تومان|افغانی|روپے|ډالر|ብር|টাকা|ডলার|ইউরো|triệu|nghìn|bảng",
    re.IGNORECASE,
)


def check_post(post: LabelledPost) -> list[str]:
    """Return what is wrong with one post by itself."""
    text = full_text(post.post)
    problems = []
    if post.kind not in KINDS[post.label]:
        problems.append(f"{post.kind!r} is no kind of {post.label}")
    if (post.label == "none") == bool(post.spans):
        problems.append("marks belong in positive posts, and each of those has some")
    western = "".join(str(unicodedata.digit(char, char)) if char.isdigit() else char for char in text)
    for number in _NUMBER.findall(western):
        digits = re.sub(r"\D", "", number)
        if len(digits) >= 9 and not _RESERVED_NUMBER.fullmatch(digits):
            problems.append(f"{number!r} is not a reserved number")
    problems += [
        f"@{handle} is not reserved" for handle in _HANDLE.findall(text) if not handle.lower().startswith("example")
    ]
    problems += [f"{link} is not reserved" for link in _LINK.findall(western) if not _RESERVED_LINK.search(link)]
    return [f"{post.post.id}: {problem}" for problem in problems]


def check_groups(posts: Sequence[LabelledPost]) -> list[str]:
    """Return the groups that have more than one label."""
    labels: dict[str, set[str]] = defaultdict(set)
    for post in posts:
        labels[post.group].add(post.label)
    return [f"group {group} has the labels {sorted(found)}" for group, found in labels.items() if len(found) > 1]


def check_near_duplicates(posts: Sequence[LabelledPost]) -> list[str]:
    """Return the pairs that share most of their character 5-grams (Broder 1997)."""
    places: dict[str, list[int]] = defaultdict(list)
    sizes: list[int] = []
    problems = []
    for i, post in enumerate(posts):
        shingles = _shingles(full_text(post.post))
        sizes.append(len(shingles))
        shared: Counter[int] = Counter()
        for shingle in shingles:
            if len(places[shingle]) < 200:  # what everybody writes tells nothing
                shared.update(places[shingle])
                places[shingle].append(i)
        for other, number in shared.most_common(1):
            similarity = number / (sizes[i] + sizes[other] - number)
            if similarity > NEAR_DUPLICATE:
                problems.append(f"{post.post.id} is nearly {posts[other].post.id} ({similarity:.2f})")
    return problems


def check_balance(posts: Sequence[LabelledPost], bound: float) -> list[str]:
    """Return the give-aways whose shares among positive and among harmless posts differ by more than `bound`."""
    positive = [full_text(post.post) for post in posts if post.label != "none"]
    harmless = [full_text(post.post) for post in posts if post.label == "none"]
    problems = []
    for name, has in _GIVE_AWAYS.items():
        with_it = [sum(map(has, texts)) / max(len(texts), 1) for texts in (positive, harmless)]
        if abs(with_it[0] - with_it[1]) > bound:
            problems.append(f"{name}: {with_it[0]:.0%} of positive posts, {with_it[1]:.0%} of harmless ones")
    return problems


def _shingles(text: str) -> set[str]:
    plain = re.sub(r"[\W\d_]+", " ", text.lower())
    return {plain[i : i + 5] for i in range(max(1, len(plain) - 4))}


def _has_emoji(text: str) -> bool:
    return any(unicodedata.category(char) == "So" for char in text)


_GIVE_AWAYS: dict[str, Callable[[str], bool]] = {
    "a contact": lambda text: bool(re.search(r"7700|٧٧٠٠|۷۷۰۰|@example|example\.|t\.me|wa\.me", text)),
    "a price": lambda text: bool(_CURRENCY.search(text)),
    "emoji": _has_emoji,
    "a digit": lambda text: any(char.isdigit() for char in text),
    "an exclamation mark": lambda text: "!" in text,
    "fewer than 12 words": lambda text: len(text.split()) < 12,
    "more than 45 words": lambda text: len(text.split()) > 45,
}
