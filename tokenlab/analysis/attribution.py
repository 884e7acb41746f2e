"""Neighbours of ReAGent: other scores of how much each token or vector mattered, and chance.

Occlusion: Matthew D. Zeiler, Rob Fergus (arXiv:1311.2901). Gradients: Karen Simonyan, Andrea
Vedaldi, Andrew Zisserman (arXiv:1312.6034). Integrated gradients: Mukund Sundararajan, Ankur Taly,
Qiqi Yan (arXiv:1703.01365). Rollout: Samira Abnar, Willem Zuidema (arXiv:2005.00928).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.analysis.reagent import Replacer, asked
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.autograd import value_and_grad
from tokenlab.errors import InvalidInput
from tokenlab.lm.protocol import ids_of, log_probs_batch
from tokenlab.ranges import lengths
from tokenlab.steps import step

__all__ = [
    "gradient_input",
    "gradient_norm",
    "integrated_gradients",
    "occlusion",
    "random_scores",
    "rollout",
]


def occlusion(
    lm: Any,
    context: Sequence[int],
    target: int,
    *,
    replace: Replacer,
    draws: int = 1,
    rng: Any = None,
) -> np.ndarray:
    r"""How far the target's probability falls when one token is replaced: $p - \mathrm{mean}\, p_i$.

    Parameters
    ----------
    lm : object with `vocab` and `log_probs`
    context : sequence of int, (n,)
    target : int
    replace : callable
        As in `reagent.attribute`.
    draws : int
        Replacements of each token.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> from tokenlab.lm import ChainLM
    >>> lm = ChainLM([0.5, 0.5], [[1.0, 0.0], [0.0, 1.0]], 9)
    >>> occlusion(lm, [0, 0, 1], 1, replace=lambda contexts, rng: 1 - contexts).tolist()
    [0.0, 0.0, 1.0]
    """
    ids = ids_of(context, "context", lm.vocab)
    if not len(ids):
        raise InvalidInput("occlusion: context is empty; expected a token that could matter.")
    target = int(ids_of([target], "target", lm.vocab)[0])
    draws = checks.count(draws, "draws")  # texts for each token
    rng = checks.generator(rng)
    checks.function(replace, "replace")
    alone = np.tile(np.eye(len(ids), dtype=bool), (draws, 1))  # (draws n, n), one at a time
    after = np.exp(asked(lm, ids, alone, replace, rng)[:, target])
    before = np.exp(log_probs_batch(lm, [ids.tolist()])[0, target])
    return before - after.reshape(draws, -1).mean(axis=0)


def gradient_at(f: Callable[[Any], Any], x: Any) -> Any:
    """The gradient of a number for the vectors `x (n, d)`."""
    return value_and_grad(checks.function(f, "f"))(x)[1]


@takes(x="n d")
def gradient_norm(f: Callable[[Any], Any], x: Any) -> Any:
    """The length of the gradient for each vector.

    Parameters
    ----------
    f : callable
        `f(x)` gives one number, of tape values.
    x : ndarray of shape (n, d)

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> gradient_norm(lambda x: (x * x).sum(), [[3.0, 4.0], [0.0, 0.0]]).tolist()
    [10.0, 0.0]
    """
    return lengths(gradient_at(f, x))  # (n,)


@takes(x="n d")
def gradient_input(f: Callable[[Any], Any], x: Any) -> Any:
    """The gradient times the vector, summed over its dimensions, with its sign.

    Parameters
    ----------
    f, x
        As in `gradient_norm`: callable, ndarray of shape (n, d).

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> gradient_input(lambda x: (x * x).sum(), [[3.0, 4.0]]).tolist()
    [50.0]
    """
    return (gradient_at(f, x) * x).sum(axis=-1)  # (n,)


@takes(x="n d", baseline="n d", steps="count")
def integrated_gradients(
    f: Callable[[Any], Any], x: Any, *, baseline: Any = None, steps: int = 64
) -> Any:
    """The gradient along the straight way from a baseline, times the way; it adds up to f's change.

    Parameters
    ----------
    f : callable
        As in `gradient_norm`.
    x, baseline : ndarray of shape (n, d)
        The baseline is zeros by default.
    steps : int
        Midpoints of the way: exact for a quadratic `f` with any number of them.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> integrated_gradients(lambda x: (x * x).sum(), [[3.0, 4.0]], steps=1).tolist()
    [25.0]
    """
    start = get_xp(x).zeros_like(x) if baseline is None else baseline
    way = x - start  # (n, d)
    # Midpoints, so that a gradient that is linear along the way is met exactly.
    middles = [(i + 0.5) / steps for i in range(steps)]
    total = sum(gradient_at(f, start + share * way) for share in middles)
    return (total * way).sum(axis=-1) / steps


@takes(attention="layers h n n", residual="share")
def rollout(attention: Any, *, residual: float = 0.5) -> Any:
    """Attention carried through all layers: the product of what each mixes, the first one rightmost.

    Parameters
    ----------
    attention : ndarray of shape (layers, h, n, n)
        Rows sum to one.
    residual : float
        The share of a token that stays where it is, beside the mean of the heads.

    Returns
    -------
    ndarray of shape (n, n)
        Row i: what of the inputs is in token i at the end.

    Examples
    --------
    >>> rollout([[[[1.0, 0.0], [1.0, 0.0]]]] * 2).tolist()
    [[1.0, 0.0], [0.75, 0.25]]
    """
    whole = get_xp(attention).eye(attention.shape[-1], dtype=attention.dtype)  # (n, n)
    stay = residual * whole  # what the residual connection keeps
    for heads in attention:
        whole = (stay + (1 - residual) * heads.mean(axis=0)) @ whole
    mixed = step(whole)  # (n, n) [rollout] what of the inputs is in each token
    return mixed


def random_scores(n: int, *, rng: Any = None) -> np.ndarray:
    """Chance: positive numbers that add up to one, `(n,)`.

    Parameters
    ----------
    n : int
    rng : numpy.random.Generator, int or None

    Examples
    --------
    >>> random_scores(4, rng=0).shape
    (4,)
    """
    drawn = checks.generator(rng).random(checks.count(n, "n")) + np.finfo(float).tiny
    return drawn / drawn.sum()
