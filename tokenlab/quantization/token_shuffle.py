r"""Token-Shuffle: Towards High-Resolution Image Generation with Autoregressive Models.

Xu Ma, Peize Sun, Haoyu Ma, Hao Tang, Chih-Yao Ma, Jialiang Wang, Kunpeng Li, Xiaoliang Dai,
Yujun Shi, Xuan Ju, Yushi Hu, Artsiom Sanakoyeu, Felix Juefei-Xu, Ji Hou, Junjiao Tian, Tao Xu,
Tingbo Hou, Yen-Cheng Liu, Zecheng He, Zijian He, Matt Feiszli, Peizhao Zhang, Peter Vajda, Sam Tsai,
Yun Fu. 2025. arXiv:2504.17789

The embeddings of visual tokens in a language model are wide and say little. Token-Shuffle
compresses each to a part of its width and puts a window of `s` x `s` of them side by side: the
transformer sees one token where there were `s * s`, of the same width. Behind it the window is
taken apart again, and its tokens are predicted together.

| paper's symbol | name here | shape |
|---|---|---|
| visual tokens | `x` | `(..., n, d)`, rows of the picture |
| shuffle window $s$ | `s` | |
| picture | `grid` | `(h, w)` |

$$\text{shuffle}(x) = \mathrm{MLPs}\big(\mathrm{merge}(x W_{\text{in}})\big), \quad
W_{\text{in}}: d \to d / s^2 \qquad (1)$$
$$\text{unshuffle}(y) = \mathrm{split}\big(\mathrm{MLPs}(y)\big)\, W_{\text{out}}, \quad
W_{\text{out}}: d / s^2 \to d \qquad (2)$$
$$\text{MLP}(x) = x + W_2\, \mathrm{gelu}(W_1\, \mathrm{norm}(x)) \qquad (3)$$

Example
-------
    params = init(d=64, s=2, rng=0)
    y = shuffle(params, x, (16, 16), 2)      # (b, 64, d)
    x = unshuffle(params, y, (16, 16), 2)    # (b, 256, d)
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.models.layers import gelu, linear, rms_norm
from tokenlab.pruning import flops
from tokenlab.steps import step

__all__ = ["guidance", "init", "merge", "multiply_adds", "shuffle", "split", "unshuffle"]


@takes(x="... n c")
def merge(x: Any, grid: tuple[int, int], s: int) -> Any:
    """Windows of `s` x `s` tokens as one token each, their channels side by side.

    Parameters
    ----------
    x : ndarray of shape (..., n, c)
        Row after row of the picture.
    grid : (int, int)
        Rows and columns of tokens, divisible by `s`.
    s : int

    Returns
    -------
    ndarray of shape (..., n / s**2, s**2 * c)
        Channels in the order (row, column, c). `torch.pixel_unshuffle` has (c, row, column).

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A grid that `s` does not divide, or that has not `n` places.

    Examples
    --------
    >>> merge(np.arange(32.0).reshape(16, 2), (4, 4), 2)[0].tolist()
    [0.0, 1.0, 2.0, 3.0, 8.0, 9.0, 10.0, 11.0]
    """
    h, w, s = checked_grid(grid, s)
    (*front, n, c) = x.shape
    if n != h * w:
        raise ShapeError(
            f"{public_caller()}: x is {x.shape} = (..., n, c) with n = {n}, and grid is ({h}, "
            f"{w}); expected n = {h * w}."
        )
    x = x.reshape(*front, h // s, s, w // s, s, c)  # rows and columns in windows
    x = x.swapaxes(-4, -3)  # (..., h / s, w / s, s, s, c)
    return x.reshape(*front, n // s**2, s * s * c)


@takes(x="... m c")
def split(x: Any, grid: tuple[int, int], s: int) -> Any:
    """Back from windows to tokens: the inverse of `merge`.

    Parameters
    ----------
    x : ndarray of shape (..., n / s**2, s**2 * c)
    grid : (int, int)
    s : int

    Returns
    -------
    ndarray of shape (..., n, c)

    Examples
    --------
    >>> x = np.arange(32.0).reshape(16, 2)
    >>> bool((split(merge(x, (4, 4), 2), (4, 4), 2) == x).all())
    True
    """
    h, w, s = checked_grid(grid, s)
    (*front, m, c) = x.shape
    if m * s * s != h * w or c % s**2:
        raise ShapeError(
            f"{public_caller()}: x is {x.shape} = (..., n / s², s² c), and grid is ({h}, {w}) with "
            f"s = {s}; expected {h * w // s**2} windows of a width that {s**2} divides."
        )
    x = x.reshape(*front, h // s, w // s, s, s, c // s**2)
    x = x.swapaxes(-4, -3)  # (..., h / s, s, w / s, s, c / s²)
    return x.reshape(*front, h * w, c // s**2)  # row after row of the picture


def checked_grid(grid: Any, s: Any) -> tuple[int, int, int]:
    """Rows, columns and window."""
    s = checks.count(s, "s")
    if not isinstance(grid, tuple | list) or len(grid) != 2:
        raise InvalidInput(f"{public_caller()}: grid is {grid!r}; expected (rows, columns).")
    h, w = (checks.count(side, "grid") for side in grid)
    if h % s or w % s:
        raise InvalidInput(
            f"{public_caller()}: grid is ({h}, {w}) and s is {s}; expected sides that s divides. "
            "Pad the picture."
        )
    return h, w, s


def init(
    d: int, s: int, *, blocks: int = 2, rng: Any = None, dtype: Any = np.float32
) -> dict[str, Any]:
    """Parameters of both sides, the hidden layers twice as wide as the tokens.

    Parameters
    ----------
    d, s : int
        Width, which `s * s` divides, and window.
    blocks : int
        MLPs on each side.
    rng : numpy.random.Generator, int or None
    dtype : data-type

    Returns
    -------
    dict

    Examples
    --------
    >>> params = init(8, 2, rng=0)
    >>> params["compress"].shape, params["expand"].shape, len(params["before"])
    ((8, 2), (2, 8), 2)
    """
    d, s = checks.count(d, "d"), checks.count(s, "s")
    blocks = checks.count(blocks, "blocks", at_least=0)
    rng = checks.generator(rng)
    if d % s**2:
        raise InvalidInput(
            f"init: d is {d} and s is {s}; expected a width that s * s = {s * s} divides."
        )

    def matrix(*shape: int, scale: float = 1.0) -> Any:
        return (rng.standard_normal(shape) * shape[0] ** -0.5 * scale).astype(dtype)

    # The last matrix of each MLP is small, so that the stream is mostly what came in.
    def mlp() -> dict[str, Any]:
        down = matrix(2 * d, d, scale=0.5)
        return {"gain": np.ones(d, dtype), "up": matrix(d, 2 * d), "down": down}

    sides = {"before": [mlp() for _ in range(blocks)], "after": [mlp() for _ in range(blocks)]}
    return {"compress": matrix(d, d // s**2), "expand": matrix(d // s**2, d)} | sides


@takes(params=checks.holding("compress", "before"), x="... n d")
def shuffle(params: dict[str, Any], x: Any, grid: tuple[int, int], s: int) -> Any:
    """Fewer tokens for the transformer, Eq. (1).

    Parameters
    ----------
    params : dict
        From `init`.
    x : ndarray of shape (..., n, d)
    grid : (int, int)
    s : int

    Returns
    -------
    ndarray of shape (..., n / s**2, d)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        As in `merge`; another width or window than in `init`.

    Examples
    --------
    >>> shuffle(init(8, 2, rng=0), np.zeros((1, 16, 8)), (4, 4), 2).shape
    (1, 4, 8)
    """
    fits(params, x, s)
    narrow = step(linear(x, params["compress"]))  # (..., n, d / s²) [x W_in] each token narrower
    windows = step(merge(narrow, grid, s))  # (..., n / s², d) [merge] a window side by side
    return mlps(params["before"], windows)  # Eq. (1)


@takes(params=checks.holding("after", "expand", "compress"), y="... m d")
def unshuffle(params: dict[str, Any], y: Any, grid: tuple[int, int], s: int) -> Any:
    """Back to all tokens, Eq. (2).

    Parameters
    ----------
    params : dict
    y : ndarray of shape (..., n / s**2, d)
    grid : (int, int)
    s : int

    Returns
    -------
    ndarray of shape (..., n, d)

    Examples
    --------
    >>> unshuffle(init(8, 2, rng=0), np.zeros((1, 4, 8)), (4, 4), 2).shape
    (1, 16, 8)
    """
    fits(params, y, s)
    tokens = step(split(mlps(params["after"], y), grid, s))  # (..., n, d / s²) [split] taken apart
    return linear(tokens, params["expand"])  # (..., n, d) Eq. (2)


def mlps(blocks: list[dict[str, Any]], x: Any) -> Any:
    """The residual MLPs of one side, Eq. (3)."""
    for p in blocks:
        # (..., n / s², d) -> (..., n / s², 2 d) -> (..., n / s², d)
        x = x + linear(gelu(linear(rms_norm(x, p["gain"]), p["up"])), p["down"])
    return x


def fits(params: dict[str, Any], x: Any, s: int) -> None:
    """Raise unless width and window are those of `init`."""
    d, narrow = params["compress"].shape
    if x.shape[-1] != d or checks.count(s, "s") ** 2 * narrow != d:
        raise ShapeError(
            f"{public_caller()}: the tokens are {x.shape[-1]} wide and s is {s}; expected d = {d} "
            f"and s * s = {d // narrow}, as in init."
        )


def guidance(n: int, scale: float, *, kind: str = "half-linear") -> np.ndarray:
    """How strongly each token is guided, from 1 (not at all) to `scale`.

    Parameters
    ----------
    n : int
        Tokens of the picture.
    scale : float
    kind : "half-linear", "linear" or "constant"
        Rising over the first half, over all tokens, or `scale` from the start.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> guidance(4, 3.0).tolist()
    [1.0, 2.0, 3.0, 3.0]
    """
    n = checks.count(n, "n")
    scale = checks.number(scale, "scale")
    checks.choice(kind, "kind", ("half-linear", "linear", "constant"))
    place = np.arange(n)
    ramps = {
        "half-linear": np.minimum(1.0, place / (n / 2)),  # the paper's
        "linear": place / max(n - 1, 1),
        "constant": np.ones(n),
    }
    return 1 + (scale - 1) * ramps[kind]  # (n,)


def multiply_adds(n: int, *, d: int, layers: int, hidden: int, s: int, blocks: int = 2) -> int:
    """Multiply-adds of a transformer on windows, and of what stands before and behind it.

    Parameters
    ----------
    n : int
        Tokens, which `s * s` divides.
    d, layers, hidden : int
        Width, layers, and width inside of the layers' MLPs, which are plain ones.
    s, blocks : int
        Window, and MLPs on each side; `s = 1` is the transformer alone.

    Returns
    -------
    int

    Examples
    --------
    >>> whole, shuffled = (multiply_adds(1024, d=64, layers=2, hidden=256, s=s) for s in (1, 2))
    >>> round(whole / shuffled, 2)
    6.07
    """
    sizes = {"n": n, "d": d, "layers": layers, "hidden": hidden, "s": s}
    n, d, layers, hidden, s = (checks.count(x, name) for name, x in sizes.items())
    blocks = checks.count(blocks, "blocks", at_least=0)
    if n % s**2 or d % s**2:
        raise InvalidInput(
            f"multiply_adds: n is {n}, d is {d} and s is {s}; expected both divisible by s * s."
        )
    m = n // s**2  # tokens that the layers see
    total = flops.multiply_adds([m] * layers, d=d, hidden=hidden, gated=False)
    if s == 1:
        return total
    total += 2 * n * d * (d // s**2)  # compress and expand, each token by itself
    # Two matrices, d to 2 d and back, in each MLP of both sides.
    return total + 2 * blocks * m * 2 * d * (2 * d)


NOTES = r"""
Differs from the paper
----------------------
- No official code exists. Copies of the idea merge first and then compress $s^2 d$ to $d$; the paper
  compresses each token to $d / s^2$ **before** merging, as here.
- The norms of the MLPs and their hidden width $2d$ are ours; the paper names two residual MLPs a
  side.

Cost
----
The layers see $n / s^2$ tokens: $s^2$ times fewer operations in their products, $s^4$ times fewer
in the attention. The pair adds $2 n d^2 / s^2$ and the MLPs.

Why not just ...
----------------
*... larger patches?* The tokens, and what the tokenizer can say about the picture, stay the same;
but those of a window are drawn independently of each other, and that is the price.
"""
