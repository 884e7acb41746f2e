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


@case("tokenlab.analysis.reagent.update")
def _(asarray):
    replaced = np.array([[True, False, True], [False, False, True]])
    return (asarray(random(2, 3)), asarray(replaced), asarray(np.array([0.5, -0.25]))), {}


def square(x):
    return (x * x).sum()


@case("tokenlab.analysis.attribution.gradient_norm")
@case("tokenlab.analysis.attribution.gradient_input")
def _(asarray):
    return (square, asarray(random(3, 4))), {}


@case("tokenlab.analysis.attribution.integrated_gradients")
def _(asarray):
    return (square, asarray(random(3, 4))), {"steps": 4}


@case("tokenlab.analysis.attribution.rollout")
def _(asarray):
    return (asarray(np.full((2, 2, 3, 3), 1 / 3, np.float32)),), {}


@case("tokenlab.analysis.faithfulness.distance")
def _(asarray):
    p, q = np.array([0.5, 0.25, 0.25], np.float32), np.array([0.25, 0.25, 0.5], np.float32)
    return (asarray(p), asarray(q)), {}


@case("tokenlab.analysis.faithfulness.sufficiency")
@case("tokenlab.analysis.faithfulness.comprehensiveness")
def _(asarray):
    predict = lambda x: (1 + abs(x).sum(axis=1)) / (3 + abs(x).sum())  # noqa: E731
    return (predict, asarray(1 + abs(random(3, 4))), asarray(abs(random(3, seed=1)))), {"k": 2}


@case("tokenlab.analysis.bigram_subnetworks.bigram_table")
def _(asarray):
    return (asarray(np.array([0, 1, 1, 0, 2])), 4), {}


@case("tokenlab.analysis.bigram_subnetworks.conditional_entropy")
def _(asarray):
    table = np.array([[0.5, 0.5], [1.0, 0.0]])
    return (asarray(table), asarray(np.array([0, 1, 1]))), {}


@case("tokenlab.analysis.bigram_subnetworks.surprisal_correlation")
def _(asarray):
    return (asarray(random(5)), asarray(random(5, seed=1))), {}


@case("tokenlab.analysis.bigram_subnetworks.loss")
def _(asarray):
    forward = lambda params, ids: params["w"][ids]  # noqa: E731
    weights, ids = {"w": asarray(random(3, 3))}, asarray(np.array([[0, 1]]))
    target = asarray(np.full((1, 2, 3), 1 / 3))
    return ({"w": asarray(random(3, 3, seed=1))}, weights, ids, target), {"forward": forward}
