"""What a Bluesky post says beside its text: alt texts and link cards.

Page: the lexicons "app.bsky.embed.*", https://github.com/bluesky-social/atproto/tree/main/lexicons/app/bsky/embed.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from ingest.formats.strict_json import decode_json
from ingest.formats.values import required


class Embed(msgspec.Struct, frozen=True, gc=False):
    """Any embed: the union is open, so one of an unknown type may hold anything under any name."""

    type: str = msgspec.field(name="$type")
    media: Raw = Raw()


class Described(msgspec.Struct, frozen=True, gc=False):
    """A picture, or a video with all that is around it."""

    alt: str = ""

    def texts(self) -> list[str]:
        return [self.alt]


class Images(msgspec.Struct, frozen=True, gc=False):
    images: tuple[Described, ...] = ()

    def texts(self) -> list[str]:
        return [image.alt for image in self.images]


class Gallery(msgspec.Struct, frozen=True, gc=False):
    items: tuple[Described, ...] = ()

    def texts(self) -> list[str]:
        return [item.alt for item in self.items]


class Card(msgspec.Struct, frozen=True, gc=False):
    title: str = ""
    description: str = ""


class External(msgspec.Struct, frozen=True, gc=False):
    external: Card

    def texts(self) -> list[str]:
        return ["\n".join(filter(None, (self.external.title, self.external.description)))]


EMBED_DECODER = msgspec.json.Decoder(Embed)
TEXT_DECODERS: dict[str, msgspec.json.Decoder[Described | Images | Gallery | External]] = {
    "app.bsky.embed.images": msgspec.json.Decoder(Images),
    "app.bsky.embed.gallery": msgspec.json.Decoder(Gallery),
    "app.bsky.embed.video": msgspec.json.Decoder(Described),
    "app.bsky.embed.external": msgspec.json.Decoder(External),
}


def media_text_of(raw: bytes) -> list[str]:
    """Texts of the embed whose JSON is `raw` (which may be empty or null), in the order in which they are shown.

    Raises:
        DecodeError: if `raw` is not an embed.
    """
    if raw in (b"", b"null"):
        return []
    embed = decode_json(EMBED_DECODER, raw)
    if embed.type == "app.bsky.embed.recordWithMedia":  # a quotation and, in `media`, one of the others
        raw = required(embed.media, "media")
        embed = decode_json(EMBED_DECODER, raw)
    decoder = TEXT_DECODERS.get(embed.type)
    return [text for text in decode_json(decoder, raw).texts() if text] if decoder else []
