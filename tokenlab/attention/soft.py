r"""SOFT: Softmax-free Transformer with Linear Complexity; and Softmax-free Linear Transformers.

Jiachen Lu, Jinghan Yao, Junge Zhang, Xiatian Zhu, Hang Xu, Weiguo Gao, Chunjing Xu, Tao Xiang,
Li Zhang. NeurIPS 2021. arXiv:2110.11945

The extended version, SOFT++: Jiachen Lu, Junge Zhang, Xiatian Zhu, Jianfeng Feng, Tao Xiang,
Li Zhang. IJCV 2024. arXiv:2207.03341

A Gaussian kernel takes the place of the softmax: two tokens attend to each other by how near they
are, with no normalisation. Nothing then couples the entries of a row, so that the kernel can be
rebuilt from a few landmarks, in time linear in the number of tokens. SOFT++ normalises it.

| paper's symbol | name here | shape |
|---|---|---|
| $Q = K$ | `q` | `(..., n, d)` |
| $V$ | `v` | `(..., n, d_v)` |
| $\tilde Q$ | `landmarks` | `(..., m, d)` |
| $P^\top = S(Q, \tilde Q)$ | `p` | `(..., n, m)` |
| $A = S(\tilde Q, \tilde Q)$ | `a` | `(..., m, m)` |

Equations; the numbers are ours:

$$S(Q, K)_{ij} = \exp\!\left(-\frac{\lVert q_i - k_j \rVert^2}{2\sqrt d}\right) \qquad (\text{1})$$
$$\hat S = P^\top A^\dagger P, \qquad Y = \hat S V = P^\top\,(A^\dagger\,(P V)) \qquad (\text{2})$$
$$r = \hat S\,1, \quad Y = R^{-1/2} \hat S R^{-1/2} V, \quad R = \mathrm{diag}(r)
\qquad (\text{3, "symmetric"})$$
$$Y = P^\top D^{-1/2} A^\dagger D^{-1/2} P V, \quad D = \mathrm{diag}(A\,1)
\qquad (\text{4, "landmark"})$$
$$Y_i \mathrel{+}= (1 - \hat S_{ii})\,v_i \qquad (\text{5, } \texttt{diagonal})$$

Example
-------
    landmarks = grid_landmarks(q, hw=(56, 56), ratio=8)
    y = soft_attention(q, v, landmarks)
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop
from tokenlab.attention import inputs
from tokenlab.attention.inverse import landmark_inverse
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.models.attending import once
from tokenlab.ranges import representable
from tokenlab.steps import step
from tokenlab.tape import taped

__all__ = ["gaussian_kernel", "soft_attention"]


@takes(q="... n d", k="... m d")
def gaussian_kernel(q: Any, k: Any, *, center: bool = True) -> Any:
    r"""Similarity of every row of `q` with every row of `k`, (1).

    Parameters
    ----------
    q : ndarray of shape (..., n, d)
    k : ndarray of shape (..., m, d)
    center : bool
        Subtract the mean of `k` first, which changes nothing but the rounding of large offsets, and
        take differences axis by axis where that is not enough. False is the plain expansion.

    Returns
    -------
    ndarray of shape (..., n, m)
        Numbers from 0 to 1.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Shapes that do not fit, NaN, squared lengths that overflow.

    Examples
    --------
    >>> gaussian_kernel([[0.0], [1.0]], [[0.0], [2.0]]).round(4).tolist()
    [[1.0, 0.1353], [0.6065, 0.6065]]
    """
    q, k = inputs.in_one_precision(q, k)
    shift = k.mean(axis=-2, keepdims=True) * checks.flag(center, "center")  # (..., 1, d), or 0
    s = gaussian(q, k, shift, center)
    kernel = step(s)  # (..., n, m) [exp(−‖qᵢ − kⱼ‖² / 2√d) (1)] 1 for equal tokens, 0 far away
    return kernel


def gaussian(q: Any, k: Any, shift: Any, careful: bool = True, keys: Any = None) -> Any:
    """Equation (1), and its derivative in one piece: twice as fast as that of its parts.

    `keys` are those of `k` if they were scaled before.
    """
    x, x_half = scaled(stop(q), stop(shift))  # (..., n, d), (..., n)
    if keys is None:  # landmarks with themselves are scaled once
        keys = (x, x_half) if k is q else scaled(stop(k), stop(shift))
    y, y_half = keys  # (..., m, d), (..., m)
    if cancels(x_half, y_half) and careful:
        kernel = exp_differences(stop(q), stop(k))
    else:
        kernel = exp_product(x, x_half, y, y_half)  # Eq. (1), (..., n, m)
    # Off the tape this is the kernel alone; on it, the ways back to both sides go along.
    weighted = once(lambda grad: grad * kernel)  # E of (G3), for both sides
    return taped(
        kernel,
        (q, lambda grad: pull(weighted(grad), x, y)),
        (k, lambda grad: pull(weighted(grad).swapaxes(-1, -2), y, x)),
    )


def pull(e: Any, x: Any, y: Any) -> Any:
    """(G3) of `soft_gradient.py`: each token is drawn to those of the other side, or pushed off."""
    force = e @ y
    force -= get_xp(e).einsum("...ij->...i", e)[..., None] * x
    force *= x.dtype.type(x.shape[-1] ** -0.25)
    return force


def scaled(x: Any, shift: Any) -> tuple[Any, Any]:
    r"""`x` less `shift`, which no kernel sees, over $d^{1/4}$; and half of its squared lengths."""
    xp = get_xp(x)
    x = x - shift
    x *= x.dtype.type(x.shape[-1] ** -0.25)
    return x, xp.einsum("...d,...d->...", x, x) / 2  # (..., n)


def cancels(*halves: Any) -> bool:
    """Whether tokens are so far from their mean that small distances drown: off by 1/1000."""
    largest = max((float(half.max()) for half in halves if half.size), default=0.0)
    if largest * float(np.finfo(halves[0].dtype).eps) <= 1e-3:  # not so of NaN
        return False
    for half in halves:
        representable(half, "the squared lengths", "Scale the tokens down.")
    return True


def exp_differences(q: Any, k: Any) -> Any:
    """Equation (1) axis by axis: slower than a product, and it cancels nothing."""
    xp, d = get_xp(q, k), q.shape[-1]
    squares = xp.zeros((*q.shape[:-1], k.shape[-2]), dtype=q.dtype)  # (..., n, m)
    for axis in range(d):
        gap = q[..., :, None, axis] - k[..., None, :, axis]
        squares += gap * gap
    return xp.exp(squares * q.dtype.type(-0.5 * d**-0.5))  # Eq. (1)


@accelerated(
    "attention.exp_product", work=lambda x, half, y, _: half.size * y.shape[-2], pays_from=1e5
)
def exp_product(x: Any, x_half: Any, y: Any, y_half: Any) -> Any:
    """`exp(-|x_i - y_j|^2 / 2)` from the product of scaled tokens, never above 1."""
    xp = get_xp(x, y)
    exponent = x @ y.swapaxes(-1, -2)  # (..., n, m)
    exponent -= x_half[..., :, None]
    exponent -= y_half[..., None, :]  # |x - y|^2 / 2 = |x|^2 / 2 + |y|^2 / 2 - xy
    xp.minimum(exponent, 0, out=exponent)  # above 0 by rounding alone
    return xp.exp(exponent, out=exponent)  # Eq. (1)


@takes(q="... n d inf", v="... n d_v inf", landmarks="... m d")
def soft_attention(
    q: Any,
    v: Any,
    landmarks: Any,
    *,
    inverse: str = "solve",
    ridge: float | None = None,
    iters: int = 20,
    normalize: str | None = None,
    diagonal: bool = False,
    mask: Any = None,
    causal: bool = False,
) -> Any:
    r"""Attention by a Gaussian kernel that is rebuilt from landmarks, (2).

    Parameters
    ----------
    q : ndarray of shape (..., n, d)
        Queries, which are the keys as well.
    v : ndarray of shape (..., n, d_v)
    landmarks : ndarray of shape (..., m, d)
        From `tokenlab.attention.landmarks`, or any others.
    inverse : "solve", "newton" or "pinv"
        One linear system; the paper's iteration; eigenvalues, those below rounding cut off.
    ridge : float, optional
        Added to the diagonal of A: 1e-6 for "solve", 0 for the others; the released code's is 0.01.
    iters : int
        Newton steps.
    normalize : None, "symmetric" or "landmark"
        (3) keeps the largest eigenvalue at 1; (4) is what the released code of SOFT++ computes.
    diagonal : bool
        Repair the diagonal, (5), which is known to be 1. It costs $n m^2$ more.
    mask : ndarray of bool of shape (..., n), optional
        True for tokens that count. The others have no influence, whatever they hold, and their
        output is 0. Landmarks must come from tokens that count.
    causal : bool
        Refused: the error says why.

    Returns
    -------
    ndarray of shape (..., n, d_v)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Shapes that do not fit, NaN, equal landmarks with `ridge=0`, unknown options, `causal`.

    Warns
    -----
    RuntimeWarning
        When a row sum of (3) is not positive, which a rebuilt kernel does not rule out.

    Examples
    --------
    >>> q, v = [[0.0], [1.0], [2.0]], [[1.0], [2.0], [4.0]]
    >>> soft_attention(q, v, [[0.0], [2.0]]).round(3).ravel().tolist()  # the exact one: 5.033
    [2.754, 4.329, 5.348]
    """
    iters = checks.whole(iters, "iters")
    if checks.flag(causal, "causal"):
        raise InvalidInput(f"{public_caller()}: causal attention is refused: {inputs.NOT_CAUSAL}")
    checks.choice(normalize, "normalize", (None, "symmetric", "landmark"))
    if checks.flag(diagonal, "diagonal") and normalize == "landmark":
        raise InvalidInput(
            f'{public_caller()}: diagonal is True and normalize is "landmark", whose kernel has no '
            'diagonal of 1; expected diagonal=False, or normalize="symmetric".'
        )
    mask = inputs.token_mask(mask, q, "q")
    q, v = inputs.seen(q, mask, "q"), inputs.seen(v, mask, "v")
    q, v, landmarks = inputs.in_one_precision(q, v, landmarks)

    a = landmark_kernel(landmarks)  # (..., m, m)
    p = thin_kernel(q, landmarks, mask)  # (..., n, m), the paper's transposed P
    divide = landmark_inverse(a, inverse, ridge, iters, q.dtype)  # t -> A⁺ t
    if normalize == "landmark":  # what stands on both sides of the inverse may stand at both P
        p = (p * a.sum(axis=-1)[..., None, :] ** -0.5).astype(p.dtype, copy=False)  # Eq. (4)
    own = missing_diagonal(p, divide) if diagonal else None  # (..., n, 1)
    if normalize == "symmetric":
        sums = rebuilt(p, divide, own, get_xp(v).ones_like(v[..., :1]), "ones", "1")
        row_sums = step(positive(sums, mask))  # (n, 1) [r = Ŝ1] of the rebuilt kernel
        v = v * row_sums**-0.5  # Eq. (3), on the right
    output = step(rebuilt(p, divide, own, v))  # (..., n, d_v) [Y = PᵀA⁺PV (2)]
    if normalize == "symmetric":
        output = step("normalised", output * row_sums**-0.5, eq="R⁻½ŜR⁻½V (3)", axes=("n", "d_v"))
    return output


def thin_kernel(q: Any, landmarks: Any, mask: Any) -> Any:
    """The kernel of tokens and landmarks; 0 for tokens that the mask hides."""
    shift = landmarks.mean(axis=-2, keepdims=True)
    p = gaussian(q, landmarks, shift)
    p = p if mask is None else p * mask[..., None]
    return step(p)  # (..., n, m) [Pᵀ (1)] tokens with landmarks


def landmark_kernel(landmarks: Any) -> Any:
    """The kernel of the landmarks, in float64: nearly singular as it is, it must not be rounded."""
    wide = landmarks.astype(get_xp(landmarks).float64)
    a = gaussian(wide, wide, wide.mean(axis=-2, keepdims=True))
    return step(a)  # (..., m, m) [A (1)] landmarks with landmarks


def rebuilt(
    p: Any, divide: Callable[[Any], Any], own: Any, x: Any, name: str = "values", sign: str = "V"
) -> Any:
    """The rebuilt kernel times `x (..., n, d_v)`, from right to left: nothing is n x n."""
    axes = ("m", "d_v")
    t = (p.swapaxes(-1, -2) @ x).astype(get_xp(x).float64)  # (..., m, d_v)
    t = step(f"{name} at landmarks", t, "weighted by nearness", eq=f"P{sign}", axes=axes)
    t = step(f"{name} solved for", divide(t), "for each landmark", eq=f"A⁺P{sign}", axes=axes)
    y = p @ t.astype(x.dtype)  # Eq. (2), (..., n, d_v)
    return y if own is None else y + own * x  # Eq. (5)


def missing_diagonal(p: Any, divide: Callable[[Any], Any]) -> Any:
    """What the diagonal of the rebuilt kernel lacks, `(..., n, 1)`: it should be 1."""
    there = p * divide(p.swapaxes(-1, -2).astype(get_xp(p).float64)).swapaxes(-1, -2)  # (n, m)
    return 1 - there.sum(axis=-1, keepdims=True).astype(p.dtype)


def positive(r: Any, mask: Any) -> Any:
    """Row sums that can be divided by: 1 for masked tokens, and a small number for impossible."""
    xp = get_xp(r)
    if mask is not None:
        r = xp.where(mask[..., None], r, xp.ones_like(r))
    least = xp.finfo(r.dtype).eps * r.max(axis=-2, keepdims=True)
    bad = int((r < least).sum())
    if bad:
        warnings.warn(
            f"{public_caller()}: {bad} of {r.size} row sums of the rebuilt kernel are not positive; "
            "the output there means nothing. Choose nearer landmarks, or pass diagonal=True.",
            RuntimeWarning,
            stacklevel=3,
        )
    return xp.maximum(r, least)


NOTES = r"""
Why not just softmax with fewer keys?
-------------------------------------
Because values then enter only through those keys. Softmax over `m` of the tokens never sees the
other values; softmax over `m` pooled keys and values sees the mean of each pool, so that two tokens
of one pool can swap their values and no output moves. Exact attention notices both, and so does
(2): every value enters with its own weights $P_{\cdot j}$. A test swaps two values and shows it.

Differs from the paper
----------------------
The released code is `fudan-zvg/SOFT` (bb0eec0).

| topic | paper | released code | here |
|---|---|---|---|
| landmarks | pooling by default | convolution, LayerNorm, GELU; no pooling | you pass them |
| ridge | none | 0.01, inside the Newton loop | `ridge`, from the start |
| $\alpha$ | $1.8/\Vert A\Vert_1^2$ | normalised: $2/\Vert A\Vert_1^2$ of all heads | per head |
| inverse | 20 Newton steps | the same | a LAPACK solve; Newton if asked for |
| gradient | one short formula | that one; 20 steps of autograd with normalisation | both cases |
| normalisation | $D^{-1/2} S D^{-1/2}$ | (4): only $A^\dagger$ is scaled | (3), exact; (4) |
| class with normalisation | – | NameError when it is built, as published | works |
| CPU | – | refused | works, and GPU through CuPy |
| products | $(P^\top A^\dagger)(P V)$ | the same | (2) as bracketed: less work by $n m^2$ |

- The m x m part is computed in float64: a nearly singular kernel does not drown in rounding.
- (1) is expanded into a product, which loses its digits when tokens share a large offset. The
  kernel does not see a shift, so the mean is subtracted first.
- Left out: the depth-wise convolution of `v` that the models add, and training. What any choice
  here would do to a trained model's accuracy, this library cannot show.

Cost
----
$2nm(d + 2d_v) + 2m^2 d_v + \tfrac{2}{3} m^3$ operations, and $P$ and little more in memory beside
input and output. Linear in `n`. Never quote a speed without the error: far from every landmark,
$\hat S$ is fast and wrong. Checks and small calls take a fixed time, some 0.15 ms: beside the bare
formula in NumPy that was 1.23 times as long at `n = 1024`, and 1.05 times at `n = 4096`.
"""
