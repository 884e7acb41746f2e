r"""Follow the Flow: On Information Flow Across Textual Tokens in Text-to-Image Models.

Guy Kaplan, Michael Toker, Yuval Reif, Yonatan Belinkov, Roy Schwartz. ACL 2026. arXiv:2504.01137

Which token of a prompt carries its thing? All others are replaced by padding, the model goes on, and
a judge says whether the thing still shows: one or two tokens mostly suffice. Where a word took over
another one's meaning, its rows are replaced by those of the word encoded alone.

| paper's symbol | name here | shape |
|---|---|---|
| encoded prompt $h$ | `h` | `(n, d)` |
| kept tokens $S$ | `keep` | rows, or `(n,)` bool |
| padding $p$ | `fill` | `(d,)` or `(n, d)` |
| tokens of an item | `span` | first and end |
| encoded alone | `clean` | `(n_clean, d)` |

$$t_i = h_i \text{ for } i \in S, \quad t_i = p_i \text{ otherwise} \qquad (1)$$
$$\mathrm{leakage}_i = 1 - \cos(h_i, h^{\text{clean}}_i) \qquad (2)$$
$$\min_{w, b}\ \mathrm{mean}_i \log\big(1 + e^{-y_i (x_i \cdot w + b)}\big)
+ \tfrac{\rho}{2} \lVert w \rVert^2 \qquad (3)$$

Example
-------
    found = representative(h, (2, 5), fill=padding, judge=lambda h: score(h))
    found.representative                        # which tokens show the item by themselves
    mended = swap_span(h, (2, 5), clean, (1, 4))
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.embeddings.linear_probe import Probe, fit_probe
from tokenlab.embeddings.vectors import directions, rows_of
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.steps import step

__all__ = [
    "Merged",
    "Probe",
    "Representative",
    "fit_probe",
    "leakage",
    "merge_ranges",
    "patch",
    "representative",
    "swap_span",
]

Span = Sequence[int]


class Merged(NamedTuple):
    """Rows of which some are means of several, and the new row of each old one."""

    h: Any
    owner: Any


class Representative(NamedTuple):
    """What the judge says of each token alone, who passes, and what it says of the whole item."""

    scores: Any
    representative: Any
    whole: float


def rows_between(span: Any, name: str, n: int) -> tuple[int, int]:
    """First and end of a span that is not empty and lies in n rows."""
    fits = isinstance(span, Sequence) and not isinstance(span, str) and len(span) == 2
    if not fits:
        raise InvalidInput(
            f"{public_caller()}: {name} is {checks.shown(span)}; expected two numbers, the first row "
            "and the one behind the last."
        )
    # An end before the first row, or a negative one, would be an empty slice in silence.
    first, end = (checks.integer(i, name) for i in span)
    if not 0 <= first < end <= n:
        raise InvalidInput(
            f"{public_caller()}: {name} is ({first}, {end}); expected 0 <= first < end <= {n}, "
            "since there are as many rows."
        )
    return first, end


@takes(h="n d", fill="d | n d")
def patch(h: Any, keep: Any, fill: Any) -> Any:
    """A prompt of which only some tokens are left, Eq. (1).

    Parameters
    ----------
    h : ndarray of shape (n, d)
        Encoded tokens.
    keep : sequence of int, or ndarray of shape (n,) of bool
        Tokens that stay; none is allowed.
    fill : ndarray of shape (d,) or (n, d)
        What stands for the others: one padding row, or one for each place.

    Returns
    -------
    ndarray of shape (n, d)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A row outside, a mask of another length.

    Examples
    --------
    >>> patch([[1, 0], [0, 1], [2, 2]], [2], [0, 0]).tolist()
    [[0.0, 0.0], [0.0, 0.0], [2.0, 2.0]]
    """
    xp = get_xp(h, fill)
    kept = kept_mask(keep, len(h), xp)
    patched = step(
        xp.where(kept[:, None], h, fill)
    )  # (n, d) [Eq. 1] the prompt with these tokens alone
    return patched


def kept_mask(keep: Any, n: int, xp: Any) -> Any:
    """True for the tokens that stay."""
    # A mask is known by its type, so that (True, False) is none of row numbers.
    listed = list(keep) if isinstance(keep, list | tuple) else []
    if getattr(keep, "dtype", None) == "bool" or any(isinstance(x, bool) for x in listed):
        mask = checks.booleans(keep, "keep", xp)
        if mask.shape != (n,):
            raise ShapeError(
                f"{public_caller()}: keep is a mask of shape {mask.shape}; expected ({n},), one for "
                "each token."
            )
        return mask
    mask = xp.zeros(n, bool)  # (n,)
    mask[rows_of(keep, "keep", n, xp)] = True
    return mask


def paired(h: Any, span: Any, clean: Any, clean_span: Any) -> tuple[int, int, int, int]:
    """Two spans of one length."""
    first, end = rows_between(span, "span", len(h))
    clean_first, clean_end = rows_between(clean_span, "clean_span", len(clean))
    # Token by token: which of three would stand for which of two?
    if end - first != clean_end - clean_first:
        raise InvalidInput(
            f"{public_caller()}: span ({first}, {end}) has {end - first} tokens and clean_span "
            f"({clean_first}, {clean_end}) has {clean_end - clean_first}; expected as many."
        )
    return first, end, clean_first, clean_end


@takes(h="n d", clean="n_clean d")
def swap_span(h: Any, span: Span, clean: Any, clean_span: Span) -> Any:
    """The rows of an item replaced by those of the item encoded alone.

    Parameters
    ----------
    h : ndarray of shape (n, d)
    span : pair of int
        First row and the one behind the last.
    clean : ndarray of shape (n_clean, d)
        The clean prompt, encoded.
    clean_span : pair of int
        Where the item stands in it: as many rows.

    Returns
    -------
    ndarray of shape (n, d)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Spans of unequal length, outside, or empty.

    Examples
    --------
    >>> swap_span([[1, 0], [0, 1], [2, 2]], (1, 2), [[5, 5]], (0, 1)).tolist()
    [[1.0, 0.0], [5.0, 5.0], [2.0, 2.0]]
    """
    first, end, clean_first, clean_end = paired(h, span, clean, clean_span)
    # Places stay as they were encoded: only these rows change.
    swapped = h.copy()  # (n, d)
    swapped[first:end] = clean[clean_first:clean_end]
    return swapped


@takes(h="n d", clean="n_clean d")
def leakage(h: Any, span: Span, clean: Any, clean_span: Span) -> Any:
    """How far each token of an item is from what it is alone, Eq. (2).

    Parameters
    ----------
    h : ndarray of shape (n, d)
    span : pair of int
    clean : ndarray of shape (n_clean, d)
    clean_span : pair of int

    Returns
    -------
    ndarray of shape (n_span,)
        0: nothing flowed in from other items; at most 2.

    Examples
    --------
    >>> leakage([[1, 0], [0, 1]], (0, 2), [[2, 0], [1, 0]], (0, 2)).tolist()
    [0.0, 1.0]
    """
    first, end, clean_first, clean_end = paired(h, span, clean, clean_span)
    # A row of zeros has no direction, and no cosine.
    here = directions(h[first:end], "h")  # (n_span, d)
    alone = directions(clean[clean_first:clean_end], "clean")
    return 1 - (here * alone).sum(axis=1)  # Eq. (2)


@takes(h="n d")
def merge_ranges(h: Any, ranges: Sequence[Span]) -> Merged:
    """Ranges of tokens become one token each: their mean.

    Parameters
    ----------
    h : ndarray of shape (n, d)
    ranges : sequence of pairs of int
        First row and the one behind the last, in any order; they do not overlap.

    Returns
    -------
    Merged
        `h (n_new, d)` in the old order, `owner (n,)`: the new row of each token.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Ranges that overlap, are empty, or lie outside.

    Examples
    --------
    >>> merged = merge_ranges([[1, 0], [3, 0], [5, 5]], [(0, 2)])
    >>> merged.h.tolist(), merged.owner.tolist()
    ([[2.0, 0.0], [5.0, 5.0]], [0, 0, 1])
    """
    xp = get_xp(h)
    spans = sorted(
        rows_between(span, "ranges", len(h)) for span in checks.sequence(ranges, "ranges")
    )
    # In order, a range can only overlap with the next one.
    for (first, end), (later, behind) in itertools.pairwise(spans):
        if later < end:
            raise InvalidInput(
                f"{public_caller()}: ranges ({first}, {end}) and ({later}, {behind}) overlap; "
                "expected ranges without a common token."
            )
    starts = xp.ones(len(h), xp.int64)  # whether a new row begins with this token
    for first, end in spans:
        starts[first + 1 : end] = 0
    owner = xp.cumsum(starts) - 1  # (n,)
    shares = (owner == xp.arange(int(owner[-1]) + 1)[:, None]).astype(h.dtype)  # (n_new, n)
    means = shares @ h / shares.sum(axis=1, keepdims=True)  # (n_new, d)
    return Merged(means, owner)


@takes(h="n d", fill="d | n d", judge="function", threshold="number")
def representative(
    h: Any, span: Span, fill: Any, judge: Callable[[Any], float], *, threshold: float = 0.5
) -> Representative:
    """Which tokens of an item show it when they stand alone.

    Parameters
    ----------
    h : ndarray of shape (n, d)
    span : pair of int
        The tokens of the item.
    fill : ndarray of shape (d,) or (n, d)
        Stands for all other rows, also for those outside of the item.
    judge : callable
        `judge(h)` of an array `(n, d)` is a number: how much the item shows. Asked once for each
        token, and once for the whole item.
    threshold : float
        A token is representative from this score on.

    Returns
    -------
    Representative
        `scores (n_span,)`, `representative (n_span,)` bool, `whole`: the score of the item alone.

    Examples
    --------
    >>> found = representative([[1, 0], [0, 1]], (0, 2), [0, 0], lambda h: h[:, 1].max())
    >>> found.representative.tolist(), found.whole
    ([False, True], 1.0)
    """
    first, end = rows_between(span, "span", len(h))
    xp = get_xp(h, fill)
    # The item's other tokens are padding, too, or they would show it for this one.
    alone = [judged(judge, patch(h, [i], fill)) for i in range(first, end)]
    scores = step(xp.asarray(alone))  # (n_span,) what the judge says of each token alone
    whole = judged(judge, patch(h, range(first, end), fill))
    return Representative(scores, scores >= threshold, whole)


def judged(judge: Callable[[Any], float], h: Any) -> float:
    """A judge's answer, which is one number."""
    return checks.number(judge(h), "judge")


NOTES = r"""
Differs from the paper
----------------------
- The paper goes on to a picture and asks a vision-language model whether the item shows. No such
  model is here: `judge` is any function of the states. In the tour it asks whether the mean of the
  states finds the answer to the prompt, so that pictures stay unproved.
- Released code turns lists of tokens to keep into lists to skip, over all places of the prompt.
- Versions differ in their numbers: the first has 85 % for a single token, the second leaves it out.

Cost
----
`representative` asks the judge once for each token, and once more. A Newton step of the probe takes
$n d^2 + d^3$ operations.

Why not just ...
----------------
*... look at attention?* It says where a state looked, not whether what it holds suffices.
*... believe a swap that lowers leakage?* Against rows of the clean prompt it is 0 by construction.
Ask what was not swapped.
"""
