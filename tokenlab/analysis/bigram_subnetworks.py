r"""Bigram Subnetworks: Mapping to Next Tokens in Transformer Language Models.

Tyler A. Chang, Benjamin K. Bergen. EMNLP 2025. arXiv:2504.15471

Which weights of a trained model are needed to know nothing but which token follows which? Every
weight gets a mask that learns to be 0 or 1, so that the model that is left says what bigram counts
say, with as few weights as it can. The weights themselves stay as they are.

| paper's symbol | name here | shape |
|---|---|---|
| $\theta$ | `theta[path]` | of the weights |
| $\beta$ | `temperature` | |
| $m$ | `masks[path]` | of the weights |
| $\lambda$ | `penalty` | |
| $P(\cdot \mid x_t)$ | `target` | `(b, n, vocab)` |

Equations (the numbers are ours):

$$m = \sigma(\beta\, \theta) \qquad (1)$$
$$L = -\sum_v P(v \mid x_t) \log p_m(v \mid x_{\le t}) + \frac{\lambda}{|\theta|} \sum m
\qquad (2)$$

with $\beta$ growing in every step, until hardly a mask is between 0.1 and 0.9.

Example
-------
    table = bigram_table(ids, vocab)
    found = learn(params, batches, lambda ids: table[ids], forward=forward)
    logits = forward(apply(params, found.masks), ids)
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.analysis.mask_controls import (
    Overlap,
    complement,
    magnitude_masks,
    overlap,
    random_masks,
)
from tokenlab.analysis.mask_sets import (
    Masks,
    Settled,
    apply,
    paths,
    settled,
    soft_masks,
    start,
    threshold,
)
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.numerics import log_softmax
from tokenlab.optimizer import adam, adam_start
from tokenlab.steps import step
from tokenlab.tape import value_and_grad

__all__ = [
    "Overlap",
    "Settled",
    "Subnetwork",
    "apply",
    "bigram_table",
    "complement",
    "conditional_entropy",
    "learn",
    "loss",
    "magnitude_masks",
    "overlap",
    "paths",
    "random_masks",
    "settled",
    "soft_masks",
    "start",
    "surprisal_correlation",
    "threshold",
]

Forward = Callable[..., Any]
FEW = 0.01  # so small a share of undecided masks, of those that are on, ends the training


class Subnetwork(NamedTuple):
    """What `learn` found: `masks` of booleans, `theta`, the loss of every step, the last temperature.

    `converged` says whether the masks had settled when the batches ended.
    """

    masks: Masks
    theta: Masks
    history: np.ndarray
    temperature: float
    converged: bool

    def _repr_html_(self) -> str:
        # Where the weights are is what one asks first.
        from tokenlab.plots.notebook import subnetwork_html

        return subnetwork_html(self)


@takes(ids="n int", vocab="count")
def bigram_table(ids: Any, vocab: int) -> Any:
    """How often each token followed each other one, as shares: the model to imitate.

    Parameters
    ----------
    ids : ndarray of shape (n,)
        A text.
    vocab : int

    Returns
    -------
    ndarray of shape (vocab, vocab)
        float64, rows add up to one. A token that nothing followed has the shares of all tokens.

    Examples
    --------
    >>> bigram_table([0, 1, 0, 0], 2).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    checks.within(ids, "ids", vocab, "vocab")
    xp = get_xp(ids)
    # A pair is one number: how often each occurs is one count.
    pairs = xp.bincount(ids[:-1] * vocab + ids[1:], minlength=vocab * vocab)
    counts = pairs.reshape(vocab, vocab).astype(xp.float64)
    single = xp.bincount(ids, minlength=vocab) / len(ids)  # (vocab,)
    total = counts.sum(axis=1, keepdims=True)  # (vocab, 1), 0 where nothing followed
    return xp.where(total > 0, counts / xp.where(total > 0, total, 1), single)


@takes(table="vocab vocab", current="n int")
def conditional_entropy(table: Any, current: Any) -> float:
    """The mean entropy of the next token, in nats: no model that imitates it has a lower loss.

    Parameters
    ----------
    table : ndarray of shape (vocab, vocab)
        From `bigram_table`.
    current : ndarray of shape (n,)
        The tokens that the mean is over.

    Examples
    --------
    >>> round(conditional_entropy([[0.5, 0.5], [1.0, 0.0]], [0, 0, 1]), 4)  # 2/3 of ln 2
    0.4621
    """
    checks.within(current, "current", len(table), "vocab")
    xp = get_xp(table, current)
    surprise = -xp.log(xp.where(table > 0, table, 1))  # what does not occur adds nothing
    entropy = step((table * surprise).sum(axis=1))  # (vocab,) [H(· | x)] after each token
    return float(entropy[current].mean())


@takes(a="n inf", b="n inf")
def surprisal_correlation(a: Any, b: Any) -> float:
    """Pearson's correlation of two models' surprisals; a pair with an infinity is left out.

    Parameters
    ----------
    a, b : ndarray of shape (n,)
        Of the same tokens, in any unit.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        NaN; fewer than two pairs, or all of one model's equal.

    Examples
    --------
    >>> surprisal_correlation([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    1.0
    """
    xp = get_xp(a, b)
    for name, x in (("a", a), ("b", b)):
        if bool(xp.isnan(x).any()):
            raise InvalidInput(f"{public_caller()}: {name} has NaN; expected surprisals.")
    # A pair that bigrams never saw has an infinite surprisal.
    both = xp.isfinite(a) & xp.isfinite(b)
    x, y = (values[both].astype(xp.float64) for values in (a, b))
    if len(x) < 2 or float(x.max()) == float(x.min()) or float(y.max()) == float(y.min()):
        raise InvalidInput(
            f"{public_caller()}: {len(x)} finite pairs; expected two at least, and different ones "
            "in a and in b."
        )
    x, y = (values - values.mean() for values in (x, y))
    x, y = (values / xp.abs(values).max() for values in (x, y))  # their squares fit
    return float((x @ y) / xp.sqrt((x @ x) * (y @ y)))


@takes(ids="b n int", target="b n vocab", temperature="positive", penalty="number")
def loss(
    theta: Masks,
    params: Any,
    ids: Any,
    target: Any,
    *,
    forward: Forward,
    temperature: float = 1.0,
    penalty: float = 10.0,
) -> Any:
    """How far the masked model is from the bigrams, and what its masks cost, (2).

    Parameters
    ----------
    theta : dict of arrays
        From `start`.
    params : nested dict
        The model's, which get no gradient.
    ids : ndarray of shape (b, n)
    target : ndarray of shape (b, n, vocab)
        Probabilities of the token behind each place.
    forward : callable
        `forward(params, ids) -> logits (b, n, vocab)`.
    temperature : float
    penalty : float
        Finite.

    Returns
    -------
    float, or a taped value

    Examples
    --------
    >>> forward = lambda params, ids: params["blocks"][ids]  # the rows of a matrix
    >>> params, ids = {"blocks": np.zeros((2, 2))}, np.array([[0, 1]])
    >>> theta = start(params)
    >>> value = loss(theta, params, ids, np.full((1, 2, 2), 0.5), forward=forward)
    >>> round(float(value), 4)  # ln 2, and 10 times one half
    5.6931
    """
    masks = soft_masks(theta, temperature)  # Eq. (1)
    logits = forward(apply(params, masks), ids)  # (b, n, vocab)
    if target.shape != logits.shape:
        raise ShapeError(
            f"{public_caller()}: target is {target.shape}; expected {logits.shape}, as the logits."
        )
    # The least it can be is the conditional entropy of the bigrams.
    away = -(target * log_softmax(logits)).sum(axis=-1).mean()  # Eq. (2), a mean over places
    # A mean over all masks, so that the penalty does not depend on the model's size.
    n_weights = sum(stop(m).size for m in masks.values())
    return away + penalty / n_weights * sum(m.sum() for m in masks.values())  # Eq. (2)


def learn(
    params: Any,
    batches: Iterable[Any],
    target: Callable[[Any], Any],
    *,
    forward: Forward,
    penalty: float = 10.0,
    rate: float = 5e-5,
    growth: float = 1.001,
    where: Iterable[str] | None = None,
) -> Subnetwork:
    """Masks that leave of a model what imitates `target`.

    Parameters
    ----------
    params : nested dict
    batches : iterable of ids (b, n)
        One batch a step; it may be without end, since the masks settle.
    target : callable
        `target(ids) -> (b, n, vocab)`, probabilities.
    forward : callable
        As in `loss`.
    penalty : float
        `inf` keeps nothing and `-inf` everything, without training.
    rate, growth : float
        Of AdamW, and of the temperature, which is multiplied by it in every step. After 15,000
        steps of the default it is 3e6.
    where : iterable of str, optional
        The paths to mask, from `paths`; by default all.

    Returns
    -------
    Subnetwork

    Raises
    ------
    ShapeError, InvalidInput, DTypeError
        No batches, unknown paths, a growth below 1.

    Examples
    --------
    >>> forward = lambda params, ids: params["blocks"][ids]
    >>> params, halves = {"blocks": np.eye(2) * 9}, lambda ids: np.full((1, 1, 2), 0.5)
    >>> found = learn(params, [np.array([[0]])], halves, forward=forward, penalty=float("inf"))
    >>> bool(found.masks["blocks"].any()), found.converged
    (False, True)
    """
    checks.function(forward, "forward")
    rate = checks.positive(rate, "rate")
    growth = checks.number(growth, "growth", at_least=1)
    if not (isinstance(penalty, float) and np.isinf(penalty)):
        penalty = checks.number(penalty, "penalty")
    theta = start(params, where)  # all masks one half
    # A price without end needs no training.
    if np.isinf(penalty):
        full = {path: get_xp(x).full(x.shape, penalty < 0) for path, x in theta.items()}
        return Subnetwork(full, theta, np.zeros(0), 1.0, True)
    checks.function(target, "target")
    state, temperature, history = adam_start(theta), 1.0, []
    # One pass: batches may be drawn without end, and the masks say when it is enough.
    for ids in batches:  # AdamW on theta alone; the weights stay
        options = {"forward": forward, "temperature": temperature, "penalty": penalty}
        value, grads = value_and_grad(loss)(theta, params, ids, target(ids), **options)
        theta, state = adam(theta, grads, state, rate=rate, weight_decay=0.01)
        history.append(float(value))
        shares = settled(theta, temperature)
        step("settled", np.array(shares), "masks off, undecided, on", axes=("kind",))
        if shares.undecided < FEW * shares.on or shares.off == 1:
            return Subnetwork(threshold(theta), theta, np.array(history), temperature, True)
        temperature *= growth  # harder, until every mask is 0 or 1
    if not history:
        raise InvalidInput("learn: batches are empty; expected ids to learn from.")
    return Subnetwork(threshold(theta), theta, np.array(history), temperature, False)


NOTES = r"""
Differs from the paper
----------------------
- The released code (`tylerachang/bigram-subnetworks`) starts a text with a placeholder, backs off
  from unseen contexts to single tokens, and restarts unstable runs up to three times; here you pass
  the targets, and see the history.
- Its null for an overlap shuffles rows 10,000 times; `overlap` has the exact mean and deviation.
- The mask of (2) is called an L0 there; it is the sum of sigmoids, an L1.

Cost
----
A training step of the model, masks in place of weights. With the default `growth` masks are nearly
binary after 5,000 steps; `rate=2e-3, growth=1.008` settles a small model in 900.

Why not just
------------
Compare with as many of the largest weights, with as many random ones, and with no block at all: they
are `magnitude_masks`, `random_masks`, and a penalty of `inf`.
"""
