r"""A gate over several, and a draw from it, relaxed so that gradients pass.

$$q = \mathrm{softmax}\big((\log p + g) / \tau\big), \qquad g = -\log(-\log u)$$

The largest entry is entry i with probability $p_i$; the lower the temperature, the nearer q is to a
draw. `embeddings.senses` hands these functions on.
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import log_softmax, softmax

__all__ = ["entropy", "mix", "relaxed_one_hot", "sense_log_probs"]


@takes(log_p="n s inf", temperature="positive", uniforms="n s")
def relaxed_one_hot(
    log_p: Any,
    temperature: float,
    *,
    uniforms: Any = None,
    rng: np.random.Generator | int | None = None,
) -> Any:
    """Shares that are near to one draw from each row.

    Parameters
    ----------
    log_p : ndarray of shape (n, s)
        Natural logarithms of probabilities.
    temperature : float
        Above 0.
    uniforms : ndarray of shape (n, s), optional
        Between 0 and 1, neither included; by default drawn.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (n, s)
        Rows of sum one.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Uniforms at 0 or 1, whose noise would be infinite.

    Examples
    --------
    >>> log_p = np.log([[0.622459, 0.377541]])
    >>> relaxed_one_hot(log_p, 1.0, uniforms=[[0.5, 0.25]]).round(4).tolist()
    [[0.7673, 0.2327]]
    """
    xp = get_xp(log_p)
    if uniforms is None:
        drawn = checks.generator(rng).random(log_p.shape)  # 0 may come, 1 never
        uniforms = xp.asarray(np.clip(drawn, 1e-12, None)).astype(log_p.dtype)
    elif not bool(((uniforms > 0) & (uniforms < 1)).all()):
        raise InvalidInput(
            f"{public_caller()}: uniforms run from {float(uniforms.min()):g} to "
            f"{float(uniforms.max()):g}; expected numbers between 0 and 1, neither included."
        )
    noise = -xp.log(-xp.log(uniforms))  # (n, s), Gumbel
    return softmax((log_p + noise) / temperature)


@takes(p="n s")
def entropy(p: Any) -> Any:
    """How undecided each row is, in nats; 0 log 0 is 0.

    Parameters
    ----------
    p : ndarray of shape (n, s)
        Probabilities.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> entropy([[0.5, 0.5], [1.0, 0.0]]).round(4).tolist()
    [0.6931, 0.0]
    """
    xp = get_xp(p)
    some = p > 0  # (n, s)
    # The logarithm of what is 0 is not asked for, so that its slope is none either.
    return (p * -xp.log(xp.where(some, p, 1))).sum(axis=-1) + 0.0  # no -0


@takes(context="n d", gate="n d s", bias="n s")
def sense_log_probs(context: Any, gate: Any, bias: Any) -> Any:
    """How likely each sense is, given the words around: the logarithm of a softmax.

    Parameters
    ----------
    context : ndarray of shape (n, d)
    gate : ndarray of shape (n, d, s)
        Each row's word has its own.
    bias : ndarray of shape (n, s)

    Returns
    -------
    ndarray of shape (n, s)

    Examples
    --------
    >>> log_p = sense_log_probs([[0.5, 0.5]], [[[2.0, 0.0], [0.0, 1.0]]], [[0.0, 0.0]])
    >>> np.exp(log_p).round(6).tolist()
    [[0.622459, 0.377541]]
    """
    xp = get_xp(context, gate)
    logits = xp.matmul(context[:, None, :], gate)[:, 0] + bias  # (n, s)
    return log_softmax(logits)


@takes(p="n s", senses="n s d")
def mix(p: Any, senses: Any) -> Any:
    """The vector of a word in its context, their mean.

    Parameters
    ----------
    p : ndarray of shape (n, s)
    senses : ndarray of shape (n, s, d)

    Returns
    -------
    ndarray of shape (n, d)

    Examples
    --------
    >>> mix([[0.75, 0.25]], [[[1.0, 0.0], [0.0, 2.0]]]).tolist()
    [[0.75, 0.5]]
    """
    return get_xp(p, senses).matmul(p[:, None, :], senses)[:, 0]  # (n, d)
