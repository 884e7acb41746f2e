"""Every rule of tokenlab.pruning on the same tokens, so that generic tests can run them all.

`RULES[module](tokens, k)` calls the module's `reduce`. A rule module without an entry fails a test.
"""

from typing import NamedTuple

import numpy as np

from tokenlab.pruning import (
    clusters,
    divprune,
    evit,
    fastv,
    hiprune,
    recoverable,
    sparsevlm,
    todre,
    token_transforming,
    tome,
    transprune,
    uniform,
    visionzip,
)


class Tokens(NamedTuple):
    """What a model would have computed for `n` patches and a few words."""

    x: object  # (n, d)
    scores: object  # (n,) CLS attention
    deep: object  # (n,)
    attention: object  # (h, n_text, n), rows sum to one
    text: object  # (n_text, d)
    grid: tuple

    def take(self, order):
        """The same tokens in another order."""
        return Tokens(
            self.x[order],
            self.scores[order],
            self.deep[order],
            self.attention[:, :, order],
            self.text,
            self.grid,
        )

    def astype(self, dtype):
        return Tokens(*(a.astype(dtype) for a in self[:5]), self.grid)

    def through(self, asarray):
        return Tokens(*(asarray(a) for a in self[:5]), self.grid)


def make(n=16, d=6, seed=0, grid=None, equal=False):
    rng = np.random.default_rng(seed)
    x = np.ones((n, d)) if equal else rng.standard_normal((n, d))
    scores = np.full(n, 1 / n) if equal else rng.dirichlet(np.ones(n))
    deep = np.full(n, 1 / n) if equal else rng.dirichlet(np.ones(n))
    attention = rng.dirichlet(np.ones(n), (2, 3))
    if equal:
        attention[:] = 1 / n
    return Tokens(x, scores, deep, attention, rng.standard_normal((3, d)), grid or (1, n))


def tome_to(t, k, size=None):
    """ToMe goes down to at most half at once: several times, until `k` are left."""
    reduction = tome.reduce(t.x, min(len(t.x) - k, len(t.x) // 2), size=size)
    while len(reduction) > k:
        keys = reduction.apply(t.x)
        r = min(len(reduction) - k, len(reduction) // 2)
        reduction = reduction.compose(tome.reduce(keys, r, size=reduction.size))
    return reduction


RULES = {
    "clusters": lambda t, k: clusters.reduce(t.x, k=k, rng=0),
    "divprune": lambda t, k: divprune.reduce(t.x, k=k),
    "evit": lambda t, k: evit.reduce(t.scores, k=k),
    "fastv": lambda t, k: fastv.reduce(t.attention, k=k),
    "fastv official": lambda t, k: fastv.reduce(t.attention, k=k, variant="official"),
    "hiprune": lambda t, k: hiprune.reduce(t.scores, t.deep, grid=t.grid, k=k, alpha=0.5),
    "hiprune official": lambda t, k: hiprune.reduce(
        t.scores, t.deep, grid=t.grid, k=k, alpha=0.5, variant="official"
    ),
    "recoverable": lambda t, k: recoverable.reduce(t.scores, t.deep, t.x, n_neighbors=3),
    "sparsevlm": lambda t, k: sparsevlm.reduce(t.attention, t.x, t.text, k=k),
    "todre": lambda t, k: todre.reduce(t.x, k=k, pivot=t.scores),
    "todre v1": lambda t, k: todre.reduce(t.x, k=k, variant="v1", pivot=t.scores),
    "token_transforming": lambda t, k: token_transforming.reduce(t.x, t.scores, k=k),
    "token_transforming row": lambda t, k: token_transforming.reduce(
        t.x, t.scores, k=k, mode="row"
    ),
    "tome": tome_to,
    "transprune": lambda t, k: transprune.reduce(t.scores, t.deep, k=k),
    "transprune official": lambda t, k: transprune.reduce(
        t.scores, t.deep, k=k, variant="official"
    ),
    "uniform": lambda t, k: uniform.reduce(t.x, k=k, rng=0),
    "uniform stride": lambda t, k: uniform.reduce(t.x, k=k, how="stride"),
    "visionzip": lambda t, k: visionzip.reduce(
        t.scores, t.x, dominant=k - k // 3, contextual=k // 3
    ),
}
# Positional arguments and others of the rules that take a share, without `k`.
ARGUMENTS = {
    "clusters": lambda t: ((t.x,), {"rng": 0}),
    "divprune": lambda t: ((t.x,), {}),
    "evit": lambda t: ((t.scores,), {}),
    "fastv": lambda t: ((t.attention,), {}),
    "hiprune": lambda t: ((t.scores, t.deep), {"grid": t.grid}),
    "sparsevlm": lambda t: ((t.attention, t.x, t.text), {}),
    "todre": lambda t: ((t.x,), {"pivot": t.scores}),
    "token_transforming": lambda t: ((t.x, t.scores), {}),
    "transprune": lambda t: ((t.scores, t.deep), {}),
    "uniform": lambda t: ((t.x,), {"rng": 0}),
}
DYNAMIC = {"recoverable"}  # takes no budget
EXTRA = {"evit", "recoverable"}  # may add a token that stands nowhere
MORE = {"sparsevlm"}  # adds clusters to its budget
ROWS_NOT_ONE = {"evit", "recoverable", "visionzip"}  # documented
POSITIONAL = {"hiprune", "tome", "uniform", "visionzip"}  # they look at places or at parity
# Mutual nearest neighbours tie in the first choice; k-means draws its seeds by position.
TIES = {"clusters", "divprune", "sparsevlm"}
DROPS_MASS = {"sparsevlm"}  # though it merges
SIZES_NOT_EXACT = {"token_transforming row"}


def family(name):
    return name.split()[0]
