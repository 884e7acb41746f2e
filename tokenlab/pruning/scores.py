r"""Scores of tokens: from attention, and from similarity with a text.

Each takes what a model computed and returns one number per token, higher is kept first.
"""

import sys
import warnings
from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import ShapeError, public_caller
from tokenlab.numerics import unit

__all__ = ["cls_row", "column_mean", "last_row", "text_cosine"]


@takes(attention="h n_q n")
def cls_row(attention: Any, *, lead: int = 1) -> Any:
    r"""What the CLS token (row 0) attends to, the mean over heads.

    Parameters
    ----------
    attention : ndarray of shape (h, lead + n, lead + n)
        Softmax attention; a warning says so when rows do not sum to one.
    lead : int
        Tokens in front, CLS among them, that get no score.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> cls_row([[[0.2, 0.5, 0.3], [0, 1, 0], [0, 0, 1]]]).tolist()
    [0.5, 0.3]
    """
    return _patches(attention, lead)[:, 0].mean(axis=0)  # (n,)


@takes(attention="h n_q n")
def column_mean(attention: Any, *, lead: int = 1) -> Any:
    r"""What each token receives: the mean over heads and all rows, those of CLS among them.

    Parameters
    ----------
    attention : ndarray of shape (h, lead + n, lead + n)
    lead : int
        Tokens in front that get no score.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> column_mean([[[0.2, 0.5, 0.3], [0, 1, 0], [0, 0, 1]]]).round(3).tolist()
    [0.5, 0.433]
    """
    return _patches(attention, lead).mean(axis=(0, 1))  # (n,)


@takes(attention="h n_q n")
def last_row(attention: Any, *, lead: int = 0) -> Any:
    r"""What the last token, which speaks next in a language model, attends to; mean over heads.

    Parameters
    ----------
    attention : ndarray of shape (h, n_q, lead + n)
    lead : int
        Tokens in front that get no score.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> last_row([[[1.0, 0.0], [0.25, 0.75]]]).tolist()
    [0.25, 0.75]
    """
    return _patches(attention, lead, at_least=0)[:, -1].mean(axis=0)  # (n,)


@takes(text="d", x="n? d")
def text_cosine(text: Any, x: Any) -> Any:
    r"""The cosine of each token with one vector of the text.

    Parameters
    ----------
    text : ndarray of shape (d,)
    x : ndarray of shape (n, d)
        In the space of the text: for CLIP after the visual projection.

    Returns
    -------
    ndarray of shape (n,)
        0 where a token or the text is a row of zeros.

    Examples
    --------
    >>> text_cosine([2.0, 0.0], [[3.0, 4.0], [0.0, 0.0]]).tolist()
    [0.6, 0.0]
    """
    return unit(x) @ unit(text)  # (n,)


def scores_of(scores: Any, name: str, *, reduce: str) -> Any:
    """Scores `(n,)` as they are; those of attention `(h, n + 1, n + 1)`, CLS first, are computed."""
    checks.choice(reduce, "scores", ("column_mean", "cls_row"))
    if scores.ndim == 1:
        return scores
    warn_unless_shares(scores, name)
    if scores.shape[2] == 1:
        raise ShapeError(f"{public_caller()}: {name} is {scores.shape}: CLS alone, and no patch.")
    # CLS is row 0 and column 0; it has no score of its own.
    queries = slice(1) if reduce == "cls_row" else slice(None)
    return scores[:, queries, 1:].mean(axis=(0, 1))  # (n,), without the CLS column


def warn_unless_shares(attention: Any, name: str = "attention") -> None:
    """Warn where rows of attention `(h, n_q, n)` do not sum to one."""
    sums = attention.sum(axis=-1)  # (h, n_q)
    off = get_xp(attention).abs(sums - 1)
    if float(off.max()) > 1e-2:  # logits, or attention that was cut or scaled
        worst = float(sums.ravel()[int(off.argmax())])
        problem = f"rows of {name} do not sum to one (one sums to {worst:g})"
        remedy = "Pass attention after the softmax, with all of its columns."
        message = f"{public_caller()}: {problem}. {remedy}"
        warnings.warn(message, RuntimeWarning, stacklevel=_outside())


def _patches(attention: Any, lead: int, *, at_least: int = 1) -> Any:
    """Attention without its first `lead` columns."""
    warn_unless_shares(attention)
    lead = checks.count(lead, "lead", at_least=at_least)
    if lead >= attention.shape[2]:
        raise ShapeError(f"{public_caller()}: lead is {lead}, which leaves no token to score.")
    return attention[:, :, lead:]  # (h, n_q, n)


def _outside() -> int:
    """How many frames above the caller the user's own line is: a warning shows that line."""
    frame = sys._getframe(1)  # which may lie under wrappers
    level = 1
    while frame.f_back is not None and frame.f_globals["__name__"].startswith("tokenlab."):
        frame = frame.f_back
        level += 1
    return level
