r"""Sequential Monte Carlo: texts that grow side by side and carry weights.

Each of n particles draws a token and multiplies its weight. When few of them hold nearly all of the
weight, they are drawn anew in proportion to it, and all go on with the mean. The mean weight stays
an unbiased estimate of the mass that is sampled from, through resampling too.

    particles = run(draw, n_particles=8, max_tokens=20, eos=eos, rng=0)
    particles.posterior()          # {text: weight}
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.decoding.chance import choose, generator, weights_of
from tokenlab.lm.table import logarithm

__all__ = ["Particles", "effective_sample_size", "resample", "run"]

METHODS = ("multinomial", "stratified", "systematic", "residual")


class Particles(NamedTuple):
    """Weighted texts."""

    tokens: tuple[tuple[int, ...], ...]  # n texts
    log_weights: np.ndarray  # (n,); -inf for a particle that came to a dead end
    log_z: float  # the logarithm of the mean weight: an unbiased estimate of the mass
    ancestors: np.ndarray  # (n_steps, n): of whom each particle was after each step
    trace: np.ndarray  # (n_steps, n): the log weights at each step, before any resampling
    calls: int  # how often the constraint was asked

    def posterior(self) -> dict[tuple[int, ...], float]:
        """Each text with its share of the weight; equal texts are one."""
        shares: dict[tuple[int, ...], float] = {}
        if self.log_z > -np.inf:
            for text, weight in zip(self.tokens, weights_of(self.log_weights), strict=True):
                if weight > 0:
                    shares[text] = shares.get(text, 0.0) + float(weight)
        return shares


@takes(log_weights="n inf")
def effective_sample_size(log_weights: Any) -> float:
    r"""$(\sum w)^2 / \sum w^2$: how many equal weights would be as good; 0 without any weight.

    Parameters
    ----------
    log_weights : ndarray of shape (n,)
        Need not be normalised; -inf is a weight of 0.

    Examples
    --------
    >>> effective_sample_size([0.0, 0.0, -np.inf])
    2.0
    """
    if bool((log_weights == -np.inf).all()):
        return 0.0
    w = weights_of(log_weights, "log_weights")
    return float(1 / (w @ w))  # the weights sum to one


@takes(log_weights="n inf")
def resample(log_weights: Any, *, method: str = "multinomial", rng: Any = None) -> Any:
    """Draw n particles anew in proportion to their weights; whose copies they are, ascending.

    Parameters
    ----------
    log_weights : ndarray of shape (n,)
    method : str
        `"multinomial"`: n draws. `"stratified"`: one draw in each n-th of the mass. `"systematic"`:
        the same draw in each. `"residual"`: whole copies first, draws for what is left.
    rng : Generator, int or None

    Returns
    -------
    ndarray of shape (n,), int64

    Examples
    --------
    >>> resample(np.log([0.5, 0.5, 1e-9]), method="residual", rng=0).tolist()[:2]
    [0, 1]
    """
    checks.choice(method, "method", METHODS)
    w = to_numpy(weights_of(log_weights, "log_weights"))
    rng = generator(rng)
    return get_xp(log_weights).asarray(copies_of(w, method, rng))


def copies_of(w: np.ndarray, method: str, rng: Any) -> np.ndarray:
    """Whose copy each new particle is, from weights that sum to one."""
    n = len(w)
    if method == "multinomial":
        return np.sort([choose(logarithm(w), rng) for _ in range(n)])
    if method == "residual":
        copies = np.floor(n * w + 1e-12).astype(np.int64)  # (n,)
        rest = n - int(copies.sum())
        drawn: list[int] = []
        if rest:
            left = logarithm(np.maximum(n * w - copies, 0))
            drawn = [choose(left, rng) for _ in range(rest)]
        return np.sort(np.concatenate([np.repeat(np.arange(n), copies), drawn]).astype(np.int64))
    # Points in equal slices of the mass; each takes the particle in whose part it falls.
    within = rng.random() if method == "systematic" else rng.random(n)
    ends = w.cumsum()
    points = (np.arange(n) + within) / n * ends[-1]
    return np.minimum(ends.searchsorted(points, side="right"), n - 1)


@takes(draw="function", eos="whole")
def run(
    draw: Callable[..., tuple[int, float, int]],
    n_particles: int = 8,
    max_tokens: int = 64,
    eos: int | None = None,
    ess_threshold: float = 0.5,
    method: str = "multinomial",
    rng: Any = None,
) -> Particles:
    """Let particles grow until all have ended.

    Parameters
    ----------
    draw : callable
        `draw(prefix, rng) -> (token, log_weight, calls)`; a log weight of -inf ends a particle.
    n_particles, max_tokens : int
    eos : int, optional
        A particle that drew it has ended.
    ess_threshold : float
        Resample when the effective sample size falls below this share of n; 0 never, 1 always
        when weights differ.
    method : str
        As in `resample`.
    rng : Generator, int or None

    Returns
    -------
    Particles
    """
    n, steps = checks.count(n_particles, "n_particles"), checks.count(max_tokens, "max_tokens")
    checks.choice(method, "method", METHODS)
    ess_threshold = checks.share(ess_threshold, "ess_threshold")
    rng = generator(rng)
    texts: list[tuple[int, ...]] = [()] * n
    logs, calls = np.zeros(n), 0
    ancestors, trace = [], []
    for _ in range(steps):
        for i in range(n):
            if logs[i] == -np.inf or (texts[i] and texts[i][-1] == eos):
                continue  # at a dead end, or at its own
            token, log_weight, asked = draw(texts[i], rng)
            calls += asked
            logs[i] += log_weight
            if log_weight > -np.inf:
                texts[i] = (*texts[i], token)
        trace.append(logs.copy())
        ancestor = np.arange(n)
        # Rounding must not make equal weights differ.
        if -np.inf < logs.max() and effective_sample_size(logs) < ess_threshold * n * (1 - 1e-12):
            ancestor = resample(logs, method=method, rng=rng)
            texts = [texts[i] for i in ancestor]  # all go on with the mean weight
            logs = np.full(n, log_mean(logs))
        ancestors.append(ancestor)
        if all(log == -np.inf or text[-1] == eos for log, text in zip(logs, texts, strict=True)):
            break
    return Particles(
        tuple(texts), logs, log_mean(logs), np.array(ancestors), np.array(trace), calls
    )


def log_mean(logs: np.ndarray) -> float:
    """The logarithm of the mean weight."""
    top = logs.max()
    return float(top + np.log(np.exp(logs - top).mean())) if top > -np.inf else -np.inf
