"""Digits drawn by the networks of `digits_networks`, as tokens, and what they look at."""

from typing import Any

import numpy as np

from tokenlab.data import load_digits
from tokenlab.numerics import log_softmax
from tokenlab.objectives import maskgit, next_x
from tokenlab.quantization import resgen, residual
from tokenlab.tour import digits_networks as net
from tokenlab.tour.digits_memory import DEPTH, as_tokens, split, stages

SHARES = (0.0, 0.25, 0.5, 0.75, 15 / 16)  # of the positions that are seen


def labels(b: int) -> np.ndarray:
    """The classes in turn."""
    return np.arange(b) % 10


def by_resgen(
    params: Any, label: Any, steps: int, *, floor: Any = None, scaled: bool = True, **how: Any
) -> resgen.Generation:
    """A digit of each of these classes, in residual codes."""
    floor = net.own_error() if floor is None else floor
    predict = net.mixture_sampler(params, label, floor=floor, scaled=scaled)
    codebooks = stages().codebooks
    return resgen.sample(predict, codebooks, net.N, steps=steps, b=len(label), **how)


def by_maskgit(params: Any, label: Any, steps: int, **how: Any) -> maskgit.Generation:
    """A digit of each of these classes, as 64 codes: stage after stage of each position."""
    predict = net.masked_sampler(params, label)
    return maskgit.sample(predict, net.N * DEPTH, steps=steps, b=len(label), **how)


def by_xar(
    params: Any, label: Any, entities: Any, steps: int, *, clean: bool = False, **how: Any
) -> np.ndarray:
    """A digit of each of these classes as tokens, (b, 16, 4), drawn entity after entity."""
    call = net.flow_sampler(params, entities, label, clean=clean)
    drawn = next_x.sample(call, entities, net.D_TOKEN, steps=steps, b=len(label), **how)
    return net.decentred(drawn)


def decoded(codes: Any) -> np.ndarray:
    """Tokens from codes, (b, 16, 4); what is masked adds nothing."""
    return residual.decode(np.asarray(codes).reshape(-1, DEPTH), stages().codebooks).reshape(
        -1, net.N, net.D_TOKEN
    )


def nats_by_share(params: Any, *, floor: Any = None, scaled: bool = True, rng: Any = 0) -> list:
    """Nats of a wholly masked position, by the share of the others that is seen whole.

    Of test digits, in units of the data. An exact conditional falls with what is known; where the
    curve is flat, the network does not look, and more steps of a sampler cannot help.
    """
    rng = np.random.default_rng(rng)
    floor = net.own_error() if floor is None else floor
    codes, label = test_codes()
    codebooks = stages().codebooks
    found = []
    for share in SHARES:
        seen = seen_positions(len(codes), share, rng)  # (b, n)
        visible = np.repeat(seen[..., None], DEPTH, axis=2)
        known = resgen.visible_embedding(codes, codebooks, visible)
        target = resgen.masked_target(codes, codebooks, visible)
        predict = net.mixture_sampler(params, label, floor=floor, scaled=scaled)
        found.append(float(resgen.loss(predict(known, visible), target, ~seen)))
    return found


def nats_of_codes(params: Any, *, rng: Any = 0) -> list[float]:
    """The same for MaskGIT: nats of the four codes of a position, all of which are masked."""
    rng = np.random.default_rng(rng)
    codes, label = test_codes()
    found = []
    for share in SHARES:
        seen = np.repeat(seen_positions(len(codes), share, rng)[..., None], DEPTH, axis=2)
        given = np.where(seen, codes, -1).reshape(len(codes), -1)
        log_p = log_softmax(net.masked_sampler(params, label)(given)).reshape(*codes.shape, -1)
        right = np.take_along_axis(log_p, codes[..., None], axis=-1)[..., 0]  # (b, n, depth)
        found.append(float(-right[~seen].mean() * DEPTH))
    return found


def seen_positions(b: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """So many of the 16 positions of each digit, (b, n)."""
    rank = rng.random((b, net.N)).argsort(axis=1)
    return rank < round(share * net.N)


def test_codes() -> tuple[np.ndarray, np.ndarray]:
    """Codes of the test digits, (500, 16, depth), and their labels."""
    x = as_tokens(load_digits().images[split()[1]])
    codes = residual.encode(x.reshape(-1, net.D_TOKEN), stages().codebooks)
    return codes.reshape(-1, net.N, DEPTH), load_digits().labels[split()[1]]
