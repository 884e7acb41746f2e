r"""Neighbours of SOFT in linear time: Nyströmformer, Performer, Linformer.

- Nyströmformer: A Nyström-Based Algorithm for Approximating Self-Attention. Yunyang Xiong,
  Zhanpeng Zeng, Rudrasis Chakraborty, Mingxing Tan, Glenn Fung, Yin Li, Vikas Singh. AAAI 2021.
  arXiv:2102.03902
- Rethinking Attention with Performers. Krzysztof Choromanski, Valerii Likhosherstov, David Dohan,
  Xingyou Song, Andreea Gane, Tamas Sarlos, Peter Hawkins, Jared Davis, Afroz Mohiuddin,
  Lukasz Kaiser, David Belanger, Lucy Colwell, Adrian Weller. ICLR 2021. arXiv:2009.14794
- Linformer: Self-Attention with Linear Complexity. Sinong Wang, Belinda Z. Li, Madian Khabsa,
  Han Fang, Hao Ma. 2020. arXiv:2006.04768

All three keep the softmax and approximate it: by landmarks, by random features whose products have
the softmax's kernel as their mean, by projecting the sequence onto fewer keys and values. SOFT
gives the softmax up instead. They are here in a few lines each, to compare like with like.

| paper's symbol | name here | shape |
|---|---|---|
| $Q$, $K$, $V$ | `q`, `k`, `v` | `(..., n, d)`, `(..., n, d_v)` |
| $\tilde Q$, $\tilde K$, segment means | `q_marks`, `k_marks` | `(..., m, d)` |
| $\omega_1, \dots, \omega_r$ | `features` | `(r, d)` |
| $E$, $F$ | `e`, `f` | `(k, n)` |

Equations, with $Q$ and $K$ each divided by $d^{1/4}$ and $\sigma$ the softmax of rows:

$$Y = \sigma(Q\tilde K^\top)\;\sigma(\tilde Q\tilde K^\top)^\dagger\;\sigma(\tilde Q K^\top)\,V
\qquad (\text{1, Nyströmformer})$$
$$Z \leftarrow \tfrac14 Z\,(13 I - AZ(15 I - AZ(7 I - AZ))), \quad
Z_0 = \frac{A^\top}{\lVert A\rVert_1 \lVert A\rVert_\infty} \qquad (\text{2})$$
$$\varphi(x) = \frac{1}{\sqrt r}\, e^{\Omega x - \lVert x \rVert^2/2}, \quad
Y_i = \frac{\varphi(q_i)^\top \sum_j \varphi(k_j) v_j^\top}{\varphi(q_i)^\top \sum_j \varphi(k_j)}
\qquad (\text{3, Performer})$$
$$Y = \sigma(Q (E K)^\top)\,F V \qquad (\text{4, Linformer})$$

Example
-------
    y = nystrom_attention(q, k, v, 64)
    y = performer_attention(q, k, v, orthogonal_features(256, d, rng=0))
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.attention import inputs
from tokenlab.attention.landmarks import segment_landmarks
from tokenlab.attention.softmax import softmax_attention
from tokenlab.errors import ShapeError, public_caller
from tokenlab.models.attending import turned
from tokenlab.models.layers import softmax
from tokenlab.ranges import representable
from tokenlab.steps import step

__all__ = [
    "cubic_pinv",
    "linformer_attention",
    "nystrom_attention",
    "orthogonal_features",
    "performer_attention",
]


@takes(q="... n d", k="... n d", v="... n d_v")
def nystrom_attention(q: Any, k: Any, v: Any, m: int | tuple[Any, Any], *, iters: int = 6) -> Any:
    r"""Softmax attention through `m` segment means, (1).

    Parameters
    ----------
    q, k : ndarray of shape (..., n, d)
    v : ndarray of shape (..., n, d_v)
    m : int, or two ndarray of shape (..., m, d)
        Landmarks; from `n` on the result is exact. Or the landmarks of queries and of keys
        themselves, for example means over the cells of an image.
    iters : int
        Steps of (2).

    Returns
    -------
    ndarray of shape (..., n, d_v)

    Examples
    --------
    >>> q = [[0.0], [0.0], [1.0], [1.0]]
    >>> nystrom_attention(q, q, [[1.0], [1.0], [2.0], [2.0]], 2).round(3).ravel().tolist()
    [1.5, 1.5, 1.731, 1.731]
    """
    q, k, v = inputs.in_one_precision(q, k, v)
    if not isinstance(m, tuple) and checks.count(m, "m") >= q.shape[-2]:
        return softmax_attention(q, k, v)
    if isinstance(m, tuple):
        q_marks, k_marks = landmarks_of(*m, q)
    else:
        q_marks, k_marks = segment_landmarks(q, m), segment_landmarks(k, m)  # (..., m, d)
    scale = q.dtype.type(q.shape[-1] ** -0.25)
    q, k, q_marks, k_marks = (x * scale for x in (q, k, q_marks, k_marks))
    columns = softmax(k_marks @ turned(q), axis=-2)  # (..., m, n): down columns, maxima are quick
    left = step(turned(columns))  # (..., n, m) [σ(QK̃ᵀ)] tokens with mean keys
    middle = step(softmax(q_marks @ turned(k_marks)))  # (..., m, m) [σ(Q̃K̃ᵀ)] means only
    right = step(softmax(q_marks @ turned(k)))  # (..., m, n) [σ(Q̃Kᵀ)] mean queries
    output = step(left @ (cubic_pinv(middle, iters=iters) @ (right @ v)))  # (..., n, d_v) [Y (1)]
    return output


def landmarks_of(q_marks: Any, k_marks: Any, q: Any) -> tuple[Any, Any]:
    """Landmarks of queries and keys that somebody passed, checked against the queries."""
    xp = get_xp(q, q_marks, k_marks)
    marks = []
    for x in (q_marks, k_marks):
        x = checks.finite(checks.floats(x, "m", xp), "m", xp)
        if x.shape[:-2] + x.shape[-1:] != q.shape[:-2] + q.shape[-1:] or x.shape != q_marks.shape:
            raise ShapeError(
                f"{public_caller()}: q is {q.shape} = (..., n, d), so d = {q.shape[-1]}, but the "
                f"landmarks m are {q_marks.shape} and {k_marks.shape}, with d = {x.shape[-1]}; "
                "expected (..., m, d) for both, with the leading axes and the d of q."
            )
        marks.append(x.astype(q.dtype, copy=False))
    return marks[0], marks[1]


@takes(a="... m m")
def cubic_pinv(a: Any, *, iters: int = 6) -> Any:
    r"""The Nyströmformer's iteration for an inverse, of third order, (2).

    Parameters
    ----------
    a : ndarray of shape (..., m, m)
        Any square matrix, in the paper a softmax of rows.
    iters : int

    Returns
    -------
    ndarray of shape (..., m, m)

    Examples
    --------
    >>> cubic_pinv([[0.7, 0.3], [0.2, 0.8]]).round(6).tolist()
    [[1.6, -0.6], [-0.4, 1.4]]
    """
    xp = get_xp(a)
    size, one = xp.abs(a), xp.eye(a.shape[-1], dtype=a.dtype)
    norms = size.sum(axis=-2).max(axis=-1) * size.sum(axis=-1).max(axis=-1)  # (...)
    norms = xp.where(norms == 0, xp.ones_like(norms), norms)  # zeros are inverted by zeros
    z = a.swapaxes(-1, -2) / norms[..., None, None]  # (2), the start: (..., m, m)
    for _ in range(checks.count(iters, "iters", at_least=0)):
        az = a @ z
        z = z @ (13 * one - az @ (15 * one - az @ (7 * one - az))) / 4  # (2)
        step("iterate", z, "", eq="Z (2)", axes=("m", "m"))
    return z


def orthogonal_features(
    r: int, d: int, *, rng: np.random.Generator | int | None = None
) -> np.ndarray:
    r"""`r` random directions with lengths of Gaussian vectors, orthogonal in groups of `d`.

    Parameters
    ----------
    r, d : int
        Number of features, width of the tokens.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (r, d)
        float32. Move it with `cupy.asarray` where the tokens are on a GPU.

    Examples
    --------
    >>> w = orthogonal_features(3, 3, rng=0)
    >>> bool(abs(w @ w.T - np.diag(np.diag(w @ w.T))).max() < 1e-5)
    True
    """
    r, d = checks.count(r, "r"), checks.count(d, "d")
    rng = checks.generator(rng)
    unitary, upper = np.linalg.qr(rng.standard_normal((-(-r // d), d, d)))  # (groups, d, d)
    # LAPACK's signs are not random: uniform over all rotations only with a positive diagonal.
    unitary *= np.sign(np.diagonal(upper, axis1=-2, axis2=-1))[:, None, :]
    lengths = np.sqrt((rng.standard_normal((r, d)) ** 2).sum(axis=1))  # (r,)
    rows = unitary.swapaxes(-1, -2).reshape(-1, d)[:r]
    return (rows * lengths[:, None]).astype(np.float32)


@takes(q="... n_q d", k="... n d", v="... n d_v", features="r d")
def performer_attention(q: Any, k: Any, v: Any, features: Any, *, eps: float = 1e-4) -> Any:
    r"""Softmax attention through positive random features (FAVOR+), (3).

    Parameters
    ----------
    q, k : ndarray of shape (..., n, d)
    v : ndarray of shape (..., n, d_v)
    features : ndarray of shape (r, d)
        From `orthogonal_features`.
    eps : float
        Added to every feature, so that no row divides by nothing.

    Returns
    -------
    ndarray of shape (..., n, d_v)

    Examples
    --------
    >>> w = orthogonal_features(64, 1, rng=0)
    >>> performer_attention([[0.0]], [[0.0], [0.0]], [[1.0], [3.0]], w).round(3).tolist()
    [[2.0]]
    """
    eps = checks.number(eps, "eps", at_least=0)
    q, k, v = inputs.in_one_precision(q, k, v)
    xp, features = get_xp(q, k, v, features), features.astype(q.dtype, copy=False)
    q_log = exponents(q, features)  # (..., n_q, r)
    k_log = exponents(k, features)  # (..., n, r)
    # One number for each query and one for all keys, which cancel in (3), as does 1 / sqrt(r).
    q_log = q_log - q_log.max(axis=-1, keepdims=True)
    k_log = k_log - k_log.max(axis=(-2, -1), keepdims=True)
    query_features = step(xp.exp(q_log) + eps)  # (..., n_q, r) [φ(q)]
    key_features = step(xp.exp(k_log) + eps)  # (..., n, r) [φ(k)]
    total = query_features @ key_features.sum(axis=-2)[..., None]  # Eq. (3), below: (..., n_q, 1)
    summed = key_features.swapaxes(-1, -2) @ v  # (..., r, d_v): all that is kept of the keys
    output = step(query_features @ summed / total)  # (..., n_q, d_v) [Y (3)]
    return output


def exponents(x: Any, features: Any) -> Any:
    """`w x - |x|^2 / 2` for `x` over the fourth root of `d`, `(..., n, r)`."""
    x = x * x.dtype.type(x.shape[-1] ** -0.25)
    with np.errstate(over="ignore", invalid="ignore"):
        logs = x @ features.T - (x * x).sum(axis=-1)[..., None] / 2
    return representable(logs, "the exponents", "Scale the tokens down.")


@takes(q="... n_q d", k="... n d", v="... n d_v", e="k n_e", f="k n_e")
def linformer_attention(q: Any, k: Any, v: Any, e: Any, *, f: Any = None) -> Any:
    r"""Softmax attention over `k` mixtures of keys and values, (4).

    Parameters
    ----------
    q, k : ndarray of shape (..., n, d)
    v : ndarray of shape (..., n, d_v)
    e : ndarray of shape (k, n)
        Mixes the keys, and the values unless `f` is given.
    f : ndarray of shape (k, n), optional

    Returns
    -------
    ndarray of shape (..., n, d_v)

    Examples
    --------
    >>> pools = [[0.5, 0.5]]
    >>> linformer_attention([[1.0], [0.0]], [[1.0], [0.0]], [[1.0], [3.0]], pools).tolist()
    [[2.0], [2.0]]
    """
    f = e if f is None else f
    if e.shape[1] != k.shape[-2]:
        raise ShapeError(
            f"{public_caller()}: e is {e.shape}, f is {f.shape}, k is {k.shape} = (..., n, d); "
            "expected (k, n) for both, for the n that they were made for."
        )
    q, k, v = inputs.in_one_precision(q, k, v)
    with np.errstate(over="ignore", invalid="ignore"):
        mixed_keys = e.astype(k.dtype, copy=False) @ k  # (..., k, d)
        mixed_values = f.astype(v.dtype, copy=False) @ v  # (..., k, d_v)
    mixed_keys = representable(mixed_keys, "the mixed keys", "Scale k or e down.")
    mixed_keys = step(mixed_keys)  # (..., k, d) [E K] every key a mix of all
    q = q * q.dtype.type(q.shape[-1] ** -0.5)
    columns = softmax(mixed_keys @ turned(q), axis=-2)  # (..., k, n_q)
    shares = step(turned(columns))  # (..., n_q, k) [σ(Q(EK)ᵀ/√d)] what a query takes of each mix
    output = step(shares @ mixed_values)  # (..., n_q, d_v) [Y (4)]
    return output


NOTES = r"""
Differs from the paper
----------------------
- (2) scales each matrix of a batch by its own norms. The first released code of the Nyströmformer
  takes one maximum over batch and heads, so that a sequence's output depends on its company.
- The Nyströmformer's convolution of `v` is left out, as in `soft_attention`. Segments that `m` does
  not divide differ by one token. With `m >= n` it is exact softmax attention, as in
  `mlpen/Nystromformer` (e068dba).
- The Performer's features are stabilised by the largest exponent, of each row for queries and of
  all for keys, and 1e-4 is added. The authors' code (`google-research/google-research`,
  `performer/fast_attention`, 8de5973) takes off the largest projection instead, so that what is
  added weighs more for longer tokens, and `make_fast_softmax_attention` adds 1e-6. With `eps=0` all
  of them are (3). The directions are made uniform by fixing the signs of a
  QR decomposition; without that, as in widespread code, the error stops falling as `r` grows.
- The Linformer learns $E$ and $F$ for one fixed `n`; here you pass them, and without training a
  random one is noise: use segment means to see what it can do.

Cost
----
$O(n m (d + d_v))$, with `m` landmarks, `m` features, or `m` projections.
Checks and small calls take a fixed time, some 0.2 ms: beside the bare formulas in NumPy that was a
third more at `n = 1024`, and a fifth at `n = 4096` (one thread, `m = 64`).
"""
