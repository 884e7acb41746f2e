r"""A transformer decoder as two functions: `init` makes its parameters, `forward` its logits.

    params = init(vocab=256, d=64, layers=2, heads=4, rng=0)
    logits = forward(params, ids)                           # (..., n, vocab)
    loss = cross_entropy(logits[..., :-1, :], ids[..., 1:])

The form is that of GPT-2: learned positions, norms before each part, a residual stream $x$,

$$x \leftarrow x + \mathrm{attention}(\mathrm{norm}(x)), \qquad
x \leftarrow x + W_2\, \mathrm{gelu}(W_1\, \mathrm{norm}(x)),$$

and logits from the embeddings, $\mathrm{norm}(x) E^\top$. What a model is, its parameters say: the
number of heads is an axis, a norm without `bias` is an RMS norm, a block with `cross` also looks at
given states, `head` stands where the embeddings are not tied, and `frozen_embed` in place of
`embed` where they are not trained.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.models.attending import attend, sees_something
from tokenlab.models.layers import embedding, gelu, known_ids, layer_norm, linear, rms_norm
from tokenlab.steps import step
from tokenlab.tape import mapped

__all__ = ["forward", "init", "states"]


@takes(embed="vocab d", cross="flag", rng="rng")
def init(
    *,
    vocab: int,
    d: int,
    layers: int,
    heads: int,
    rng: np.random.Generator | int | None = None,
    length: int = 256,
    hidden: int | None = None,
    norm: str = "layer",
    embeddings: str = "tied",
    embed: Any = None,
    cross: bool = False,
    dtype: Any = np.float32,
) -> dict[str, Any]:
    r"""Parameters of a transformer: nested dicts and lists of arrays.

    A matrix that takes `d` numbers starts with entries of variance $1/d$, the last one of each part
    with `2 layers` times less, so that the residual stream does not grow with the layers.

    Parameters
    ----------
    vocab, d, layers, heads : int
        `heads` divides `d`.
    rng : numpy.random.Generator, int or None
    length : int
        How many positions there are.
    hidden : int, optional
        Width between the two matrices of the second part, by default `4 * d`.
    norm : "layer" or "rms"
    embeddings : "tied", "untied" or "frozen"
        Whether the logits come from the embeddings, from a matrix of their own, or from embeddings
        that get no gradient and that `training.train` leaves alone.
    embed : ndarray of shape (vocab, d), optional
        Embeddings to start from, by default random ones. On a GPU all other arrays are, too.
    cross : bool
        Whether every layer also looks at the `cross` states of `forward`.
    dtype : data-type
        float32, or float64 for checking gradients.

    Returns
    -------
    dict
        `embed (vocab, d)`, `place (length, d)`, `blocks`, a list of dicts, and `norm`.

    Raises
    ------
    InvalidInput, ShapeError
        `heads` does not divide `d`, a size is not a positive integer, `embed` is of another shape.

    Examples
    --------
    >>> params = init(vocab=7, d=4, layers=2, heads=2, rng=0)
    >>> sorted(params), params["blocks"][0]["qkv"].shape
    (['blocks', 'embed', 'norm', 'place'], (4, 3, 2, 2))
    """
    sizes = {"vocab": vocab, "d": d, "layers": layers, "heads": heads, "length": length}
    vocab, d, layers, heads, length = (checks.count(n, name) for name, n in sizes.items())
    hidden = 4 * d if hidden is None else checks.count(hidden, "hidden")
    checks.choice(norm, "norm", ("layer", "rms"))
    checks.choice(embeddings, "embeddings", ("tied", "untied", "frozen"))
    if d % heads:
        raise InvalidInput(f"init: d is {d} and heads is {heads}; expected heads that divide d.")
    if embed is not None and embed.shape != (vocab, d):
        raise ShapeError(f"init: embed is {embed.shape}; expected ({vocab}, {d}) = (vocab, d).")
    rng = np.random.default_rng(rng)

    def matrix(*shape: int, scale: float = 1.0) -> Any:
        return (rng.standard_normal(shape) * shape[0] ** -0.5 * scale).astype(dtype)

    def unchanged() -> dict[str, Any]:
        gain = {"gain": np.ones(d, dtype)}
        return gain | {"bias": np.zeros(d, dtype)} if norm == "layer" else gain

    # Rows of length about 1, whatever the width, so that scores start small.
    table = matrix(d, vocab).T.copy() if embed is None else embed.astype(dtype)
    params = {"frozen_embed" if embeddings == "frozen" else "embed": table}
    params["place"] = matrix(d, length).T.copy()  # (length, d)
    last = (2 * layers) ** -0.5  # two parts of every layer add to the residual stream
    params["blocks"] = [
        new_block(matrix, unchanged, d, heads, hidden, last, cross) for _ in range(layers)
    ]
    params["norm"] = unchanged()
    if embeddings == "untied":
        params["head"] = matrix(d, vocab)  # read by columns, not the embeddings turned
    return params if embed is None else mapped(get_xp(embed).asarray, params)


def new_block(
    matrix: Callable[..., Any],
    norm: Callable[[], Any],
    d: int,
    heads: int,
    hidden: int,
    last: float,
    cross: bool,
) -> dict[str, Any]:
    """The parameters of one layer; `last` scales what is added to the residual stream."""
    width = d // heads
    block = {
        "norm1": norm(),
        "qkv": matrix(d, 3, heads, width),  # one product gives all three
        "out": matrix(d, d, scale=last),
        "norm2": norm(),
        "up": matrix(d, hidden),  # wider, bent, and back
        "down": matrix(hidden, d, scale=last),
    }
    if cross:
        block["cross"] = {
            "norm": norm(),
            "q": matrix(d, heads, width),
            "kv": matrix(d, 2, heads, width),  # of the other states, which are seen
            "out": matrix(d, d, scale=last),
        }
    return block


TEXTS = {
    "ids": "n int | b n int",
    "mask": "n n bool | b n n bool",
    "positions": "n int | b n int",
    "cross": "n_cross d | b n_cross d",
    "params": checks.holding("norm", "place", "blocks"),
    "tap": "function",
    "edit_mlp": "function",
}


@takes(**TEXTS)
def forward(
    params: dict[str, Any],
    ids: Any,
    *,
    mask: Any = None,
    positions: Any = None,
    cross: Any = None,
    tap: Callable[[int, Any], Any] | None = None,
    edit_mlp: Callable[[int, Any], Any] | None = None,
) -> Any:
    """Logits of the next token at every position.

    Parameters
    ----------
    params : dict
        From `init`.
    ids : ndarray of shape (n,) or (b, n)
        Token numbers.
    mask : ndarray of shape (n, n) or (b, n, n), optional
        True where a token (row) sees another one (column); by default itself and what came before.
    positions : ndarray of shape (n,) or (b, n), optional
        By default 0 to `n - 1`.
    cross : ndarray of shape (n_cross, d) or (b, n_cross, d), optional
        States that every layer looks at, all of them.
    tap : callable, optional
        `tap(layer, x)` gets the residual stream `x (..., n, d)` behind each layer, counted from 1,
        and as layer 0 what enters the first; what it returns takes the place of `x`, and None
        leaves it.
    edit_mlp : callable, optional
        `edit_mlp(layer, y)` gets what the second part of a layer adds, `(..., n, d)`; what it
        returns is added in its place.

    Returns
    -------
    ndarray of shape (n, vocab) or (b, n, vocab)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        More tokens than positions, an unknown id, a token that sees nothing, cross states for a
        model without `cross` or the other way round, a tap that changes the shape.

    Examples
    --------
    >>> params = init(vocab=7, d=4, layers=2, heads=2, rng=0)
    >>> forward(params, [1, 2, 3]).shape, forward(params, [[1, 2, 3]]).shape
    ((3, 7), (1, 3, 7))
    """
    x = last_states(params, ids, mask, positions, cross, tap, edit_mlp)  # (..., n, d)
    head = params.get("head", embeddings_of(params).T)  # (d, vocab)
    logits = step(x @ head)  # (..., n, vocab) [norm(x) Eᵀ] of every token, for the next one
    return logits


@takes(**TEXTS)
def states(
    params: dict[str, Any],
    ids: Any,
    *,
    mask: Any = None,
    positions: Any = None,
    cross: Any = None,
    tap: Callable[[int, Any], Any] | None = None,
    edit_mlp: Callable[[int, Any], Any] | None = None,
) -> Any:
    """What `forward` multiplies with the head: the states behind the last norm, `(..., n, d)`.

    Parameters
    ----------
    params, ids, mask, positions, cross, tap, edit_mlp
        As in `forward`: dict; ndarray of shape (n,) or (b, n), and so on.

    Examples
    --------
    >>> params = init(vocab=7, d=4, layers=2, heads=2, rng=0)
    >>> states(params, [1, 2, 3]).shape
    (3, 4)
    """
    return last_states(params, ids, mask, positions, cross, tap, edit_mlp)


def last_states(
    params: Any, ids: Any, mask: Any, positions: Any, cross: Any, tap: Any, edit_mlp: Any
) -> Any:
    """`states`, whose arguments were looked at."""
    xp, n = get_xp(ids, *params["norm"].values()), ids.shape[-1]
    table = embeddings_of(params)  # (vocab, d)
    positions = xp.arange(n) if positions is None else positions
    mask = seen(xp, n, mask)
    known_ids(ids, "ids", len(table))
    known_ids(positions, "positions", len(params["place"]))
    if (cross is None) == ("cross" in params["blocks"][0]):
        raise InvalidInput(
            f"{public_caller()}: cross is {'None' if cross is None else 'given'}, and the parameters "
            f"are made with{'' if cross is None else 'out'} cross; expected both or neither of them."
        )
    x = embedding(table, ids) + embedding(params["place"], positions)  # (..., n, d)
    x = tapped(tap, 0, x)
    for layer, block in enumerate(params["blocks"], start=1):
        edit = None if edit_mlp is None else partial(tapped, edit_mlp, layer, name="edit_mlp")
        x = tapped(tap, layer, through(block, x, mask, cross, edit=edit))
    return normed(params["norm"], x)  # (..., n, d)


def embeddings_of(params: dict[str, Any]) -> Any:
    """The table `(vocab, d)`; without a gradient where it is frozen."""
    return params["embed"] if "embed" in params else stop(params["frozen_embed"])


def through(
    block: Any, x: Any, mask: Any, cross: Any = None, context: Any = None, edit: Any = None
) -> Any:
    """The residual stream behind one layer, `(..., n, d)`; `context` is looked at in place of `x`, and
    what `edit` makes of the second part's move is added."""
    context = None if context is None else normed(block["norm1"], context)
    x = x + self_attention(block, normed(block["norm1"], x), mask, context)  # (..., n, d)
    if cross is not None:
        x = x + cross_attention(block["cross"], normed(block["cross"]["norm"], x), cross)
    return feed_forward(block, x, edit)


def feed_forward(block: dict[str, Any], x: Any, edit: Callable[[Any], Any] | None = None) -> Any:
    """The second part of a layer, which sees each token alone."""
    y = linear(gelu(linear(normed(block["norm2"], x), block["up"])), block["down"])
    return x + (y if edit is None else edit(y))


def seen(xp: Any, n: int, mask: Any, name: str = "mask") -> Any:
    """Who sees whom, for all heads: by default every token those up to itself."""
    if mask is None:
        return xp.arange(n)[:, None] >= xp.arange(n)  # (n, n)
    sees_something(mask, name)
    return mask[..., None, :, :] if mask.ndim == 3 else mask  # (b, 1, n, n)


def tapped(tap: Callable[[int, Any], Any] | None, layer: int, x: Any, name: str = "tap") -> Any:
    """The residual stream, or what stands for it from here on."""
    new = None if tap is None else tap(layer, x)
    if new is not None and getattr(new, "shape", None) != x.shape:
        came = getattr(new, "shape", f"a {type(new).__name__}")
        raise ShapeError(
            f"{public_caller()}: {name} returned {came} at layer {layer}; expected {x.shape} = "
            "(..., n, d)."
        )
    return x if new is None else new


def normed(p: dict[str, Any], x: Any) -> Any:
    """A layer norm, or without a bias an RMS norm."""
    return layer_norm(x, p["gain"], p["bias"]) if "bias" in p else rms_norm(x, p["gain"])


def self_attention(p: dict[str, Any], x: Any, mask: Any, context: Any = None) -> Any:
    """Every token looks at those that the mask allows, of its own or of a given context."""
    looked_at = x if context is None else context
    q = in_heads(x, p["qkv"], 0)  # (..., heads, n, width)
    k, v = (in_heads(looked_at, p["qkv"], i) for i in (1, 2))
    return joined(attend(q, k, v, mask)) @ p["out"]


def cross_attention(p: dict[str, Any], x: Any, states: Any) -> Any:
    """Every token looks at all of the given states."""
    q = in_heads(x, p["q"][:, None], 0)  # (..., heads, n, width)
    k, v = (in_heads(states, p["kv"], i) for i in range(2))
    if k.ndim < q.ndim:  # one set of states for the whole batch
        k, v = k[None], v[None]
    return joined(attend(q, k, v)) @ p["out"]


def in_heads(x: Any, weights: Any, part: int) -> Any:
    """`x (..., n, d)` times one of `weights (d, parts, heads, width)`: (..., heads, n, width)."""
    d, _, heads, width = weights.shape
    y = x @ weights[:, part].reshape(d, heads * width)
    return y.reshape(*x.shape[:-1], heads, width).swapaxes(-2, -3)


def joined(y: Any) -> Any:
    """All heads of a token side by side: (..., heads, n, width) to (..., n, d)."""
    y = y.swapaxes(-2, -3)
    return y.reshape(*y.shape[:-2], -1)
