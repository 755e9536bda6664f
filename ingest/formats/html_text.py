"""HTML of a post → the text that people read."""

from __future__ import annotations

import re
from html.parser import HTMLParser

BLOCKS = frozenset(("blockquote", "div", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "ul"))
LINES = frozenset(("br", "li"))
RAW_TEXT = "iframe|noembed|noframes|noscript|plaintext|script|style|textarea|title|xmp"
STRAY_BRACKET = re.compile(rf"<(?!/?(?!(?:{RAW_TEXT})\b)[A-Za-z][^<>]*>)", re.IGNORECASE)
BLANK_LINES = re.compile(r"\n{3,}")


def text_of_html(html: str) -> str:
    """The text of `html`: a blank line between paragraphs, a line break for `<br>`, characters for entities.

    Markup inside a line leaves no trace, so that `@<span>name</span>`, `#<span>tag</span>` and a link whose ends
    are only hidden by style read as the mention, the tag and the whole address.

    A `<` that opens no whole tag is text. This also keeps from the standard parser what it fails on (some
    declarations), what costs it quadratic time (tags without end) and what makes it drop the rest (a script).
    """
    parser = _TextParser()
    parser.feed(STRAY_BRACKET.sub("&lt;", html))
    parser.close()
    return BLANK_LINES.sub("\n\n", "".join(parser.parts)).strip()


class _TextParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in BLOCKS:
            self.parts.append("\n\n")
        elif tag in LINES:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in BLOCKS:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)
