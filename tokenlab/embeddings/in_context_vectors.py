r"""Efficient Knowledge Feeding to Language Models: A Novel Integrated Encoder-Decoder Architecture.

S Santosh Kumar, Rishi Gottimukkala, Supriya Devidutta, Karthikeyan S. 2025. arXiv:2502.05233
After Sheng Liu, Haotian Ye, Lei Xing, James Zou. In-context Vectors. ICML 2024. arXiv:2311.06668

Demonstrations in a prompt say how to answer. An in-context vector says it without the prompt: the
direction in which the states of the demonstrations move from question to answer, added to the
states of every token in every layer.

| paper's symbol | name here | shape |
|---|---|---|
| $H(x)$, $H(y)$, last token, all layers | `before`, `after` | `(n_pairs, layers, d)` |
| $\Delta$ | `delta` | `(n_pairs, layers * d)` |
| the vector | `vectors` | `(layers, d)` |
| $\lambda$ | `strength` | |

$$\Delta_t = H(y_t) - H(x_t) \qquad (1)$$
$$v = \text{first principal direction of } \Delta \qquad (2)$$
$$x' = \lVert x \rVert\, \mathrm{unit}(x + \lambda v) \qquad (3)$$

The released code adds the mean of $\Delta$ to (2), and has in place of (3), with unit $v$,

$$x' = \lVert x \rVert\, \mathrm{unit}\big(x / \lVert x \rVert + \lambda\, g\, v\big), \quad
g = 1 + \max(0, \cos(x, -v)) \qquad (4)$$

Example
-------
    vectors, share = direction(before, after, variant="official")
    logits = forward(params, ids, tap=editor(vectors, strength=0.1, variant="official"))
"""

from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.numerics import unit
from tokenlab.ranges import lengths
from tokenlab.steps import step

__all__ = ["Direction", "Editor", "direction", "editor", "feeding_loss", "shift"]

VARIANTS = ("paper", "official")


class Direction(NamedTuple):
    """A vector for each layer, and the share of the variance along the directions used."""

    vectors: Any
    share: Any


@takes(before="n_pairs layers d", after="n_pairs layers d")
def direction(before: Any, after: Any, *, rank: int = 1, variant: str = "paper") -> Direction:
    """The direction in which demonstrations move, Eqs. (1) and (2).

    Parameters
    ----------
    before, after : ndarray of shape (n_pairs, layers, d)
        States of the last token of each question and of each answer.
    rank : int
        Principal directions that count, at most `n_pairs` and `layers * d`.
    variant : "paper" or "official"
        Of the differences as they are, pointing to their mean; or of the centred differences, added
        to the mean.

    Returns
    -------
    Direction
        `vectors (layers, d)`; `share (rank,)`.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Different shapes, a rank beyond what there is.

    Examples
    --------
    >>> import numpy as np
    >>> before, after = np.zeros((3, 1, 2)), np.array([[[2.0, 1]], [[2, 1]], [[3, 1]]])
    >>> direction(before, after).vectors.round(6).tolist()
    [[0.92388, 0.382683]]
    >>> direction(before, after, variant="official").vectors.round(6).tolist()
    [[3.333333, 1.0]]
    """
    xp = get_xp(before, after)
    checks.choice(variant, "variant", VARIANTS)
    n_pairs, layers, d = before.shape
    rank = checks.count(rank, "rank")
    if rank > min(n_pairs, layers * d):
        raise InvalidInput(
            f"direction: rank is {rank} and before is {before.shape} = (n_pairs, layers, d); "
            f"expected at most {min(n_pairs, layers * d)}."
        )
    delta = step((after - before).reshape(n_pairs, layers * d))  # (n_pairs, layers d) [Eq. 1]
    mean = delta.mean(axis=0)
    centred = delta - mean if variant == "official" else delta
    u, s, vt = xp.linalg.svd(centred, full_matrices=False)
    total = (s * s).sum()
    share = s[:rank] ** 2 / xp.where(total > 0, total, 1)
    if variant == "official":
        largest = xp.abs(u[:, :rank]).argmax(axis=0)  # the pair that each direction is most of
        signs = xp.sign(u[largest, xp.arange(rank)])
        # Equal differences have no direction: rounding must not invent one.
        moving = s[:rank] > 1e-6 * xp.sqrt((delta * delta).sum() + 1e-300)
        vector = mean + ((signs * moving)[:, None] * vt[:rank]).sum(axis=0)
    else:
        towards = xp.where(vt[:rank] @ mean < 0, -1.0, 1.0)
        vector = (towards[:, None] * vt[:rank]).sum(axis=0)  # Eq. (2)
    vector = step(vector)  # (layers d,) [Eq. 2] where all demonstrations go
    return Direction(vector.reshape(layers, d), share)


@takes(x="... d", v="d | m d", strength=" | m")
def shift(x: Any, v: Any, *, strength: Any = 0.1, variant: str = "paper") -> Any:
    """States moved along a vector, their lengths kept: Eq. (3) or (4).

    Parameters
    ----------
    x : ndarray of shape (..., d)
    v : ndarray of shape (d,) or (m, d)
        Of several vectors the moves are averaged.
    strength : float or ndarray of shape (m,)
        Of any sign.
    variant : "paper" or "official"

    Returns
    -------
    ndarray of shape (..., d)
        A state of zeros stays, and so does one that would become zero.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Different widths; another number of strengths than of vectors.

    Examples
    --------
    >>> shift([3.0, 4.0], [0.0, 1.0], strength=0.1, variant="official").round(6).tolist()
    [2.773501, 4.160251]
    >>> shift([3.0, -4.0], [0.0, 1.0], strength=0.1, variant="official").round(6).tolist()
    [3.477107, -3.593011]
    """
    xp = get_xp(x, v)
    checks.choice(variant, "variant", VARIANTS)
    vectors = v[None] if v.ndim == 1 else v  # (m, d)
    strength = xp.asarray(strength).astype(x.dtype)
    if strength.ndim and strength.shape != (len(vectors),):
        raise ShapeError(
            f"shift: strength is {strength.shape} and there are {len(vectors)} vectors; expected one "
            "number, or one for each."
        )
    scale = xp.zeros(len(vectors), x.dtype) + strength  # (m,)
    long = lengths(x)[..., None]  # (..., 1)
    if variant == "paper":
        moved = x + (scale[:, None] * vectors).mean(axis=0)  # Eq. (3), before its length
    else:
        towards = unit(vectors)
        now = x / xp.where(long > 0, long, 1)
        against = xp.maximum(-(now @ towards.T), 0)  # (..., m): cos(x, -v), where it is positive
        moved = now + ((1 + against) * scale) @ towards / len(vectors)  # Eq. (4)
    new = lengths(moved)[..., None]
    alive = (new > 1e-12 * (1 if variant == "official" else long)) & (long > 0)
    shifted = step(xp.where(alive, long * moved / xp.where(alive, new, 1), x))
    return shifted


def one_or_each(x: Any, name: str) -> Any:
    """A strength for all layers, or an array of one for each."""
    return x if getattr(x, "ndim", 0) else checks.number(x, name)


class Editor(NamedTuple):
    """`(layer, x) -> x`: the shift behind every layer, for `tap=` of a model's `forward`."""

    vectors: Any
    strength: Any
    variant: str

    def __call__(self, layer: int, x: Any) -> Any:
        """The states of a layer, shifted; what enters the first is left alone."""
        if layer > len(self.vectors):
            raise InvalidInput(
                f"editor: the model has a layer {layer} and there are {len(self.vectors)} vectors; "
                "expected one for each layer."
            )
        if layer == 0:
            return x
        return shift(x, self.vectors[layer - 1], strength=self.strength, variant=self.variant)


@takes(vectors="layers d", strength=one_or_each)
def editor(vectors: Any, *, strength: Any = 0.1, variant: str = "paper") -> Editor:
    """What `tap=` of a model's `forward` takes: the shift behind every layer.

    Parameters
    ----------
    vectors : ndarray of shape (layers, d)
        `vectors[l - 1]` belongs to layer l; what enters layer 1 is left alone.
    strength : float
    variant : "paper" or "official"

    Returns
    -------
    Editor
        Called as `(layer, x) -> x`.

    Examples
    --------
    >>> edit = editor([[0.0, 1.0]], strength=0.1, variant="official")
    >>> edit(1, [3.0, 4.0]).round(3).tolist()
    [2.774, 4.16]
    """
    checks.choice(variant, "variant", VARIANTS)
    return Editor(vectors, strength, variant)


@takes(generation="n", query="n d", knowledge="n d")
def feeding_loss(generation: Any, query: Any, knowledge: Any, *, alpha: float | None = None) -> Any:
    r"""$\alpha L_{\text{generation}} + (1 - \alpha) L_{\cos}$, ours where the paper could not be read.

    Parameters
    ----------
    generation : ndarray of shape (n,)
        Loss of each text.
    query, knowledge : ndarray of shape (n, d)
    alpha : float, optional
        0 to 1; by default $(1 + \cos) / 2$ of each row, without a gradient: the nearer the two are,
        the more generation counts.

    Returns
    -------
    float
        The mean over rows.

    Examples
    --------
    >>> float(feeding_loss([2.0], [[1.0, 0.0]], [[0.0, 1.0]]))
    1.5
    """
    cosine = (unit(query) * unit(knowledge)).sum(axis=1)  # (n,)
    weight = (1 + stop(cosine)) / 2 if alpha is None else checks.share(alpha, "alpha")
    return (weight * generation + (1 - weight) * (1 - cosine)).mean()


NOTES = r"""
Differs from the paper
----------------------
- The paper's body could not be read. What stands here is In-context Vectors, which it builds on,
  and a loss that follows its abstract; the rule for $\alpha$ is ours.
- Released code of In-context Vectors adds the mean of the differences to the principal direction.
  The unit direction beside a mean of norm in the hundreds does nothing: it is the mean that acts.
- Released code shifts the output of each MLP; an editor shifts the residual stream, which every
  layer behind it shifts again.

Cost
----
A singular value decomposition of n_pairs rows, and a few operations a number in every layer.
"""
