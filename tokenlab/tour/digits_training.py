"""How the networks of `digits_networks` are fitted: each a loss, a batch and a call of `train`."""

from typing import Any

import numpy as np

from tokenlab.data import load_digits
from tokenlab.models.layers import cross_entropy
from tokenlab.objectives import next_x
from tokenlab.quantization import kmeans, resgen, residual
from tokenlab.tour import digits_networks as net
from tokenlab.tour.digits_memory import DEPTH, N_CODES, as_tokens, split, stages
from tokenlab.training import train

BATCH = 64


def fitted(loss: Any, params: Any, batch: Any, steps: int, rng: Any, rate: float) -> Any:
    """AdamW with a warm-up of 5 %, a cosine to zero and clipped gradients."""
    options: dict[str, Any] = {"warmup": steps // 20, "clip": 1.0, "weight_decay": 0.01}
    return train(loss, params, batch, steps=steps, rate=rate, rng=rng, **options)[0]


def training_codes() -> tuple[np.ndarray, np.ndarray]:
    """Codes of all training digits, (1297, 16, depth), and their labels."""
    return stages().codes.reshape(-1, net.N, DEPTH), load_digits().labels[split()[0]]


def resgen_model(
    *,
    floor: Any = None,
    scaled: bool = True,
    anchored: bool = True,
    steps: int = 1600,
    rng: Any = 0,
    rate: float = 2e-2,
) -> Any:
    """ResGen: masked codes of random positions, the deepest first, and the density of their sum.

    `floor` is the smallest scale of a component, in the units of the data. `anchored` components
    begin at means of whole tokens: from random places they hardly learn to look at other positions.
    """
    codes, labels = training_codes()
    codebooks = stages().codebooks.astype(np.float32)
    floor = net.own_error() if floor is None else floor

    def batch(rng: np.random.Generator) -> tuple:
        rows = rng.integers(0, len(codes), BATCH)
        totals = [resgen.n_masked(r, net.N, DEPTH) for r in rng.random(BATCH)]
        counts = resgen.mask_counts(net.N, DEPTH, np.maximum(totals, 1), rng=rng)  # (b, n)
        visible = resgen.visible_mask(counts, DEPTH)  # (b, n, depth)
        seen = resgen.visible_embedding(codes[rows], codebooks, visible)
        target = resgen.masked_target(codes[rows], codebooks, visible)
        # In units of the stage where it begins: else the first stages own the loss.
        target /= net.stage_scales(scaled)[net.first_masked(visible)][..., None]
        return seen, visible, target.astype(np.float32), counts > 0, labels[rows]

    def loss(params: Any, seen: Any, visible: Any, target: Any, masked: Any, label: Any) -> Any:
        found = net.mixture(params, seen, visible, label, floor=floor, scaled=scaled)
        return resgen.loss(found, target, masked)

    params = net.init(net.D_TOKEN + DEPTH, net.COMPONENTS * (2 + net.D_TOKEN), net.N, rng=rng)
    if anchored:
        params["bias"] = anchors(scaled, rng)
        params["out"][:, 2 * net.COMPONENTS :] *= 0.1
    return fitted(loss, params, batch, steps, rng, rate)


def anchors(scaled: bool, rng: Any) -> np.ndarray:
    """Where components begin: at the means of whole tokens, as k-means finds them."""
    codes, _ = training_codes()
    whole = residual.decode(codes.reshape(-1, DEPTH), stages().codebooks)
    whole = whole / net.stage_scales(scaled)[0]
    found = kmeans.fit(whole, net.COMPONENTS, rng=rng)
    counts = np.bincount(found.codes, minlength=net.COMPONENTS)
    spread = np.bincount(found.codes, ((whole - found.codebook[found.codes]) ** 2).mean(axis=1))
    scale = np.log(np.sqrt(spread / counts) + 0.01)
    parts = [np.log(counts / len(whole)), scale, found.codebook.reshape(-1)]
    return np.concatenate(parts).astype(np.float32)


def masked_model(*, steps: int = 700, rng: Any = 0, rate: float = 1e-2) -> Any:
    """MaskGIT on the 64 codes of a digit: a share is masked, by the cosine, and predicted."""
    codes, labels = training_codes()
    codes = codes.reshape(len(codes), -1)  # (n_digits, 64)
    n = codes.shape[1]
    everybody = np.ones((n, n), bool)

    def batch(rng: np.random.Generator) -> tuple:
        rows = rng.integers(0, len(codes), BATCH // 2)
        share = np.cos(np.pi * rng.random(len(rows)) / 2)
        rank = rng.random((len(rows), n)).argsort(axis=1)
        masked = rank < np.ceil(share * n)[:, None]  # (b, n), at least one
        return np.where(masked, -1, codes[rows]), codes[rows], masked * 1.0, labels[rows]

    def loss(params: Any, given: Any, right: Any, masked: Any, label: Any) -> Any:
        logits = net.code_logits(params, given, label, everybody)
        return cross_entropy(logits, right, masked.astype(np.float32))

    params = net.init(N_CODES + 1, N_CODES, n, rng=rng)
    return fitted(loss, params, batch, steps, rng, rate)


def raster_model(*, steps: int = 700, rng: Any = 0, rate: float = 1e-2) -> Any:
    """The 64 codes one after the other, each from those before it."""
    codes, labels = training_codes()
    codes = codes.reshape(len(codes), -1)
    causal = np.tri(codes.shape[1], dtype=bool)

    def batch(rng: np.random.Generator) -> tuple:
        rows = rng.integers(0, len(codes), BATCH // 2)
        return codes[rows], labels[rows]

    def loss(params: Any, right: Any, label: Any) -> Any:
        return cross_entropy(net.code_logits(params, net.behind(right), label, causal), right)

    params = net.init(N_CODES + 1, N_CODES, codes.shape[1], rng=rng)
    return fitted(loss, params, batch, steps, rng, rate)


def flow_model(
    entities: Any = net.CELLS,
    *,
    clean: bool = False,
    steps: int = 1200,
    rng: Any = 0,
    rate: float = 1e-2,
) -> Any:
    """xAR: every entity at a time of its own; with `clean` those before it have no noise."""
    data, labels = as_tokens(load_digits().images[split()[0]]), load_digits().labels[split()[0]]
    data = net.centred(data)

    def batch(rng: np.random.Generator) -> tuple:
        rows = rng.integers(0, len(data), BATCH)
        noise = rng.standard_normal(data[rows].shape).astype(np.float32)
        t = next_x.times((BATCH, len(entities)), rng=rng).astype(np.float32)
        return data[rows], noise, t, labels[rows]

    def loss(params: Any, x: Any, noise: Any, t: Any, label: Any) -> Any:
        def given_clean(params: Any, noisy: Any, t: Any, entities: Any, labels: Any) -> Any:
            return net.velocity_given_clean(params, noisy, t, x, entities, labels)

        forward = given_clean if clean else net.velocity
        return next_x.loss(params, forward, x, entities, noise, t, labels=label)

    places = 2 * net.N if clean else net.N
    params = net.init(net.D_TOKEN + 4, net.D_TOKEN, places, rng=rng)
    return fitted(loss, params, batch, steps, rng, rate)
