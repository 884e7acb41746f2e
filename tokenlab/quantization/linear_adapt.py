r"""TokenAdapt of SeiT++, with linear maps: what is done to pixels, done to tokens.

$$T' = \mathrm{nearest}\big(g(A(f(Z)))\big) \qquad (3)$$

$f$ makes cells of pixels from each token, $A$ is any change of pictures, and $g$ makes tokens of
what comes out. Eq. (3) is that of `quantization.seit`, which hands these functions on.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import ShapeError, public_caller
from tokenlab.quantization.token_shuffle import merge, split

__all__ = ["TokenAdapt", "fit_adapt", "lift", "lower"]


class TokenAdapt(NamedTuple):
    """Linear $f$ and $g$ of Eq. (3), their last rows constants, and cells of a token per side."""

    lift: Any
    lower: Any
    s: int


@takes(z="b h w d", images="b height width c", targets="b h2 w2 d_target")
def fit_adapt(
    z: Any,
    images: Any,
    transform: Callable[[Any], Any],
    targets: Any,
    *,
    s: int,
    ridge: float = 1e-6,
) -> TokenAdapt:
    r"""Fit $f$, from a token to the cells of pixels under it, and $g$, from changed cells back.

    Both are ridge regressions. $f$ learns from tokens and their pictures, $g$ from what
    `transform` makes of the lifted cells and the tokens of the changed pictures.

    Parameters
    ----------
    z : ndarray of shape (b, h, w, d)
        Tokens of the pictures.
    images : ndarray of shape (b, height, width, c)
        `height` and `width` are the same multiple of `h` and `w`, and that a multiple of `s`.
    transform : callable
        What is done to pictures: (b, rows, columns, channels) to the same with other rows and
        columns. It gets `s` cells a side for every token.
    targets : ndarray of shape (b, h2, w2, d_target)
        Tokens of the transformed pictures.
    s : int
        Cells of a token along each side; with one pixel a cell a linear tokenizer is adapted
        exactly.
    ridge : float
        At least 0.

    Returns
    -------
    TokenAdapt

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Grids that do not divide.

    Examples
    --------
    >>> import numpy as np
    >>> pixels = np.random.default_rng(0).random((3, 4, 4, 1))
    >>> tokens = pixels.reshape(3, 2, 2, 2, 2).swapaxes(2, 3).reshape(3, 2, 2, 4)
    >>> mirrored = pixels[:, :, ::-1]
    >>> after = mirrored.reshape(3, 2, 2, 2, 2).swapaxes(2, 3).reshape(3, 2, 2, 4)
    >>> model = fit_adapt(tokens, pixels, lambda y: y[:, :, ::-1], after, s=2, ridge=0.0)
    >>> bool(abs(lower(model, lift(model, tokens)[:, :, ::-1]) - after).max() < 1e-9)
    True
    """
    (_, h, w, _), (_, height, width, _) = z.shape, images.shape
    s = checks.count(s, "s")
    ridge = checks.number(ridge, "ridge", at_least=0)
    patch = height // h  # pixels of a token along each side
    if height != h * patch or width != w * patch or patch % s:
        raise ShapeError(
            f"fit_adapt: images is {images.shape} and z is {z.shape} with s = {s}; expected "
            "pictures whose sides are one multiple of the grid's, and that a multiple of s."
        )
    cells = blocks_of(images, patch // s)  # (b, h s, w s, cell)
    to_cells = regression(z, blocks_of(cells, s), ridge)  # (d + 1, s s cell): f
    model = TokenAdapt(to_cells, None, s)
    # g learns from what f made and A changed, not from the true pixels: it meets no others.
    changed = checked_grid(transform(lift(model, z)), s, "transform")  # A(f(Z))
    to_tokens = regression(blocks_of(changed, s), targets, ridge)  # (s s cell + 1, d_target): g
    return TokenAdapt(to_cells, to_tokens, s)


def regression(x: Any, y: Any, ridge: float) -> Any:
    """Weights from x to y by ridge least squares, the constant (the last row) not shrunk."""
    if x.shape[:-1] != y.shape[:-1]:
        raise ShapeError(
            f"{public_caller()}: the transformed tokens are {x.shape[:-1]} and targets "
            f"{y.shape[:-1]}; expected one target for each."
        )
    xp = get_xp(x, y)
    x, y = (a.reshape(-1, a.shape[-1]).astype(xp.float64) for a in (x, y))  # (rows, width)
    x_mean = x.mean(axis=0)
    y_mean = y.mean(axis=0)
    # Without its mean x needs no constant, and the ridge does not shrink one.
    centred = x - x_mean
    # As a least-squares problem with rows of ridge below: it is solved where x has no full rank.
    rows = xp.concatenate([centred, ridge**0.5 * xp.eye(x.shape[1])])
    aims = xp.concatenate([y - y_mean, xp.zeros((x.shape[1], y.shape[1]))])
    weights = xp.linalg.pinv(rows) @ aims
    return xp.concatenate([weights, (y_mean - x_mean @ weights)[None]])  # (width + 1, width of y)


def affine(weights: Any, x: Any) -> Any:
    """A linear map with the constant in its last row."""
    return x @ weights[:-1] + weights[-1]


def blocks_of(x: Any, s: int) -> Any:
    """Squares of s x s places as channels: (b, H, W, c) to (b, H / s, W / s, s s c)."""
    b, height, width, c = x.shape
    rows = merge(x.reshape(b, height * width, c), (height, width), s)
    return rows.reshape(b, height // s, width // s, s * s * c)


def checked_grid(y: Any, s: int, name: str) -> Any:
    """Raise unless there are four axes and whole tokens."""
    if getattr(y, "ndim", 0) != 4 or y.shape[1] % s or y.shape[2] % s:
        raise ShapeError(
            f"{public_caller()}: {name} gave {getattr(y, 'shape', type(y).__name__)}; expected "
            f"(b, rows, columns, channels) with rows and columns that {s} = s divides."
        )
    return y


@takes(z="b h w d", model=TokenAdapt)
def lift(model: TokenAdapt, z: Any) -> Any:
    """$f$ of Eq. (3): from each token to its `s` x `s` cells of pixels.

    Parameters
    ----------
    model : TokenAdapt
    z : ndarray of shape (b, h, w, d)

    Returns
    -------
    ndarray of shape (b, h s, w s, cell)
    """
    checked_width(z, model.lift, "z")
    (b, h, w, _), s = z.shape, model.s
    cells = affine(model.lift, z).reshape(b, h * w, -1)  # (b, h w, s s cell)
    return split(cells, (h * s, w * s), s).reshape(b, h * s, w * s, -1)


@takes(y="b rows columns cell", model=TokenAdapt)
def lower(model: TokenAdapt, y: Any) -> Any:
    """$g$ of Eq. (3): from changed cells to tokens; `kmeans.assign` finds their codes.

    Parameters
    ----------
    model : TokenAdapt
    y : ndarray of shape (b, rows, columns, cell)

    Returns
    -------
    ndarray of shape (b, rows / s, columns / s, d)
    """
    squares = blocks_of(checked_grid(y, model.s, "y"), model.s)  # (b, h, w, s s cell)
    checked_width(squares, model.lower, "y")
    return affine(model.lower, squares)


def checked_width(x: Any, weights: Any, name: str) -> None:
    """Raise unless the model was fitted to vectors of this width."""
    if x.shape[-1] != len(weights) - 1:
        raise ShapeError(
            f"{public_caller()}: {name} is {x.shape} with {x.shape[-1]} numbers a token; expected "
            f"{len(weights) - 1}, as in fit_adapt."
        )
