"""Small networks that draw digits: one transformer, and what each sampler asks of it.

All are the same two blocks of width 64. They differ in what stands at a position, in who sees whom
and in what comes out: a mixture of Gaussians (ResGen), logits (MaskGIT, token after token), a
velocity (xAR). `digits_training` fits them in a minute each; `stored` reads what it fitted.
"""

from functools import cache
from importlib.resources import as_file, files
from typing import Any

import numpy as np

from tokenlab.arrays import get_xp, stop
from tokenlab.models.attending import attend
from tokenlab.models.layers import embedding, linear
from tokenlab.models.transformer import feed_forward, in_heads, joined, normed
from tokenlab.models.transformer import init as transformer
from tokenlab.objectives import next_x
from tokenlab.parameters import load
from tokenlab.quantization.resgen import Mixture
from tokenlab.tape import mapped
from tokenlab.tour.digits_memory import DEPTH, N_CODES, stages

D, LAYERS, HEADS = 64, 2, 4
COMPONENTS = 16  # of ResGen's mixture
D_TOKEN, N = 4, 16  # a token is 2 x 2 pixels, a digit 4 x 4 tokens
CELLS = next_x.cells(4, 4, 2)


def init(d_in: int, d_out: int, length: int, *, rng: Any = None, layers: int = LAYERS) -> Any:
    """Parameters of a transformer from vectors to vectors that is told a class of ten."""
    rng = np.random.default_rng(rng)
    params = transformer(
        vocab=10, d=D, layers=layers, heads=HEADS, length=length, norm="rms", rng=rng
    )
    ends = {"in": (d_in, D), "out": (D, d_out)}
    params |= {
        name: (rng.standard_normal(shape) * shape[0] ** -0.5).astype(np.float32)
        for name, shape in ends.items()
    }
    # Places and classes at unit size: smaller ones are drowned by what comes in, and a network that
    # cannot tell places apart learns to look at none of them.
    params |= {name: params[name] * np.float32(D**0.5) for name in ("place", "embed")}
    for block in params["blocks"]:
        fixed = rng.standard_normal((HEADS, length, length)) * length**-0.5
        block["fixed"] = fixed.astype(np.float32)
    return params | {"bias": np.zeros(d_out, np.float32)}


def forward(params: Any, x: Any, labels: Any, mask: Any) -> Any:
    """From `x (b, n, d_in)` to `(b, n, d_out)`, where `mask (n, n)` says who sees whom."""
    n = x.shape[1]
    x = linear(x, params["in"]) + params["place"][:n]  # (b, n, d)
    x = x + embedding(params["embed"], labels)[:, None]  # the class, at every position
    for block in params["blocks"]:
        x = x + looking(block, normed(block["norm1"], x), mask)
        x = feed_forward(block, x)
    return linear(normed(params["norm"], x), params["out"], params["bias"])


def looking(block: Any, x: Any, mask: Any) -> Any:
    """Attention, and beside it a fixed look from each place at each other one."""
    n = x.shape[1]
    q, k, v = (in_heads(x, block["qkv"], i) for i in range(3))  # each (b, heads, n, width)
    fixed = block["fixed"][:, :n, :n] * mask  # (heads, n, n): digits are always at their places
    return joined(attend(q, k, v, mask) + fixed @ v) @ block["out"]


ALL = np.ones((N, N), bool)  # everybody sees everybody


# ResGen: what is seen of each position comes in, a mixture for the rest goes out.


def stage_scales(scaled: bool = True) -> np.ndarray:
    """By what the target is divided that begins at each stage: its root mean square per channel."""
    history = np.array(stages().history[:DEPTH]) / D_TOKEN
    return np.sqrt(history) if scaled else np.ones(DEPTH)


def mixture(
    params: Any, seen: Any, visible: Any, labels: Any, *, floor: float, scaled: bool = True
) -> Mixture:
    """The mixture of what is masked, in units of the stage where it begins."""
    xp = get_xp(params["in"])
    # What is seen goes in at unit size, with the stages that it is of.
    x = np.concatenate([2 * seen, visible], axis=-1).astype(np.float32)  # (b, n, 4 + depth)
    y = forward(params, x, labels, ALL)  # (b, n, k (1 + 1 + 4))
    k = COMPONENTS
    means = y[..., 2 * k :].reshape(*y.shape[:2], k, D_TOKEN)
    scales = stage_scales(scaled)[first_masked(visible)][..., None].astype(np.float32)  # (b, n, 1)
    # No component may become narrower than the quantizer's own error, see `resgen`.
    return Mixture(y[..., :k], means, xp.log(xp.exp(y[..., k : 2 * k]) + floor / scales))


def first_masked(visible: Any) -> np.ndarray:
    """The stage at which the masked codes of a position begin; the last one where none is."""
    return np.minimum(np.asarray(visible).sum(axis=-1), DEPTH - 1)  # (b, n)


def mixture_sampler(params: Any, labels: Any, *, floor: float, scaled: bool = True) -> Any:
    """`predict` of `resgen.sample` for a row of labels: the mixture in the units of the data."""

    def predict(seen: Any, visible: Any) -> Mixture:
        found = mixture(params, seen, visible, labels, floor=floor, scaled=scaled)
        scale = stage_scales(scaled)[first_masked(visible)][..., None]  # (b, n, 1)
        return Mixture(
            found.log_weights, found.means * scale[..., None], found.log_scales + np.log(scale)
        )

    return predict


def own_error() -> float:
    """What the quantizer leaves of a channel: its root mean square."""
    return float((stages().history[-1] / D_TOKEN) ** 0.5)


# Tokens one by one: the 64 codes of a digit, stage after stage of each position.


def code_logits(params: Any, codes: Any, labels: Any, mask: Any) -> Any:
    """Logits of all codes `(b, 64)`, of which those that are -1 are not known."""
    x = np.eye(N_CODES + 1, dtype=np.float32)[codes]  # (b, 64, 17); -1 is the last one
    return forward(params, 4 * x, labels, mask)


def masked_sampler(params: Any, labels: Any) -> Any:
    """`predict` of `maskgit.sample` for a row of labels."""
    everybody = np.ones((N * DEPTH, N * DEPTH), bool)
    return lambda codes: code_logits(params, codes, labels, everybody)


def behind(codes: Any) -> np.ndarray:
    """Codes moved by one: each position gets the one before it, the first gets nothing."""
    return np.concatenate([np.full((len(codes), 1), -1), codes[:, :-1]], axis=1)


def one_by_one(params: Any, labels: Any, rng: Any = None) -> np.ndarray:
    """Digits drawn code after code, (b, 64), in 64 calls."""
    rng = np.random.default_rng(rng)
    n = N * DEPTH
    codes = np.full((len(labels), n), -1)
    for i in range(
        n
    ):  # only what is known goes in: the rows of what is to come would be thrown away
        past = np.tri(i + 1, dtype=bool)
        logits = code_logits(params, behind(codes[:, : i + 1]), labels, past)[:, -1]
        codes[:, i] = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return codes


# xAR: noisy tokens and their times come in, velocities go out.


def velocity(params: Any, noisy: Any, t: Any, entities: Any, labels: Any) -> Any:
    """The `forward` of `next_x.loss`: an entity sees those up to itself."""
    return forward(params, with_times(noisy, t), labels, entity_mask(entities))


def velocity_given_clean(
    params: Any, noisy: Any, t: Any, clean: Any, entities: Any, labels: Any
) -> Any:
    """Velocities where each noisy entity sees itself, and those before it without noise."""
    mask = entity_mask(entities)
    same = mask & mask.T  # positions of one entity
    # Clean positions first, then the noisy ones: (32, 32).
    seen = np.block([[mask, np.zeros_like(mask)], [mask & ~same, same]])
    x = np.concatenate([with_times(clean, 0 * t), with_times(noisy, t)], axis=1)
    return forward(params, x, labels, seen)[:, N:]


def with_times(x: Any, t: Any) -> np.ndarray:
    """Tokens with a few functions of their times, (b, n, 8)."""
    t = np.asarray(t)[..., None]
    waves = [t, np.cos(np.pi * t), np.sin(np.pi * t), np.log(t + 0.02) / 4]
    return np.concatenate([stop(x), *waves], axis=-1).astype(np.float32)


def entity_mask(entities: Any) -> np.ndarray:
    """Which position sees which, (n, n): those of its own entity, and of the ones before."""
    order = np.empty(N, int)
    order[entities] = np.arange(len(entities))[:, None]
    sizes = [len(places) for places in entities]
    mask = next_x.block_causal_mask(sizes)  # positions entity after entity
    rank = np.empty(N, int)
    rank[np.concatenate(list(entities))] = np.arange(N)
    return np.asarray(mask)[rank][:, rank]


def flow_sampler(params: Any, entities: Any, labels: Any, *, clean: bool) -> Any:
    """`velocity` of `next_x.sample`, for data around 0: see `centred`."""

    def call(x: Any, t: Any, _: int) -> Any:
        if clean:
            return velocity_given_clean(params, x, t, x, entities, labels)
        return velocity(params, x, t, entities, labels)

    return call


def centred(tokens: Any) -> np.ndarray:
    """Tokens from 0 to 1 as numbers of about unit size around 0: what flows are fitted to."""
    return 2 * (np.asarray(tokens, np.float32) - 0.3)


def decentred(x: Any) -> np.ndarray:
    """Back from `centred` to pixels from 0 to 1."""
    return np.asarray(x) / 2 + 0.3


@cache
def stored(name: str) -> Any:
    """Fitted parameters from the package, in float32: "resgen", "maskgit" or "xar"."""
    with as_file(files("tokenlab.data") / "digits" / f"{name}.npz") as path:
        return mapped(lambda x: x.astype(np.float32), load(path))
