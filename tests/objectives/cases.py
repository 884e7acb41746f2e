"""Example arguments of the functions of tokenlab.objectives, for the contract tests."""

import numpy as np
from cases import case, random

from tokenlab.objectives import future_token
from tokenlab.tape import mapped

KNOWN = np.array([False, True, False, False])


@case("tokenlab.objectives.maskgit.keep_confident")
def _(asarray):
    return (asarray(random(4)), asarray(KNOWN), 2), {"temperature": 1.0, "rng": 0}


@case("tokenlab.objectives.maskgit.sample")
def _(asarray):
    predict = lambda tokens: asarray(random(2, 6, 5))  # noqa: E731
    return (predict, 6), {"steps": 3, "b": 2, "rng": 0}


@case("tokenlab.objectives.flow.flow_pair")
@case("tokenlab.objectives.flow.recover")
@case("tokenlab.objectives.flow.score")
def _(asarray):
    x, noise, t = random(2, 4, 3), random(2, 4, 3, seed=1), np.full((2, 4), 0.25)
    return (asarray(x), asarray(noise), asarray(t)), {}


@case("tokenlab.objectives.entities.scales")
def _(asarray):
    return (asarray(random(2, 4, 8, 3)), 3), {}


@case("tokenlab.objectives.next_x.loss")
def _(asarray):
    def forward(params, noisy, t, entities, labels):
        return noisy * params["scale"]

    x, noise, t = random(2, 4, 3), random(2, 4, 3, seed=1), np.full((2, 2), 0.25)
    entities = np.array([[0, 1], [2, 3]])
    scale = {"scale": asarray(random(3, seed=2))}
    return (scale, forward, asarray(x), entities, asarray(noise), asarray(t)), {}


@case("tokenlab.objectives.next_x.sample")
def _(asarray):
    velocity = lambda x, t, i: x - 1.0  # noqa: E731
    return (velocity, asarray(np.array([[0, 1], [2, 3]])), 3), {"steps": 2, "b": 2, "rng": 0}


@case("tokenlab.objectives.token_unify.pair_loss")
def _(asarray):
    log_probs, pairs = np.log(np.full((3, 3, 4), 0.25)), np.array([[0, 0], [0, 2], [1, 2]])
    return (asarray(log_probs), asarray(np.array([3, 0, 1])), asarray(pairs)), {}


@case("tokenlab.objectives.token_unify.masked_loss")
def _(asarray):
    log_probs, mask = np.log(np.full((3, 4), 0.25)), np.array([True, False, True])
    return (asarray(log_probs), asarray(np.array([3, 0, 1])), asarray(mask)), {}


@case("tokenlab.objectives.gain_rl.angle_concentration")
def _(asarray):
    return (asarray(random(7, 4)), 2), {"diagonal": False}


@case("tokenlab.objectives.gain_rl.concentrations")
def _(asarray):
    return (asarray(random(7, 4)), asarray(np.array([0, 3, 7])), 1), {}


@case("tokenlab.objectives.gain_rl.gradient_terms")
def _(asarray):
    return (asarray(random(5, 4)), asarray(random(5, 3, seed=1))), {}


@case("tokenlab.objectives.gain_rl.order")
def _(asarray):
    return (asarray(random(6)),), {}


@case("tokenlab.objectives.gain_rl.sample")
def _(asarray):
    return (asarray(np.array([2, 0, 1, 3])), 2, 1.0), {"sigma": 2.0, "rng": 0}


@case("tokenlab.objectives.grpo.advantages")
def _(asarray):
    return (asarray(random(3, 4)),), {}


@case("tokenlab.objectives.grpo.loss")
def _(asarray):
    log_probs = asarray(-abs(random(3, 4)))
    return (log_probs, asarray(random(3, seed=1))), {"old": asarray(-abs(random(3, 4, seed=2)))}


@case("tokenlab.objectives.multi_token.head_losses")
@case("tokenlab.objectives.multi_token.loss")
def _(asarray):
    labels = np.array([[0, 1, 4, -100], [2, 3, 0, 1]])
    return (asarray(random(2, 2, 4, 5)), asarray(labels)), {}


@case("tokenlab.objectives.caft.loss")
def _(asarray):
    labels = np.array([[0, 1, 4, -100], [2, 3, 0, 1]])
    return (asarray(random(2, 2, 4, 5)), asarray(labels)), {"progress": 0.25}


def caft_heads(asarray):
    return [{"weight": asarray(random(4, 4, seed=3)), "bias": asarray(random(4, seed=4))}]


@case("tokenlab.objectives.caft.head_states")
def _(asarray):
    return (caft_heads(asarray), asarray(random(2, 3, 4))), {}


@case("tokenlab.objectives.caft.head_logits")
def _(asarray):
    return (caft_heads(asarray), asarray(random(2, 3, 4)), asarray(random(4, 5, seed=1))), {}


@case("tokenlab.objectives.caft.concept_log_probs")
def _(asarray):
    ids, spans = np.array([0, 1, 4]), np.array([[1, 3], [2, 3]])
    return (asarray(-abs(random(3, 5))), asarray(ids), asarray(spans)), {}


def ftp_params(asarray):
    sizes = {"vocab": 7, "d": 4, "layers": 1, "heads": 2, "pseudo": 2, "horizon": 3, "n_max": 6}
    return mapped(asarray, future_token.init(**sizes, rng=0))


@case("tokenlab.objectives.distances.windows")
def _(asarray):
    return (asarray(np.array([[5, 6, 0], [1, 2, 3]])), 2), {}


@case("tokenlab.objectives.future_token.encode")
@case("tokenlab.objectives.future_token.forward")
def _(asarray):
    return (ftp_params(asarray), asarray(np.array([[5, 6, 0], [1, 2, 3]]))), {}


@case("tokenlab.objectives.future_token.expand")
def _(asarray):
    return (ftp_params(asarray), asarray(random(3, 4))), {}


@case("tokenlab.objectives.future_token.decode")
def _(asarray):
    inputs = asarray(np.array([[5, 6], [6, 0], [0, 0]]))
    return (ftp_params(asarray), asarray(random(3, 4)), inputs), {}


@case("tokenlab.objectives.distances.distance_losses")
@case("tokenlab.objectives.future_token.loss")
def _(asarray):
    targets = np.array([[0, 1], [4, -100], [-100, -100]])
    return (asarray(random(3, 2, 5)), asarray(targets)), {}


@case("tokenlab.objectives.distances.smoothness")
def _(asarray):
    return (asarray(random(2, 4, 3)),), {"center": True}


@case("tokenlab.objectives.future_token.generate")
def _(asarray):
    return (ftp_params(asarray), asarray(np.array([5, 6])), 3), {"keep": 2, "rng": 0}
