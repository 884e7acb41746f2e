"""Questions and answers out of the HTML pages of the Python FAQ.

A `<section id=...>` whose heading ends in "?" is one pair. The heading is the question and never
part of the answer: a document that opened with its own query would be found too easily. The pages
hold 175 such sections; two rules leave the 158 pairs on which our figures are measured:

- a section that carries a second anchor (an empty `<span id=...>` before its heading, which other
  pages link to) is left out: 13 of them;
- an answer shorter than 40 characters says nothing ("See the Unicode HOWTO"): 4 of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

HEADINGS = {"h1", "h2", "h3", "h4"}
BLOCKS = {"p", "pre", "li", "ul", "ol", "dl", "dt", "dd", "div", "blockquote", "table", "tr"}
MIN_ANSWER = 40  # characters


@dataclass
class Section:
    anchor: str
    second_anchor: bool = False
    heading: str = ""
    blocks: list[str] = field(default_factory=list)  # the paragraphs and code blocks so far


class FaqPage(HTMLParser):
    """Collects the sections of one page, in order; `feed` it once.

    Groups of questions are sections too, but a question holds no further section. So it is enough
    to remember the section that opened last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sections: list[Section] = []
        self._inside = False  # a section is open and none has closed since
        self._text: list[str] = []  # the pieces of the block being read
        self._code = False
        self._ignored = ""  # the tag inside which nothing is read

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        attribute = dict(attributes)
        if self._ignored:
            return
        if tag == "nav" or (tag == "a" and attribute.get("class") == "headerlink"):
            self._ignored = tag  # tables of contents, and the pilcrow after a heading
        elif tag == "section":
            self.sections.append(Section(attribute.get("id") or ""))
            self._inside = True
            self._text.clear()
        elif tag == "span" and "id" in attribute and self._inside:
            section = self.sections[-1]
            section.second_anchor |= not section.heading and not self._text_so_far()
        elif tag == "br":
            self._text.append("\n")
        elif tag in BLOCKS | HEADINGS:
            self._end_block()
            self._code = tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if self._ignored:
            self._ignored = "" if tag == self._ignored else self._ignored
        elif tag == "section":
            self._end_block()
            self._inside = False
        elif tag in HEADINGS and self._inside:
            self.sections[-1].heading = self._text_so_far()
            self._text.clear()
        elif tag in BLOCKS:
            self._end_block()
            self._code = False

    def handle_data(self, data: str) -> None:
        if self._inside and not self._ignored:
            # Outside code a line end is only a space.
            self._text.append(data if self._code else re.sub(r"\s+", " ", data))

    def _text_so_far(self) -> str:
        return " ".join("".join(self._text).split())

    def _end_block(self) -> None:
        text = "".join(self._text)
        self._text.clear()
        if not self._code:
            text = "\n".join(" ".join(line.split()) for line in text.split("\n"))
        if self._inside and text.strip():
            self.sections[-1].blocks.append(text.strip("\n"))


def without_registry_links(text: str) -> str:
    """Replace the address of a project on a package registry by the project's name.

    >>> without_registry_links("see https://registry.example/project/numpy/ for it")
    'see numpy for it'
    """
    return re.sub(r"https?://\S+/project/([\w.-]+)/?", r"\1", text)


def read_pairs(pages: dict[str, str]) -> list[dict[str, str]]:
    """Page, anchor, question and answer of every pair; `pages` maps names to HTML."""
    pairs = []
    for page, html in sorted(pages.items()):
        parser = FaqPage()
        parser.feed(html)
        parser.close()
        for section in parser.sections:
            answer = without_registry_links("\n\n".join(section.blocks))
            asks = section.heading.endswith("?")
            if asks and not section.second_anchor and len(answer) >= MIN_ANSWER:
                pairs.append(
                    {"page": page, "anchor": section.anchor, "question": section.heading,
                     "answer": answer}
                )  # fmt: skip
    return pairs
