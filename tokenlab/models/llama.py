r"""LLaMA: Open and Efficient Foundation Language Models.

Hugo Touvron et al. 2023. arXiv:2302.13971; the weights are those of SmolLM2-135M-Instruct (Ben
Allal et al. 2025, arXiv:2502.02737).

A decoder: each token sees those before it, and its last state says which token comes next. Norms
without a mean, places as rotations of queries and keys (RoPE, arXiv:2104.09864), a gate in the
second part, and fewer keys than queries (GQA, arXiv:2305.13245). Keys and values of tokens seen
before are kept in a `Cache`.

| paper's symbol | name here | shape |
|---|---|---|
| $x$ | `x` | `(n, d)` |
| $\theta_i$ | `config.rope_base` | $b^{-2i/d_h}$ |
| $E$ | `params["embed"]` | `(vocab, d)`, also the output matrix |

$$x \leftarrow x + \mathrm{attention}(\mathrm{norm}(x)), \qquad
x \leftarrow x + W_d\,(\mathrm{silu}(W_g\, \mathrm{norm}(x)) \odot W_u\, \mathrm{norm}(x))$$

Example
-------
    model = models.load("smollm2")
    ids = model.encode("The capital of France is")
    model.decode([model.log_probs(ids).argmax()])              # ' Paris'
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.models.attending import sees_something
from tokenlab.models.cache import Cache, checked_cache
from tokenlab.models.hooks import Block, checked
from tokenlab.models.layers import known_ids, rms_norm
from tokenlab.models.parts import attended, gated, in_heads, probabilities, replaced, times
from tokenlab.models.transformer import tapped
from tokenlab.options import shown
from tokenlab.steps import step

__all__ = ["Cache", "Config", "forward"]


class Config(NamedTuple):
    """What the parameters do not say by their shapes: positions, and what keeps norms from 0 / 0."""

    rope_base: float = 100000.0
    eps: float = 1e-5
    length: int = 8192


@takes(ids="n int", positions="n int")
def forward(
    params: dict[str, Any],
    config: Config,
    ids: Any,
    cache: Cache | None = None,
    *,
    positions: Any = None,
    mask: Any = None,
    head: Callable[[Any], Any] | None = None,
    attention: Callable[..., Any] | None = None,
    tap: Callable[[int, Any], Any] | None = None,
    watch: Callable[[int, Block], Any] | None = None,
    edit_mlp: Callable[[int, Any], Any] | None = None,
    rows: Any = None,
) -> Any:
    """Logits of the token behind each new token.

    Parameters
    ----------
    params : dict
        `embed`, `norm` and `layers`.
    config : Config
    ids : ndarray of shape (n,)
        The new tokens.
    cache : Cache, optional
        The tokens before; the new ones are added.
    positions : ndarray of shape (n,), optional
        By default those behind the cache's last one.
    mask : ndarray of shape (n, n) or (n, past + n), optional
        True where a token may be seen: causal by default. What is in the cache is seen by all,
        unless the mask has columns for it.
    head : callable, optional
        Gets the states behind the last norm, `(rows, d)`; its answer is returned.
    attention : callable, optional
        `fn(q, k, v, mask)` in place of softmax attention: `(h, n, d_h)`, `(h, n_keys, d_h)` twice,
        `(n, n_keys)`.
    tap : callable, optional
        `fn(layer, x)`; an array that it returns stands for the stream from there on.
    watch : callable, optional
        `fn(layer, Block)`.
    edit_mlp : callable, optional
        `fn(layer, y)` of what the second part of a layer adds, `(n, d)`; an array that it returns is
        added in its place. Layers count from 1.
    rows : ndarray of shape (k,), optional
        Logits of these new tokens only.

    Returns
    -------
    ndarray of shape (n, vocab)
        With `rows` (k, vocab).
    """
    hooks = {"head": head, "attention": attention, "tap": tap, "watch": watch}
    hooks["edit_mlp"] = edit_mlp
    checked(params, ("embed", "norm", "layers"), **hooks)
    if not isinstance(config, Config):
        raise InvalidInput(f"forward: config is {shown(config)}; expected a llama.Config.")
    xp = get_xp(params["embed"], ids)
    known_ids(ids, "ids", len(params["embed"]))
    cache = checked_cache(cache)  # rows that all new tokens may see
    positions = checked_positions(positions, len(ids), cache.next_position, config.length, xp)
    seen = visible(mask, len(ids), len(cache), xp)  # (n, n_keys)
    chosen = slice(None) if rows is None else checked_rows(rows, len(ids), xp)
    # One token that sees everything needs no bias.
    bias = None if mask is None and len(ids) == 1 else xp.where(seen, 0, -xp.inf).astype(xp.float32)
    width = params["layers"][0]["q"].shape[-1] if params["layers"] else 2
    angles = rope_angles(positions, width, config.rope_base, xp)
    x = tapped(tap, 0, params["embed"][ids])  # (n, d)
    for layer, p in enumerate(params["layers"], start=1):
        own = (attention, seen, edit_mlp)
        x, parts = one_layer(p, x, config.eps, angles, (cache, layer), bias, own)
        x = tapped(tap, layer, x)
        if watch is not None:
            q, k, v, shares = parts
            group = len(q) // len(k)  # query heads that share a key head
            watch(layer, Block(x, q, repeated(k, group), repeated(v, group), shares))
    # Only now do the rows count: a hook that failed has left the cache as it was.
    cache.commit(to_numpy(ids), to_numpy(positions))
    x = step(
        rms_norm(x[chosen], params["norm"], config.eps)
    )  # (rows, d) [norm(x)] what the output matrix reads
    # (rows, d) times (d, vocab): the table that reads tokens also names them.
    return times(x, params["embed"].T) if head is None else head(x)


def one_layer(p: Any, x: Any, eps: float, angles: Any, place: Any, bias: Any, own: Any) -> Any:
    """The stream behind a layer, and what was seen on the way: q, k, v and the attention."""
    (cache, layer), (attention, seen, edit_mlp) = place, own
    h = step(rms_norm(x, p["norm1"], eps))  # (n, d) [norm(x)] what attention reads
    q = step(
        rotate(in_heads(h, p["q"]), angles)
    )  # (h, n, d_h) [R q] what each token asks for, turned by its place
    k = step(
        rotate(in_heads(h, p["k"]), angles)
    )  # (h_kv, n, d_h) [R k] what each token offers, turned by its place
    k, v = cache.written(layer, k, in_heads(h, p["v"]))  # (h_kv, past + n, d_h)
    group = len(q) // len(k)  # query heads that share a key head
    if attention is None:
        y = attended(q, k, v, bias)
    else:
        y = replaced(attention, q, repeated(k, group), repeated(v, group), seen)
    x = x + step(times(y, p["out"]))  # (n, d) [P v W_o] what attention adds to each token
    h = rms_norm(x, p["norm2"], eps)  # (n, d)
    y = step(
        gated(h, p["gate"], p["up"], p["down"])
    )  # (n, d) [W_d (silu(W_g h) ⊙ W_u h)] token by token
    x = step(x + tapped(edit_mlp, layer, y, "edit_mlp"))  # (n, d) [x] the stream behind this layer
    shares = None if attention is not None else lambda: probabilities(q, repeated(k, group), bias)
    return x, (q, k, v, shares)


def rope_angles(positions: Any, width: int, base: float, xp: Any) -> tuple[Any, Any]:
    r"""Cosine and sine of $m\, b^{-2i/d_h}$ for position m and pair i: (n, d_h / 2) each."""
    # The first pair turns by a radian a token, the last one hardly at all.
    frequencies = base ** (-xp.arange(0, width, 2) / width)  # (d_h / 2,)
    angle = positions[:, None] * frequencies  # (n, d_h / 2)
    return xp.cos(angle).astype(xp.float32), xp.sin(angle).astype(xp.float32)


def rotate(x: Any, angles: tuple[Any, Any]) -> Any:
    r"""Turn each pair of neighbours by its angle, so that $q \cdot k$ depends on distances alone.

    $(x_{2i}, x_{2i+1}) \mapsto (x_{2i} \cos - x_{2i+1} \sin,\; x_{2i} \sin + x_{2i+1} \cos)$
    """
    (cos, sin), xp = angles, get_xp(x)
    even, odd = x[..., 0::2], x[..., 1::2]  # (h, n, d_h / 2) each
    pairs = xp.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1)
    return pairs.reshape(x.shape)  # (h, n, d_h)


def repeated(x: Any, group: int) -> Any:
    """A key head for each query head: (h_kv, n, d_h) to (h, n, d_h)."""
    return x if group == 1 else get_xp(x).repeat(x, group, axis=0)


def visible(mask: Any, n: int, past: int, xp: Any) -> Any:
    """Who sees whom, with columns for the cache: (n, past + n)."""
    if mask is None:
        return xp.arange(n)[:, None] + past >= xp.arange(
            past + n
        )  # causal: those before, and itself
    mask = checks.booleans(mask, "mask", xp)
    if mask.shape not in ((n, n), (n, past + n)):
        raise ShapeError(
            f"{public_caller()}: mask is {mask.shape}; expected (n, n) = ({n}, {n}), or "
            f"(n, past + n) = ({n}, {past + n})."
        )
    # A mask over the new tokens alone says nothing of the cache: all of it is seen.
    if mask.shape[1] == n and past:
        mask = xp.concatenate([xp.ones((n, past), dtype=bool), mask], axis=1)
    sees_something(mask, "mask")
    return mask


def checked_positions(positions: Any, n: int, start: int, length: int, xp: Any) -> Any:
    """The places of the new tokens; the model has learned no others than 0 to `length - 1`."""
    given = "positions" if positions is not None else "ids"
    # After a cut the next token stands behind the last row that is left.
    positions = xp.arange(start, start + n) if positions is None else positions
    low, high = int(positions.min()), int(positions.max())
    if low < 0 or high >= length:
        raise InvalidInput(
            f"{public_caller()}: {given} reaches from position {low} to {high}; the model knows 0 to "
            f"{length - 1}. Cut the context."
        )
    return positions


def checked_rows(rows: Any, n: int, xp: Any) -> Any:
    """Which of the new tokens are asked for."""
    rows = checks.shaped(checks.integers(rows, "rows", xp), "rows", ("k",))
    checks.within(rows, "rows", n, "the number of new tokens")
    return rows


NOTES = r"""
Differs from the paper
----------------------
- Pairs that turn together are neighbours, as in the paper of RoPE and in GGUF files; `transformers`
  has them half a head apart, with the rows of $W_q$ and $W_k$ in another order: equal scores.

Cost
----
One token reads every weight once, whatever it computes: 540 MB in float32, so that memory is the
limit. Many tokens at once share that reading, which is what drafts and trees live on.

Why not just
------------
- *start again without a cache?* Token n then costs n tokens: a text of n costs $n^2 / 2$.
- *keep the cache in order of the text?* After a tree was tried, rows of rejected branches stand
  between; `keep` leaves the accepted path, and positions say where each row stood.
"""
