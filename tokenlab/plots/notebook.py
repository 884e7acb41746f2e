"""What a notebook shows for the library's objects: HTML without script, style sheet or network.

Colours are inherited from the notebook or half transparent, so that the pictures hold on a light
ground and on a dark one. Every text that came from outside is escaped.
"""

import base64
import struct
import zlib
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from tokenlab.arrays import to_numpy
from tokenlab.numerics import log_softmax, topk

if TYPE_CHECKING:
    from tokenlab.analysis.bigram_subnetworks import Subnetwork
    from tokenlab.analysis.dynamics import Walk
    from tokenlab.data import FAQ, LMHead, ResidualWalk, ViTPhotos
    from tokenlab.logits.heads import Head
    from tokenlab.pruning import Reduction
    from tokenlab.retrieval import SearchResult, TokenIndex

__all__: list[str] = []

ROWS = 8  # of a table
BARS = 40  # of a histogram
CELL = 11  # pixels of a token's square
MOST = 4096  # squares in a picture
# Fills by role, light enough for black digits; the digit says the role, too.
FILLS = ("#e69f00", "#56b4e9", "#2fb98e", "#dd9bbf", "#d5c84a", "#b0b0b0")


def faq_html(faq: "FAQ") -> str:
    """The first questions, each with the beginning of its answer."""
    rows = [
        (str(i), faq.questions[i], _cut(faq.answers[label], 90), str(len(faq.queries[i])))
        for i, label in enumerate(faq.labels[:ROWS].tolist())
    ]
    more = f"{len(faq) - len(rows)} more questions" if len(faq) > len(rows) else ""
    return _card(repr(faq), _table(("", "question", "answer", "tokens"), rows, text=(1, 2)), more)


def index_html(index: "TokenIndex") -> str:
    """How long the documents are, and what the vectors weigh."""
    lengths = to_numpy(index.lengths)
    if not lengths.size:
        return _card(repr(index), "", "no documents")
    size = index.tokens.nbytes / 1e6
    low, middle, high = int(lengths.min()), float(np.median(lengths)), int(lengths.max())
    facts = f"{low} to {high} tokens a document, median {middle:g}; {size:.1f} MB"
    counts = np.histogram(lengths, bins=min(BARS, high - low + 1))[0]
    return _card(repr(index), _histogram(counts, f"Documents by length: {facts}"), facts)


def search_html(result: "SearchResult") -> str:
    """Documents and scores as they stand, with bars."""
    docs, scores = to_numpy(result.doc_ids), to_numpy(result.scores)
    low, high = (float(scores.min()), float(scores.max())) if scores.size else (0.0, 0.0)
    low = min(low, 0.0)
    rows = [
        (str(i), f"{doc}", f"{score:.4f}", (float(score) - low) / ((high - low) or 1.0))
        for i, (doc, score) in enumerate(zip(docs[: 2 * ROWS], scores, strict=False), start=1)
    ]
    more = f"{len(docs) - len(rows)} more" if len(docs) > len(rows) else ""
    title = f"SearchResult({len(docs)} documents)"
    return _card(
        title, _table(("", "document", f"score, a {result.kind} over query tokens", ""), rows), more
    )


def photos_html(photos: "ViTPhotos") -> str:
    """A contact sheet: every photo at half its size."""
    figures = []
    for name, image in zip(photos.names, photos.images, strict=True):
        halves = image.reshape(112, 2, 112, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
        data = base64.b64encode(png(halves)).decode("ascii")
        figures.append(
            f'<figure style="margin:0 .8em .4em 0"><img alt="Photo: {escape(name)}" width="112" '
            f'height="112" src="data:image/png;base64,{data}"><figcaption>{escape(name)}'
            "</figcaption></figure>"
        )
    sheet = f'<div style="display:flex;flex-wrap:wrap">{"".join(figures)}</div>'
    return _card(repr(photos), sheet)


def lm_head_html(head: "LMHead") -> str:
    """A few contexts, what came next, and what the head expected."""
    places = np.linspace(0, len(head.next_report) - 1, ROWS).astype(int)
    expected = topk(log_softmax(head.hidden_report[places] @ head.weight.T), 3)
    rows = []
    for place, ids, values in zip(places, expected.ids, expected.values, strict=True):
        guesses = ", ".join(
            f"{head.tokens[i]!r} {100 * np.exp(v):.0f} %" for i, v in zip(ids, values, strict=True)
        )
        context = f"…{_cut(head.context[place][-44:], 44)}"
        rows.append((context, repr(head.tokens[head.next_report[place]]), guesses))
    names = ("context", "next token", "most probable tokens")
    return _card(repr(head), _table(names, rows, text=(0, 1, 2)))


def head_html(head: "Head") -> str:
    """The parameters of an output layer, and how many numbers that is."""
    rows = [
        (name, " × ".join(map(str, x.shape)), str(x.dtype), f"{x.size:,}")
        for name, x in head.parameters.items()
    ]
    title = f"{type(head).__name__}({head.vocab:,} tokens, d={head.d})"
    more = f"{head.n_parameters:,} numbers; a full matrix has {head.vocab * head.d:,}"
    return _card(title, _table(("parameter", "shape", "type", "numbers"), rows), more)


def walk_html(walk: "Walk") -> str:
    """How far each token went, and how straight, as a bar."""
    steps, n, d = walk.moves.shape
    columns = (walk.length, walk.distance, walk.straightness)
    rows = [
        (str(i), f"{length:.4g}", f"{distance:.4g}", min(float(straight), 1.0))
        for i, length, distance, straight in zip(
            range(ROWS), *(to_numpy(x).astype(float) for x in columns), strict=False
        )
    ]
    table = _table(("token", "length", "distance", "straightness"), rows)
    more = f"{n - len(rows)} more tokens" if n > len(rows) else ""
    return _card(f"Walk({n} tokens, {steps} moves, d={d})", table, more)


def residual_walk_html(walk: "ResidualWalk") -> str:
    """What the model would say behind each token, layer by layer."""
    layers = np.linspace(0, len(walk.moves) // 2, 6).astype(int).tolist()
    rows = [
        (repr(token), *(repr(walk.top_words(2 * layer, j)[0]) for layer in layers))
        for j, token in enumerate(walk.tokens)
    ]
    names = ("token", *(f"layer {layer}" if layer else "start" for layer in layers))
    return _card(repr(walk), _table(names, rows, text=tuple(range(len(names)))))


def subnetwork_html(found: "Subnetwork") -> str:
    """How many weights of each array are kept, as bars."""
    counts = {path: (int(mask.sum()), mask.size) for path, mask in found.masks.items()}
    rows = [
        (path, f"{kept:,} of {size:,}", kept / max(size, 1))
        for path, (kept, size) in counts.items()
    ]
    total, sizes = (sum(column) for column in zip(*counts.values(), strict=True))
    steps = f"{len(found.history)} steps, {'' if found.converged else 'not '}settled"
    title = f"Subnetwork({total:,} of {sizes:,} weights)"
    return _card(title, _table(("array", "kept", "share"), rows, text=(0,)), steps)


def reduction_html(reduction: "Reduction") -> str:
    """The tokens in reading order: full squares stay, open ones live on in others, dim ones go."""
    n, names = reduction.n, reduction.role_names
    if n > MOST:
        return _card(repr(reduction), "", "too many tokens to draw")
    state = np.where(to_numpy(reduction.owner()) >= 0, -1, -2)  # dropped -2, merged -1
    kept = to_numpy(reduction.kept)
    state[kept] = 0 if reduction.roles is None else to_numpy(reduction.roles)
    side = round(n**0.5)
    columns = side if side * side == n else min(n, 64)
    merged, dropped = int((state == -1).sum()), int((state == -2).sum())
    counts = [f"{len(kept)} kept", f"{merged} merged", f"{dropped} dropped"]
    if reduction.roles is not None:
        counts += [f"{r} = {name}: {int((state == r).sum())}" for r, name in enumerate(names)]
    shapes = [_square(i, s, columns, reduction.roles is not None) for i, s in enumerate(state)]
    width, height = CELL * columns, CELL * -(-n // columns)
    label = escape(", ".join(counts), quote=True)
    picture = (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {width} {height}" '
        f'style="width:{width}px;max-width:100%">{"".join(shapes)}</svg>'
    )
    return _card(repr(reduction), picture, " · ".join(counts))


def _square(i: int, state: int, columns: int, digits: bool) -> str:
    x, y = CELL * (i % columns), CELL * (i // columns)
    box = f'<rect x="{x + 0.5}" y="{y + 0.5}" width="{CELL - 1}" height="{CELL - 1}"'
    if state == -2:
        return f'{box} fill="currentColor" opacity=".12"/>'
    if state == -1:
        return f'{box} fill="none" stroke="currentColor" opacity=".55"/>'
    if not digits:
        return f'{box} fill="currentColor" opacity=".85"/>'
    text = f'<text x="{x + CELL / 2}" y="{y + 8.5}" font-size="8" text-anchor="middle"'
    return f'{box} fill="{FILLS[state % len(FILLS)]}"/>{text} fill="#000">{state}</text>'


def _histogram(counts: np.ndarray, label: str) -> str:
    width, height, most = 8, 48, int(counts.max())
    bars = "".join(
        f'<rect x="{width * i}" y="{height * (1 - c / most):.1f}" width="{width - 1}" '
        f'height="{height * c / most:.1f}"/>'
        for i, c in enumerate(counts.tolist())
    )
    return (
        f'<svg role="img" aria-label="{escape(label, quote=True)}" fill="currentColor" '
        f'fill-opacity=".6" viewBox="0 0 {width * len(counts)} {height}" '
        f'style="width:{width * len(counts)}px;max-width:100%">{bars}</svg>'
    )


def _card(title: str, body: str, note: str = "") -> str:
    foot = f'<div style="opacity:.75">{escape(note)}</div>' if note else ""
    return f"<div><div><strong>{escape(title)}</strong></div>{body}{foot}</div>"


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]], text: tuple[int, ...] = ()) -> str:
    """A table; a cell that is a number from 0 to 1 is drawn as a bar."""

    def cell(tag: str, column: int, value: Any) -> str:
        align = "left" if column in text else "right"
        if isinstance(value, float):
            bar = f"width:{80 * value:.0f}px;height:.7em;background:currentColor;opacity:.5"
            return f'<td style="text-align:left;width:84px"><div style="{bar}"></div></td>'
        return f'<{tag} style="text-align:{align}">{escape(value)}</{tag}>'

    lines = [("th", header), *(("td", row) for row in rows)]
    body = "".join(
        f"<tr>{''.join(cell(tag, i, value) for i, value in enumerate(row))}</tr>"
        for tag, row in lines
    )
    return f'<div style="overflow-x:auto"><table>{body}</table></div>'


def _cut(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def png(image: np.ndarray) -> bytes:
    """An RGB picture, uint8 of shape (height, width, 3), as the bytes of a PNG file.

    Every row is written as its difference from the row above. With this one filter of the five, and
    no interlacing, a loader such as that of `tokenlab.data.vit_photos` needs no picture library.

    Examples
    --------
    >>> png(np.zeros((2, 3, 3), np.uint8))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    height, width, _ = image.shape
    lines = np.zeros((height, 1 + 3 * width), np.uint8)
    lines[:, 0] = 2  # the filter "up"
    flat = image.reshape(height, -1)
    lines[:, 1:] = np.diff(flat, axis=0, prepend=np.zeros((1, 3 * width), np.uint8))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
