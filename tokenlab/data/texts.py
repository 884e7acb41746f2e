"""Plain text inside the package: plays of Shakespeare, the beginning of the Bible, Turkish prose.

Where each comes from, and under which licence, is told in `SOURCES.md`.
"""

import lzma
from functools import cache
from importlib.resources import files

from tokenlab import checks

__all__ = ["load_text"]

NAMES = ("shakespeare", "bible", "turkish")


def load_text(name: str) -> str:
    """A text from the installed package: no network, a few hundredths of a second.

    Parameters
    ----------
    name : str
        "shakespeare": nine plays, a million characters, Hamlet first; speeches stand under
        `NAME:`. "bible": six books of the King James Version, a verse a line. "turkish": speeches
        of Mustafa Kemal Atatürk with their titles, prose of the years up to 1921.

    Returns
    -------
    str

    Examples
    --------
    >>> load_text("bible")[:54]
    'In the beginning God created the heaven and the earth.'
    >>> len(load_text("shakespeare"))
    1146827
    """
    return unpacked(checks.choice(name, "name", NAMES))


@cache
def unpacked(name: str) -> str:
    """The text of a packed file, read once."""
    packed = (files("tokenlab.data") / "texts" / f"{name}.txt.xz").read_bytes()
    return lzma.decompress(packed).decode("utf-8")
