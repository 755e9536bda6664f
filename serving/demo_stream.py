"""The stream of the demo: made-up records whose texts are from our own corpus. No broker here."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from classifier.training.corpus import CORPUS, LabelledPost, select
from classifier.training.ordinary import read_own
from ingest.post import Post
from serving.demo_platforms import PAYLOADS

AUTHORS = 5_000
PLATFORMS = ("telegram", "facebook", "bluesky", "x", "tiktok", "mastodon", "instagram")
JOINED_CHARS = 250
"""Two ordinary posts of one language are joined, for variety, where both together are no longer than posts are."""
ENDINGS = tuple("☀🌧🍵🎉🙏❤😂😅👍🌙🌊🎶⚽🐈📚🍞🌷✨🤲🚲")
OTHER_LANGUAGES = (
    ("de", "Heute Abend gibt es Kartoffelsuppe, und der Zug hatte wieder zwanzig Minuten Verspätung."),
    ("fr", "Quelqu'un a vu le match hier soir ? Quelle fin incroyable, je n'en reviens pas."),
    ("es", "Por fin viernes. Mañana vamos a la playa con los niños si no llueve."),
    ("it", "Ho provato la ricetta della nonna e il pane è venuto buonissimo."),
    ("pl", "Dziś rano pierwszy śnieg, dzieci szczęśliwe, kierowcy mniej."),
    ("el", "Καλημέρα σε όλους, καφές και βιβλίο στο μπαλκόνι σήμερα."),
    ("uk", "Сьогодні нарешті дочитала книжку, яку мені подарували на день народження."),
    ("so", "Subax wanaagsan, maanta waa maalin qurux badan oo qorraxdu soo baxday."),
    ("vi", "Trời mưa cả ngày, ở nhà nấu phở và xem phim với gia đình."),
    ("ur", "آج بارش کے بعد موسم بہت خوشگوار ہے اور ہم سب چھت پر چائے پی رہے ہیں۔"),
)


class Kind(StrEnum):
    """What a record of the stream is meant to be; what the classifier makes of it is another matter."""

    ORDINARY = "ordinary"
    LOOK_ALIKE = "look-alike"
    PLATFORM = "platform payload"
    ADVERT = "advert"
    EMPTY = "empty"
    POISON = "poison"


ONE_IN = {Kind.LOOK_ALIKE: 100, Kind.PLATFORM: 100, Kind.ADVERT: 2_000, Kind.EMPTY: 2_000, Kind.POISON: 5_000}
"""How rare each kind is. Exactly one comes in every so many records, at a random place among them."""

Headers = tuple[tuple[str, bytes], ...]
POISON: tuple[tuple[bytes, Headers], ...] = (
    (b'{"id": "demo:cut", "text": "the connection broke in the mid', ()),
    (b'{"id": "demo:latin-1", "text": "caf\xe9"}', ()),
    (b'{"id": "demo:no-text", "platform": "telegram"}', ()),
    (b'{"id": "demo:unknown", "text": "?"}', (("ce_type", b"com.example.unheard-of.v1"),)),
)


@dataclass(frozen=True, slots=True)
class DemoRecord:
    """A record to be sent to the posts topic."""

    kind: Kind
    author: int
    value: bytes
    headers: Headers = ()

    @property
    def key(self) -> bytes:
        """The author's name, so that one author's posts keep their order."""
        return _author_name(self.author).encode()


@dataclass(frozen=True, slots=True)
class Texts:
    """What the stream draws from."""

    ordinary: Sequence[Post]
    look_alikes: Sequence[Post]
    adverts: Sequence[Post]


def choose_texts(corpus: Sequence[LabelledPost]) -> Texts:
    """Take the side of the corpus that the model was not trained on: it shall not be shown what it knows by heart.

    Ordinary posts are those that are like a stream's: the corpus's own were written to share contacts and prices with
    adverts, and the screen lets a third of them pass instead of three in a hundred.
    """
    unseen = select(corpus, "test")
    ordinary = [Post(id="", text=each.text, lang=each.lang) for each in read_own(CORPUS)]
    ordinary += [Post(id="", text=text, lang=language) for language, text in OTHER_LANGUAGES]
    return Texts(
        ordinary,
        [each.post for each in unseen if each.label == "none" and each.kind != "ordinary"],
        [each.post for each in unseen if each.label != "none"],
    )


def demo_stream(texts: Texts, seed: int, clock: Callable[[], float] = time.time) -> Iterator[DemoRecord]:
    """Yield records without end, the same for the same seed but for the clock's times."""
    rng = random.Random(seed)  # noqa: S311 - no secret depends on it
    by_language: dict[str | None, list[Post]] = {}
    for post in texts.ordinary:
        by_language.setdefault(post.lang, []).append(post)
    for number, kind in enumerate(_kinds(rng)):
        author = rng.randrange(AUTHORS)
        if kind is Kind.POISON:
            value, headers = POISON[number // ONE_IN[kind] % len(POISON)]
            yield DemoRecord(kind, author, value, headers)
            continue
        now = datetime.fromtimestamp(clock(), UTC)
        post = _draw(texts, by_language, kind, rng)
        if kind is Kind.PLATFORM:
            ce_type, value = rng.choice(PAYLOADS)(number, _author_name(author), post.text or "", now)
            yield DemoRecord(kind, author, value, (("ce_type", ce_type.encode()),))
        else:
            platform = PLATFORMS[author % len(PLATFORMS)]
            whole = msgspec.structs.replace(
                post,
                id=f"{platform}:demo/{seed:x}-{number:x}",
                platform=platform,
                author=_author_name(author),
                created_at=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            )
            yield DemoRecord(kind, author, msgspec.json.encode(whole))


def _kinds(rng: random.Random) -> Iterator[Kind]:
    """Ordinary posts, with the rare kinds among them; where two fall on one place, one comes a place later."""
    due: deque[Kind] = deque()
    places: dict[Kind, int] = {}
    number = 0
    while True:
        for kind, period in ONE_IN.items():
            if number % period == 0:
                places[kind] = number + rng.randrange(period)
            if places[kind] == number:
                due.append(kind)
        yield due.popleft() if due else Kind.ORDINARY
        number += 1


def _draw(texts: Texts, by_language: dict[str | None, list[Post]], kind: Kind, rng: random.Random) -> Post:
    if kind is Kind.EMPTY:
        return Post(id="", text="")
    if kind is Kind.ADVERT:
        return _ended(rng.choice(texts.adverts), rng)
    if kind is Kind.LOOK_ALIKE:
        return _ended(rng.choice(texts.look_alikes), rng)
    post = rng.choice(texts.ordinary)
    more = rng.choice(by_language[post.lang])
    if more is not post and len(post.text or "") + len(more.text or "") < JOINED_CHARS:
        post = msgspec.structs.replace(post, text=f"{post.text} {more.text}")
    return _ended(post, rng)


def _ended(post: Post, rng: random.Random) -> Post:
    """The post with an ending that makes it differ from others of the same words."""
    return msgspec.structs.replace(post, text=f"{post.text} {''.join(rng.choices(ENDINGS, k=rng.randrange(1, 4)))}")


def _author_name(author: int) -> str:
    return f"demo-author-{author}"
