r"""ResGen: Efficient Generative Modeling with Residual Vector Quantization-Based Tokens.

Jaehyeon Kim, Taehong Moon, Keon Lee, Jaewoong Cho. ICML 2025. arXiv:2412.10208

A picture is `n` positions of `depth` residual codes. Drawing them one by one takes `n * depth`
calls. ResGen masks codes, the deepest of a position first, and predicts for each position the *sum*
of all its masked codes as a mixture of Gaussians. The sum is then quantized, so that all stages of
all positions come from one call, and calls depend on neither number.

| paper's symbol | name here | shape |
|---|---|---|
| $x$ | `codes` | `(n, depth)` |
| masked of each position $k_i$ | `counts` | `(n,)` |
| $m$, 1 where seen | `visible` | `(n, depth)` |
| $z$ | `masked_target` | `(n, d)` |
| $\pi, \mu, \sigma$ | `Mixture` | `(n, k)`, `(n, k, d)`, `(n, k)` |

$$n_{\text{mask}} = \lceil \gamma(r)\, n D \rceil, \quad \gamma(r) = \cos(\pi r / 2) \qquad (1)$$
$$k \sim \text{draws without replacement from } n \text{ urns of } D \qquad (2)$$
$$z_i = \sum_j E_j[x_{ij}]\,(1 - m_{ij}) \qquad (3)$$
$$\mathcal{L} = -\log \sum_k \pi_k\, \mathcal{N}(z_i; \mu_k, \sigma_k^2 I) \text{ at masked } i \qquad (4)$$

Example
-------
    generation = sample(predict, codebooks, n=16, steps=4, b=10, rng=0)
    generation.codes
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.objectives import maskgit
from tokenlab.quantization import residual
from tokenlab.quantization.deepest_first import (
    masked_target,
    visible_embedding,
    visible_mask,
)
from tokenlab.quantization.mixture import Mixture, as_mixture, draw, mixture_log_density
from tokenlab.steps import step

__all__ = [
    "Generation",
    "Mixture",
    "draw",
    "keep_confident",
    "loss",
    "mask_counts",
    "mask_schedule",
    "masked_target",
    "mixture_log_density",
    "n_masked",
    "sample",
    "visible_embedding",
    "visible_mask",
]


class Generation(NamedTuple):
    """`codes (b, n, depth)`; `masked (steps + 1,)`: how many at the start and after each step.

    `states (steps, b, n, depth)` are the codes after each step, -1 where masked.
    """

    codes: np.ndarray
    masked: np.ndarray
    states: np.ndarray


def mask_schedule(r: float) -> float:
    """The share that is masked when the share `r` is done, from 1 to 0, Eq. (1).

    Examples
    --------
    >>> mask_schedule(0.0), round(mask_schedule(0.5), 3), mask_schedule(1.0)
    (1.0, 0.707, 0.0)
    """
    return maskgit.mask_schedule(r)


def n_masked(r: float, n: int, depth: int) -> int:
    """How many of all codes are masked, Eq. (1).

    Parameters
    ----------
    r : float
        0 to 1.
    n, depth : int
        Positions and stages.

    Examples
    --------
    >>> [n_masked(r, 4, 2) for r in (0.0, 0.25, 0.5, 0.75, 1.0)]
    [8, 8, 6, 4, 0]
    """
    n, depth = checks.count(n, "n"), checks.count(depth, "depth")
    # Rounded first: cos(pi / 3) is above 1/2 by rounding, and its ceiling would be one too many.
    return math.ceil(round(mask_schedule(r) * n * depth, 9))


@takes(n_masked="int | b int")
def mask_counts(n: int, depth: int, n_masked: Any, *, rng: Any = None) -> np.ndarray:
    """How many codes of each position are masked, Eq. (2).

    Parameters
    ----------
    n, depth : int
    n_masked : int or ndarray of shape (b,)
        How many in all; an array gives one row for each total.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (n,) or (b, n)
        int64; each from 0 to `depth`.

    Raises
    ------
    InvalidInput, DTypeError
        More than `n * depth`, or fewer than 0.

    Examples
    --------
    >>> mask_counts(3, 2, 6, rng=0).tolist(), mask_counts(3, 2, [0, 5], rng=0).sum(axis=1).tolist()
    ([2, 2, 2], [0, 5])
    """
    n, depth = checks.count(n, "n"), checks.count(depth, "depth")
    xp = get_xp(n_masked)
    totals = to_numpy(n_masked)  # () or (b,)
    if totals.size and not 0 <= totals.min() <= totals.max() <= n * depth:
        raise InvalidInput(
            f"mask_counts: n_masked is {n_masked}; expected totals from 0 to {n * depth} = n * "
            "depth, one or a vector of them."
        )
    rng = checks.generator(rng)
    urns = [depth] * n
    rows = [_taken(urns, int(total), rng) for total in np.atleast_1d(totals)]
    # (n,) for one total, (b, n) for several
    return xp.asarray(np.array(rows, np.int64).reshape(*totals.shape, n))


def _taken(urns: Any, total: int, rng: np.random.Generator) -> np.ndarray:
    """How many of `total` draws without replacement fall on each urn."""
    return rng.multivariate_hypergeometric(urns, total)


@takes(mixture=as_mixture, target="... n d", masked="... n bool")
def loss(mixture: Mixture, target: Any, masked: Any) -> Any:
    """The mean of Eq. (4) over the positions that hide a code.

    Parameters
    ----------
    mixture : Mixture
    target : ndarray of shape (..., n, d)
        From `masked_target`.
    masked : ndarray of shape (..., n)
        bool, True at positions with at least one masked code.

    Returns
    -------
    float
        In nats; it has no minimum where scales may go to 0, see the notes.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Nothing is masked.

    Examples
    --------
    >>> two = Mixture(np.zeros((2, 1)), np.zeros((2, 1, 2)), np.zeros((2, 1)))
    >>> round(float(loss(two, np.zeros((2, 2)), [True, False])), 4)
    1.8379
    """
    density = mixture_log_density(target, mixture)  # (..., n)
    if masked.shape != density.shape:
        raise ShapeError(
            f"loss: masked is {masked.shape} and the mixture is for {density.shape} = (..., n); "
            "expected equal shapes."
        )
    if not bool(masked.any()):
        raise InvalidInput("loss: masked is nowhere True; expected something to be masked.")
    # Positions that hide nothing have the target 0, which is no sample of anything.
    return -(density * masked).sum() / int(masked.sum())  # Eq. (4)


@takes(counts="n int", confidence="n")
def keep_confident(counts: Any, n_masked: int, confidence: Any) -> Any:
    """How many codes of each position stay masked: the least confident positions keep all of theirs.

    Parameters
    ----------
    counts : ndarray of shape (n,)
        Codes that each position hides now.
    n_masked : int
        How many stay masked in all.
    confidence : ndarray of shape (n,)
        Of equals the lower position counts as less confident.

    Returns
    -------
    ndarray of shape (n,)
        int64, at most `counts`.

    Examples
    --------
    >>> keep_confident([2, 2, 1], 3, [0.5, -1.0, 0.0]).tolist()
    [0, 2, 1]
    """
    xp = get_xp(counts, confidence)
    hidden = int(counts.sum())
    if int(counts.min()) < 0:
        raise InvalidInput("keep_confident: counts has a number below 0; expected none.")
    n_masked = checks.count(n_masked, "n_masked", at_least=0)
    if n_masked > hidden:
        raise InvalidInput(
            f"keep_confident: n_masked is {n_masked} and {hidden} codes are masked; expected at "
            "most as many."
        )
    order = xp.argsort(confidence, kind="stable")  # least confident first
    ordered = counts[order]
    left = n_masked - (ordered.cumsum() - ordered)  # for each, after those before it
    stay = xp.zeros_like(counts)
    stay[order] = xp.clip(left, 0, ordered)  # at most what the position hides
    return stay


@takes(codebooks="depth n_codes d")
def sample(
    predict: Callable[[Any, Any], Mixture],
    codebooks: Any,
    n: int,
    *,
    steps: int,
    b: int = 1,
    temperature: float = 1.0,
    top_p: float = 1.0,
    order: str = "random",
    rng: Any = None,
) -> Generation:
    """Draw `b` rows of `n` positions in `steps` calls of a model.

    Parameters
    ----------
    predict : callable
        `predict(embedding (b, n, d), visible (b, n, depth)) -> Mixture` of the sum of what is
        masked.
    codebooks : ndarray of shape (depth, n_codes, d)
    n, steps, b : int
    temperature : float
        Scale of the Gumbel noise on the confidences (`order="confidence"`), falling to 0.
    top_p : float
        See `draw`.
    order : "random" or "confidence"
        Which codes stay masked: drawn from all that are, as in training, or those of the positions
        whose drawn vector has the lowest density.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    Generation

    Examples
    --------
    >>> codebooks = np.array([[[0.0], [4.0]], [[0.0], [1.0]]])
    >>> oracle = lambda seen, visible: Mixture(
    ...     np.zeros((1, 2, 1)), np.array([[5.0], [1.0]])[None, :, None] - seen[:, :, None],
    ...     np.full((1, 2, 1), -30.0))
    >>> sample(oracle, codebooks, 2, steps=3, rng=0).codes.tolist()
    [[[1, 1], [0, 1]]]
    """
    xp = get_xp(codebooks)
    codebooks = to_numpy(codebooks)
    n, steps, b = (checks.count(x, name) for x, name in ((n, "n"), (steps, "steps"), (b, "b")))
    temperature = checks.number(temperature, "temperature", at_least=0)
    checks.choice(order, "order", ("random", "confidence"))
    rng = checks.generator(rng)
    depth = len(codebooks)
    codes = np.full((b, n, depth), -1)  # all masked
    counts = np.full((b, n), depth)  # how many each position hides
    masked, states = [n * depth], []
    for t in range(1, steps + 1):
        visible = visible_mask(counts, depth)  # (b, n, depth)
        seen = step(visible_embedding(codes, codebooks, visible))  # (b, n, d) [Σ E m] what is known
        mixture = Mixture(*map(to_numpy, predict(seen, visible)))  # one call for all stages
        z = step(draw(mixture, top_p=top_p, rng=rng))  # (b, n, d) [z] the sum of what is masked
        codes = filled(codes, z, codebooks, counts)
        left = n_masked(t / steps, n, depth)  # Eq. (1)
        if order == "random":
            # Eq. (2) among what is masked now: the law that training shows.
            counts = np.array([_taken(row, left, rng) for row in counts])
        else:
            confidence = mixture_log_density(z, mixture)  # (b, n)
            confidence = confidence + temperature * (1 - t / steps) * rng.gumbel(size=(b, n))
            pairs = zip(counts, confidence, strict=True)
            counts = np.array([keep_confident(row, left, sure) for row, sure in pairs])
        codes = np.where(visible_mask(counts, depth), codes, -1)  # the deepest go first
        step("codes", codes, "what is known, -1 where masked", axes=("b", "n", "depth"))
        states.append(codes)
        masked.append(left)
    return Generation(*map(xp.asarray, (codes, np.array(masked), np.array(states))))


def filled(codes: Any, z: Any, codebooks: Any, counts: Any) -> Any:
    """The masked stages of every position, by quantizing the drawn sum of them."""
    depth = len(codebooks)
    start = (depth - counts).reshape(-1)  # z is what the stages from there on add up to
    # From stage 1 on would be the usual mistake: z is the rest, not the whole vector.
    rest = residual.encode(z.reshape(-1, z.shape[-1]), codebooks, start=start)
    return np.where(codes < 0, rest.reshape(codes.shape), codes)


NOTES = r"""
Differs from the paper
----------------------
- No official code exists. "Multinomial" in descriptions of (2) could mask more codes of a position
  than it has; draws without replacement cannot.
- What the confidence ranks is not settled by the text: `order` has both readings. Training thins
  every position; with "confidence" positions are finished one after the other, which it never saw.
- **(4) has no minimum.** Targets are sums of codes, a finite set: a component can sit on one and its
  scale go to zero. A model has to floor its scale at the quantizer's own error,
  `log(exp(s) + floor)`, and do well to divide targets by the scale of their stage (`history` of
  `residual.fit`), since later stages are smaller.

Cost
----
`steps` calls for all positions and stages; the paper has 64 positions of 8 or 16 stages. Encoding
what was drawn is $2\,n\,D\,d\,n_{codes}$ operations a call.

Why not just ...
----------------
*... predict the codes of all stages at once?* The stages depend on each other: the second code
quantizes what the first one left. One vector for all of them keeps that.
"""
