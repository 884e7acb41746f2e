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

Differs from the paper
----------------------
- (2) scales each matrix of a batch by its own norms. The first released code of the Nyströmformer
  takes one maximum over batch and heads, so that a sequence's output depends on its company.
- The Nyströmformer's convolution of `v` is left out, as in `soft_attention`. Segments that `m` does
  not divide differ by one token. With `m >= n` it is exact softmax attention, as released.
- The Performer's features are stabilised as released: less the largest exponent, of each row for
  queries and of all for keys, plus 1e-4. Their directions are made uniform by fixing the signs of a
  QR decomposition; without that, as in widespread code, the error stops falling as `r` grows.
- The Linformer learns $E$ and $F$ for one fixed `n`; here you pass them, and without training a
  random one is noise: use segment means to see what it can do.

Cost
----
$O(n m (d + d_v))$, with `m` landmarks, `m` features, or `m` projections.

Example
-------
    y = nystrom_attention(q, k, v, 64)
    y = performer_attention(q, k, v, orthogonal_features(256, d, rng=0))
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.attention import inputs
from tokenlab.attention.landmarks import segment_landmarks
from tokenlab.attention.softmax import softmax_attention
from tokenlab.errors import ShapeError
from tokenlab.numerics import softmax
from tokenlab.steps import step

__all__ = [
    "cubic_pinv",
    "linformer_attention",
    "nystrom_attention",
    "orthogonal_features",
    "performer_attention",
]


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
    q, k, v = inputs.attention_inputs(q, k, v)
    inputs.same_length(q, "q", k, "k", -2, "n")
    if not isinstance(m, tuple) and checks.count(m, "m") >= q.shape[-2]:
        return softmax_attention(q, k, v)
    marks = m if isinstance(m, tuple) else (segment_landmarks(q, m), segment_landmarks(k, m))
    q_marks, k_marks, _ = inputs.attention_inputs(*marks, marks[1])  # (..., m, d)
    inputs.same_leading(q=q, landmarks=q_marks)
    inputs.same_length(q, "q", q_marks, "the landmarks", -1, "d")
    scale = q.dtype.type(q.shape[-1] ** -0.25)
    q, k, q_marks, k_marks = (x * scale for x in (q, k, q_marks, k_marks))
    left = softmax(q @ k_marks.swapaxes(-1, -2))  # (..., n, m)
    middle = softmax(q_marks @ k_marks.swapaxes(-1, -2))  # (..., m, m)
    right = softmax(q_marks @ k.swapaxes(-1, -2))  # (..., m, n)
    step("left", left, "tokens with mean keys", eq="σ(QK̃ᵀ)", axes=("n", "m"))
    step("middle", middle, "mean queries with mean keys", eq="σ(Q̃K̃ᵀ)", axes=("m", "m"))
    step("right", right, "mean queries with tokens", eq="σ(Q̃Kᵀ)", axes=("m", "n"))
    y = left @ (cubic_pinv(middle, iters=iters) @ (right @ v))  # (1)
    return step("output", y, "", eq="Y (1)", axes=("n", "d_v"))


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
    a = checks.finite(checks.floats(a, "a", xp), "a", xp)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"cubic_pinv: a is {a.shape}; expected (..., m, m).")
    size, one = xp.abs(a), xp.eye(a.shape[-1], dtype=a.dtype)
    norms = size.sum(axis=-2).max(axis=-1) * size.sum(axis=-1).max(axis=-1)
    z = a.swapaxes(-1, -2) / xp.where(norms == 0, xp.ones_like(norms), norms)[..., None, None]
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
    r, d, rng = checks.count(r, "r"), checks.count(d, "d"), np.random.default_rng(rng)
    unitary, upper = np.linalg.qr(rng.standard_normal((-(-r // d), d, d)))
    # LAPACK's signs are not random: uniform over all rotations only with a positive diagonal.
    unitary *= np.sign(np.diagonal(upper, axis1=-2, axis2=-1))[:, None, :]
    lengths = np.sqrt((rng.standard_normal((r, d)) ** 2).sum(axis=1))
    rows = unitary.swapaxes(-1, -2).reshape(-1, d)[:r]
    return (rows * lengths[:, None]).astype(np.float32)


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
    xp = get_xp(q, k, v, features)
    q, k, v = inputs.attention_inputs(q, k, v)
    features = checks.shaped(inputs.tokens(features, "features", "r", xp), "features", ("r", "d"))
    inputs.same_length(q, "q", features, "features", -1, "d")
    q_phi, k_phi = (_exponents(x, features.astype(q.dtype, copy=False)) for x in (q, k))
    q_phi = xp.exp(q_phi - q_phi.max(axis=-1, keepdims=True)) + eps  # (..., n, r)
    k_phi = xp.exp(k_phi - k_phi.max(axis=(-2, -1), keepdims=True)) + eps
    step("query features", q_phi, "", eq="φ(q)", axes=("n", "r"))
    step("key features", k_phi, "", eq="φ(k)", axes=("n", "r"))
    total = q_phi @ k_phi.sum(axis=-2)[..., None]  # (..., n, 1)
    y = q_phi @ (k_phi.swapaxes(-1, -2) @ v) / total  # (3); 1/sqrt(r) cancels
    return step("output", y, "", eq="Y (3)", axes=("n", "d_v"))


def _exponents(x: Any, features: Any) -> Any:
    """`w x - |x|^2 / 2` for `x` over the fourth root of `d`, `(..., n, r)`."""
    x = x * x.dtype.type(x.shape[-1] ** -0.25)
    return x @ features.T - (x * x).sum(axis=-1)[..., None] / 2


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
    xp = get_xp(q, k, v, e, f)
    q, k, v = inputs.attention_inputs(q, k, v)
    e, f = (checks.shaped(inputs.tokens(x, "e", "k", xp), "e", ("k", "n")) for x in (e, f))
    if e.shape != f.shape or e.shape[1] != k.shape[-2]:
        raise ShapeError(
            f"linformer_attention: e is {e.shape}, f is {f.shape}, k is {k.shape} = (..., n, d); "
            "expected (k, n) for both, for the n that they were made for."
        )
    e, f = e.astype(k.dtype, copy=False), f.astype(k.dtype, copy=False)
    return softmax_attention(q, e @ k, f @ v)  # (4)
