"""Example arguments of the functions of tokenlab.decoding, for contract and parity tests."""

import numpy as np
from cases import case, random

LOGS = random(7)


def odd(token):
    return token % 2 == 1


for name in ("chance.choose", "sampling.filtered", "uncertainty.entropy", "uncertainty.features"):

    @case(f"tokenlab.decoding.{name}")
    def _(asarray, name=name):
        options = {"rng": 3} if name == "chance.choose" else {}
        return (asarray(LOGS),), options


@case("tokenlab.decoding.sampling.filtered")
def _(asarray):
    return (asarray(LOGS),), {"temperature": 0.5, "top_k": 5, "top_p": 0.9, "min_p": 0.01}


@case("tokenlab.decoding.uncertainty.logu")
def _(asarray):
    return (asarray(abs(random(3, 7))), 4), {}


@case("tokenlab.decoding.router.pick_threshold")
def _(asarray):
    return (asarray(random(9)), asarray(np.arange(9) % 2)), {}


@case("tokenlab.decoding.constrained.mask")
def _(asarray):
    return (asarray(LOGS), odd), {}


for name in ("adaptive", "draw", "geometric"):

    @case(f"tokenlab.decoding.awrs.{name}")
    def _(asarray):
        return (asarray(LOGS), odd), {"rng": 3}


@case("tokenlab.decoding.awrs.recursive")
def _(asarray):
    return (asarray(LOGS), [4, 1, 0, 2], odd), {}


for name in ("effective_sample_size", "resample"):

    @case(f"tokenlab.decoding.smc.{name}")
    def _(asarray, name=name):
        return (asarray(LOGS),), {"rng": 3} if name == "resample" else {}


for name in ("acceptance", "residual"):

    @case(f"tokenlab.decoding.speculative.{name}")
    def _(asarray):
        return (asarray(LOGS), asarray(random(7, seed=1))), {}


@case("tokenlab.decoding.speculative.verify")
def _(asarray):
    return ([2, 5], asarray(random(2, 7, seed=1)), asarray(random(3, 7))), {"rng": 3}


@case("tokenlab.decoding.token_recycling.grow_tree")
def _(asarray):
    return (asarray(abs(random(3, 4)) / 8), 6), {}


@case("tokenlab.decoding.any_subset.two_stream_mask")
def _(asarray):
    return (asarray(np.array([0, 2, 1, 0])),), {}


@case("tokenlab.decoding.insertion.loss")
def _(asarray):
    return (asarray(random(3, 4)), asarray(np.eye(3, 4) / 3), 0.7), {}
