"""Example arguments of the functions of tokenlab.analysis, for the contract tests."""

import numpy as np
from cases import case, random


@case("tokenlab.analysis.dynamics.walk")
def _(asarray):
    return (asarray(random(3, 4)), asarray(random(2, 3, 4, seed=1))), {}


@case("tokenlab.analysis.dynamics.cosines")
def _(asarray):
    return (asarray(random(2, 3, 4)), asarray(random(3, 4, seed=1))), {}


@case("tokenlab.analysis.dynamics.aggregate")
def _(asarray):
    attention = np.full((2, 3, 3), 1 / 3, np.float32)
    return (asarray(attention), asarray(random(2, 3, 4)), asarray(random(2, 4, 5, seed=1))), {}


@case("tokenlab.analysis.dynamics.dependence")
def _(asarray):
    return (lambda x: x * 2, asarray(random(3, 4))), {"rng": 0}


@case("tokenlab.analysis.dynamics.lens")
def _(asarray):
    return (asarray(random(2, 3, 4)), asarray(random(4, 5, seed=1))), {}


@case("tokenlab.analysis.dynamics.fit_lens")
def _(asarray):
    return (asarray(random(9, 4)), asarray(random(9, 3, seed=1))), {}


@case("tokenlab.analysis.dynamics.purity")
def _(asarray):
    return (asarray(random(6, 4)), asarray(np.array([0, 1, 0, 1, 0, 1])), 2), {}
