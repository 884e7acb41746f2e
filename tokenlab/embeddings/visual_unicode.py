r"""Emergent Semantics Beyond Token Embeddings: Transformer LMs with Frozen Visual Unicode Representations.

A. Bochkov. 2025. arXiv:2507.04886

Do token embeddings have to be learned? Here a token's vector is what it looks like: its characters
are drawn, the picture becomes a few principal components, and the rows stay as they are while the
transformer is trained. What a token means then can only be made in the layers.

| paper's symbol | name here | shape |
|---|---|---|
| bitmap of a token | `bits` | `(n, size, size)` |
| $\mu$ | `mean` | `(size * size,)` |
| $P$ | `components` | `(d, size * size)` |
| frozen embedding | `table` | `(n, d)` |

$$e_i = \frac{P (x_i - \mu)}{\lVert P (x_i - \mu) \rVert}, \qquad
P = \text{the first } d \text{ axes of } x - \mu \qquad (1)$$

Example
-------
    glyphs = render(list("abcç") + ["th"])
    table = visual_embedding(glyphs.bits, d=4).table
    params = transformer.init(vocab=5, d=4, layers=2, heads=2, embeddings="frozen", embed=table)
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, shared_library, to_numpy
from tokenlab.errors import PLOT, InvalidInput, MissingDependency, ShapeError, public_caller
from tokenlab.steps import step

__all__ = ["Embedding", "Glyphs", "collisions", "render", "visual_embedding"]

NOWHERE = chr(0x10FFFE)  # no font draws it: what it looks like is the font's box
INK = 128  # darker than this is ink
AGREE = 1e-6


class Glyphs(NamedTuple):
    """Pictures of tokens, True where there is ink, and which of them the font cannot draw."""

    bits: np.ndarray
    missing: np.ndarray


class Embedding(NamedTuple):
    """A row for each picture, the mean picture, the axes, and the share of each in the variance."""

    table: Any
    mean: Any
    components: Any
    share: Any


@takes(tokens=checks.texts)
def render(tokens: Any, *, size: int = 32, font: Any = None) -> Glyphs:
    """Tokens as they look in a font.

    One character is centred by its box. Those of longer tokens stand side by side in cells of their
    own, and the row is squeezed to one cell before ink is told from paper.

    Parameters
    ----------
    tokens : list of str
        Each of at least one character.
    size : int
        Pixels of a side.
    font : str or Path, optional
        A TrueType file, by default DejaVu Sans Mono.

    Returns
    -------
    Glyphs
        `bits (n, size, size)` bool; a character that is not printable is blank. `missing (n,)` bool:
        a character of the token is not in the font, whose box is drawn for it.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        One string in place of a list, an empty token, a file that is no font.
    MissingDependency
        Without Pillow, or without Matplotlib, which has the font.

    Examples
    --------
    >>> glyphs = render(["a", "th"], size=16)  # doctest: +SKIP
    >>> glyphs.bits.shape, glyphs.missing.tolist()  # doctest: +SKIP
    ((2, 16, 16), [False, False])
    """
    size = checks.count(size, "size", at_most=4096)
    empty = [i for i, token in enumerate(tokens) if not token]
    if empty or not tokens:
        where = f"tokens[{empty[0]}] is empty" if empty else "tokens is empty"
        raise InvalidInput(f"{public_caller()}: {where}; expected characters to draw.")
    drawn = face(font, size)
    box = glyph(NOWHERE, size, drawn)  # (size, size)
    bits = np.zeros((len(tokens), size, size), bool)
    missing = np.zeros(len(tokens), bool)  # (n,)
    for i, token in enumerate(tokens):
        # Cells of one character each, side by side.
        cells = [cell(character, size, drawn) for character in token]
        bits[i] = squeezed(np.concatenate(cells, axis=1), size) < INK
        # A box that is as empty as paper says nothing about who is missing.
        missing[i] = any((one == box).all() and (one < INK).any() for one in cells)
    return Glyphs(bits, missing)


def face(font: Any, size: int) -> Any:
    """The font at three quarters of the cell, as Pillow reads it."""
    try:
        from PIL import ImageFont

        if font is None:
            import matplotlib

            font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"
    except ImportError as error:
        raise MissingDependency(
            f"{public_caller()}: {error.name} is not installed. Run: {PLOT}"
        ) from error
    if not isinstance(font, str | Path):
        raise InvalidInput(
            f"{public_caller()}: font is {checks.shown(font)}; expected the path of a TrueType file."
        )
    try:
        # The plain layout is the same on every machine.
        plain = ImageFont.Layout.BASIC
        return ImageFont.truetype(str(font), max(1, size * 3 // 4), layout_engine=plain)
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"{public_caller()}: font is {str(font)!r}, which is no font that can be read ({error})."
        ) from None


def cell(character: str, size: int, font: Any) -> np.ndarray:
    """One character in its cell; newlines and other control characters have no picture."""
    if not character.isprintable():
        return np.full((size, size), 255, np.uint8)
    return glyph(character, size, font)


def glyph(character: str, size: int, font: Any) -> np.ndarray:
    """A character in the middle of its cell: (size, size), 0 is ink and 255 paper."""
    from PIL import Image, ImageDraw

    picture = Image.new("L", (size, size), 255)
    left, top, right, bottom = font.getbbox(character)
    # Its box is centred, in width and in height.
    place = (size - right - left) // 2, (size - bottom - top) // 2
    ImageDraw.Draw(picture).text(place, character, fill=0, font=font)
    return np.asarray(picture)


def squeezed(row: np.ndarray, size: int) -> np.ndarray:
    """Cells side by side as one cell, by bilinear interpolation."""
    from PIL import Image

    if row.shape[1] == size:
        return row
    return np.asarray(Image.fromarray(row).resize((size, size), Image.Resampling.BILINEAR))


def pictures(x: Any, name: str) -> Any:
    """Bits or numbers as rows of pixels in float64, (n, pixels)."""
    xp = shared_library([x], [name])
    x = checks.array(x, name, xp)
    x = x.astype(xp.float64) if x.dtype == bool else checks.floats(x, name, xp)
    if x.ndim not in (2, 3) or not x.size:
        raise ShapeError(
            f"{public_caller()}: {name} is {x.shape}; expected (n, size, size) or (n, pixels)."
        )
    return checks.finite(x, name, xp).astype(xp.float64).reshape(len(x), -1)


@takes(bits=pictures, d="count")
def visual_embedding(bits: Any, d: int) -> Embedding:
    """Principal components of pictures, as rows of length one: Eq. (1).

    Parameters
    ----------
    bits : ndarray of shape (n, size, size) or (n, pixels)
        bool, or numbers.
    d : int
        Width, at most the rank of the centred pictures.

    Returns
    -------
    Embedding
        `table (n, d)`: equal pictures have equal rows, and one that is equal to the mean, or has
        nothing along these axes, keeps a row of zeros. `mean (pixels,)`, `components (d, pixels)`,
        `share (d,)`. The sign of an axis is open: compare products of rows, not numbers.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        More components than the pictures have.

    Examples
    --------
    >>> visual_embedding([[0, 0, 1], [0, 1, 0], [0, 0, 0]], 2).share.round(2).tolist()
    [0.75, 0.25]
    """
    xp = get_xp(bits)
    mean = bits.mean(axis=0)  # (pixels,)
    centred = step(bits - mean)  # (n, pixels) [x − μ] what is not in all of them
    _, s, axes = xp.linalg.svd(centred, full_matrices=False)
    # Beyond the rank an axis is rounding.
    rank = int((s > s[0] * 1e-10).sum()) if float(s[0]) else 0
    if d > rank:
        raise InvalidInput(
            f"{public_caller()}: d is {d}, and the pictures of bits, centred, have rank {rank}; "
            "expected at most that many components."
        )
    along = step(centred @ axes[:d].T)  # (n, d) [P (x − μ)] along the strongest axes
    length = (along * along).sum(axis=1, keepdims=True) ** 0.5
    # What is left of a picture equal to the mean is rounding, without a direction.
    some = length > 1e-10 * s[0]
    table = step(xp.where(some, along / xp.where(some, length, 1), 0))  # (n, d) [Eq. 1] frozen rows
    return Embedding(table, mean, axes[:d], s[:d] ** 2 / (s * s).sum())


@takes(table="n d")
def collisions(table: Any) -> list[list[int]]:
    """Groups of tokens that a model cannot tell apart: rows that agree to 1e-6.

    Parameters
    ----------
    table : ndarray of shape (n, d)

    Returns
    -------
    list of list of int
        Groups of two and more row numbers, the largest first, then by their first row.

    Examples
    --------
    >>> collisions([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    [[0, 2]]
    """
    x = to_numpy(table).astype(np.float64)
    d = x.shape[1]
    # Rows that agree have nearly the same sum of numbers, so that only neighbours are compared.
    sums = x @ np.sqrt(1 + np.arange(d))
    order = np.argsort(sums, kind="stable")
    near = AGREE * np.sqrt(1 + np.arange(d)).sum()
    # A gap that no two rows that agree can have.
    borders = np.flatnonzero(np.diff(sums[order]) > near) + 1
    groups = []
    for rows in np.split(order, borders):
        left = np.sort(rows)  # row numbers that have no group yet
        while len(left) > 1:
            same = (abs(x[left] - x[left[0]]) <= AGREE).all(axis=1)
            groups.append(left[same].tolist())
            left = left[~same]
    return sorted((group for group in groups if len(group) > 1), key=lambda g: (-len(g), g[0]))


NOTES = r"""
Differs from the paper
----------------------
- The paper draws 65,536 and 131,072 tokens in Unifont and keeps 1,024 components. The font here is
  DejaVu Sans Mono, which lacks Chinese: `missing` says so, where the released notebook skips a
  glyph in silence.
- Released code thresholds first and squeezes longer tokens afterwards, which Pillow does for
  pictures of one bit by taking the nearest pixel, whatever was asked for. Here they are squeezed in
  grey.
- Released code also turns, shifts and blurs glyphs, with a seed that is set anew inside: every
  glyph is changed alike. Left out, as is its order of pixels: principal components do not depend
  on it.
- All tokens without ink share one vector. A model cannot tell blank from newline: see `collisions`.
- The paper compares with trainable twins on multiple choice questions where both score below
  chance. In bits a character trainable rows win here; glyphs are a little ahead of frozen random
  rows after a short training.

Cost
----
A singular value decomposition of (n, size²) numbers.

Why not just ...
----------------
*... take random rows?* They do nearly as well, as the findings say, and never collide. What
pictures give is a vector for a character that nobody has seen.
"""
