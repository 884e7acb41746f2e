"""Example arguments of the functions of tokenlab.embeddings, for the contract tests."""

import numpy as np
from cases import case, random

BASIS = np.linalg.qr(random(5, 2, seed=9, dtype=np.float64))[0].T.copy()  # (2, 5)
SETS = [[0, 1], [2, 3, 4]]


@case("tokenlab.embeddings.debias.bias_subspace")
def _(asarray):
    return (asarray(random(8, 5)), SETS), {"k": 2}


@case("tokenlab.embeddings.debias.direct_bias")
@case("tokenlab.embeddings.debias.neutralize")
def _(asarray):
    return (asarray(random(8, 5)), asarray(BASIS)), {}


@case("tokenlab.embeddings.debias.indirect_bias")
def _(asarray):
    return (asarray(random(8, 5)), asarray(random(3, 5, seed=1)), asarray(BASIS)), {}


@case("tokenlab.embeddings.debias.equalize")
def _(asarray):
    return (asarray(random(8, 5)), SETS, asarray(BASIS)), {}


@case("tokenlab.embeddings.debias.hard_debias")
def _(asarray):
    return (asarray(random(8, 5)), asarray(BASIS)), {"specific": [0, 5], "sets": SETS}


@case("tokenlab.embeddings.bias_analogies.analogy_pairs")
def _(asarray):
    return (asarray(random(8, 3)), asarray(random(3, seed=1)), 4), {"delta": 1.5}


@case("tokenlab.embeddings.soft_debiasing.soft_debias")
def _(asarray):
    return (asarray(random(9, 5)), asarray(BASIS)), {"neutral": [2, 3, 4, 5], "weight": 2.0}


@case("tokenlab.embeddings.weat.association")
def _(asarray):
    x, y, a, b = (random(n, 5, seed=i) for i, n in enumerate((3, 3, 4, 2)))
    return (asarray(x), asarray(y), asarray(a), asarray(b)), {}


@case("tokenlab.embeddings.decor.components")
def _(asarray):
    return (asarray(random(6, 4)), asarray(np.array([False] * 4 + [True] * 2))), {}


@case("tokenlab.embeddings.decor.reconstruct")
def _(asarray):
    from tokenlab.embeddings.decor import Components

    u, s, vt = np.linalg.svd(random(6, 4), full_matrices=False)
    return (Components(asarray(u), asarray(s), asarray(vt), None, None), [0, 2]), {}


@case("tokenlab.embeddings.decor.remove")
def _(asarray):
    return (asarray(random(6, 4)), asarray(random(2, 4, seed=1))), {"alpha": 0.5, "k": 1}


@case("tokenlab.embeddings.in_context_vectors.direction")
def _(asarray):
    return (asarray(random(5, 2, 3)), asarray(random(5, 2, 3, seed=1))), {"variant": "official"}


@case("tokenlab.embeddings.in_context_vectors.direction")
def _(asarray):
    return (asarray(random(5, 2, 3)), asarray(random(5, 2, 3, seed=1))), {}


@case("tokenlab.embeddings.in_context_vectors.shift")
def _(asarray):
    return (asarray(random(2, 6, 4)), asarray(random(3, 4, seed=1))), {"variant": "official"}


@case("tokenlab.embeddings.in_context_vectors.shift")
def _(asarray):
    return (asarray(random(2, 6, 4)), asarray(random(4, seed=1))), {}


@case("tokenlab.embeddings.in_context_vectors.editor")
def _(asarray):
    return (asarray(random(3, 4)),), {}


@case("tokenlab.embeddings.in_context_vectors.feeding_loss")
def _(asarray):
    losses = np.abs(random(6))
    return (asarray(losses), asarray(random(6, 4)), asarray(random(6, 4, seed=1))), {"alpha": 0.3}


def _triplet(asarray):
    return tuple(asarray(random(6, 4, seed=i)) for i in range(3))


@case("tokenlab.embeddings.triplet.triplet_loss")
@case("tokenlab.embeddings.triplet.triplet_grads")
@case("tokenlab.embeddings.triplet.triplet_accuracy")
def _(asarray):
    return _triplet(asarray), {}


@case("tokenlab.embeddings.triplet.triplet_loss")  # its three gradients cancel in a sum
def _(asarray):
    return _triplet(asarray), {"distance": "euclidean", "margin": 1.0}


@case("tokenlab.embeddings.triplet.mine")
def _(asarray):
    return _triplet(asarray)[:2], {"how": "semi-hard"}


@case("tokenlab.embeddings.triplet.weight_differences")
def _(asarray):
    old, new = {"w": [asarray(random(3, 2))]}, {"w": [asarray(random(3, 2, seed=1))]}
    return (old, new), {}


@case("tokenlab.embeddings.information_flow.patch")
def _(asarray):
    return (asarray(random(6, 4)), [0, 3], asarray(random(4, seed=1))), {}


@case("tokenlab.embeddings.information_flow.swap_span")
@case("tokenlab.embeddings.information_flow.leakage")
def _(asarray):
    return (asarray(random(6, 4)), (1, 3), asarray(random(5, 4, seed=1)), (2, 4)), {}


@case("tokenlab.embeddings.information_flow.merge_ranges")
def _(asarray):
    return (asarray(random(6, 4)), [(0, 2), (3, 6)]), {}


@case("tokenlab.embeddings.information_flow.representative")
def _(asarray):
    judge = lambda h: float(h[0].sum())  # noqa: E731
    return (asarray(random(6, 4)), (1, 3), asarray(random(4, seed=1)), judge), {}


@case("tokenlab.embeddings.linear_probe.fit_probe")
def _(asarray):
    labels = np.arange(8) % 3 == 0
    return (asarray(random(8, 3)), asarray(labels)), {"ridge": 0.1}


@case("tokenlab.embeddings.lexinvariant.log_prob")
@case("tokenlab.embeddings.lexinvariant.invariant_log_prob")
@case("tokenlab.embeddings.lexinvariant.decipher")
def _(asarray):
    from tokenlab.lm import ChainLM

    lm = ChainLM([0.5, 0.3, 0.2], [[0.1, 0.8, 0.1], [0.2, 0.1, 0.7], [0.6, 0.3, 0.1]], 16)
    return (lm, np.array([0, 1, 2, 0])), {}


@case("tokenlab.embeddings.cipher_search.swap_search")
def _(asarray):
    return (asarray(random(4, 4)), asarray(np.array([0, 1, 2, 3, 1]))), {"iters": 20, "rng": 0}


def _random_model(asarray):
    from tokenlab.embeddings import random_tables
    from tokenlab.tape import mapped

    params = mapped(asarray, random_tables.init(d=4, layers=1, heads=2, rng=0))
    tables = random_tables.random_embedding(2, 5, 4, rng=1)
    return (params, asarray(np.array([[0, 1, 4, 2], [3, 3, 0, 1]])), asarray(tables)), {}


@case("tokenlab.embeddings.random_tables.forward")
@case("tokenlab.embeddings.random_tables.loss")
def _(asarray):
    return _random_model(asarray)


@case("tokenlab.embeddings.random_tables.semi_random")
def _(asarray):
    return (asarray(random(5, 4)), 3), {"share": 0.5, "rng": 0}


@case("tokenlab.embeddings.visual_unicode.visual_embedding")
def _(asarray):
    return (asarray(np.arange(45).reshape(5, 3, 3) % 7 < 3), 1), {}


@case("tokenlab.embeddings.visual_unicode.collisions")
def _(asarray):
    return (asarray(random(4, 3)[[0, 1, 0, 2]]),), {}


def _bits(*shape, seed=0):
    return random(*shape, seed=seed) > 0


@case("tokenlab.embeddings.bit_codes.binarize")
def _(asarray):
    return (asarray(random(3, 5)),), {}


@case("tokenlab.embeddings.bit_codes.pack")
def _(asarray):
    return (asarray(_bits(3, 11)),), {}


@case("tokenlab.embeddings.bit_codes.unpack")
def _(asarray):
    return (asarray(np.packbits(_bits(3, 11), axis=1)), 11), {}


def _packed(asarray):
    return tuple(asarray(np.packbits(_bits(n, 11, seed=n), axis=1)) for n in (3, 6))


@case("tokenlab.embeddings.bit_codes.hamming")
def _(asarray):
    return _packed(asarray), {}


@case("tokenlab.embeddings.bit_codes.hamming_topk")
def _(asarray):
    return (*_packed(asarray), 4), {}


@case("tokenlab.embeddings.bit_codes.retrieve")
def _(asarray):
    real = {"real_query": asarray(random(3, 4)), "real": asarray(random(9, 4, seed=1))}
    return (asarray(_bits(3, 8)), asarray(_bits(9, 8, seed=1)), 2), real | {"n_candidates": 5}


COUNTS = (np.arange(20).reshape(4, 5) * 7 % 4).astype(np.float32)


def _codes_of(asarray, documents=4):
    made = {"w": random(3, 5, seed=1), "b": random(5, seed=2), "z": random(documents, 3)}
    return {name: asarray(x) for name, x in made.items()}


@case("tokenlab.embeddings.paragraph_codes.loss")
@case("tokenlab.embeddings.paragraph_codes.loss_and_grad")
def _(asarray):
    return (_codes_of(asarray), asarray(COUNTS)), {}


@case("tokenlab.embeddings.paragraph_codes.train")
def _(asarray):
    return (asarray(COUNTS), 3), {"steps": 5, "rng": 0}


@case("tokenlab.embeddings.paragraph_codes.infer")
def _(asarray):
    return (_codes_of(asarray), asarray(COUNTS[:2])), {"steps": 5, "rng": 0}


PLACES = np.array([0, 3, 5])
AROUND = np.array([[1, -1], [4, 2], [-1, -1]])


def _senses_of(asarray):
    made = {"senses": random(6, 2, 3), "gate": random(6, 3, 2), "gate_bias": random(6, 2)}
    made |= {"outputs": random(6, 3, seed=1), "bias": random(6, seed=2)}
    return {name: asarray(x) for name, x in made.items()}


@case("tokenlab.embeddings.sense_counts.examples")
def _(asarray):
    return (asarray(np.array([4, 5, 6, 7])), asarray(np.array([0, 3, 4])), 2), {}


@case("tokenlab.embeddings.sense_counts.priors")
def _(asarray):
    return (asarray(np.abs(random(3, 2))), asarray(PLACES), 6), {}


@case("tokenlab.embeddings.sense_counts.prune")
def _(asarray):
    return (asarray(np.array([[0.97, 0.03], [0.5, 0.5]], np.float32)),), {}


@case("tokenlab.embeddings.relaxed.relaxed_one_hot")
def _(asarray):
    uniforms = np.random.default_rng(1).uniform(0.1, 0.9, (3, 2)).astype(np.float32)
    return (asarray(random(3, 2)), 0.5), {"uniforms": asarray(uniforms)}


@case("tokenlab.embeddings.relaxed.entropy")
def _(asarray):
    return (asarray(np.array([[0.5, 0.5], [0.9, 0.1]], np.float32)),), {}


@case("tokenlab.embeddings.relaxed.sense_log_probs")
def _(asarray):
    return (asarray(random(4, 3)), asarray(random(4, 3, 2)), asarray(random(4, 2))), {}


@case("tokenlab.embeddings.relaxed.mix")
def _(asarray):
    return (asarray(random(4, 2)), asarray(random(4, 2, 3))), {}


@case("tokenlab.embeddings.senses.loss")
@case("tokenlab.embeddings.senses.loss_and_grad")
def _(asarray):
    labels = asarray(np.array([1, 2, 0]))
    return (_senses_of(asarray), asarray(PLACES), asarray(AROUND), labels), {}


@case("tokenlab.embeddings.senses.disambiguate")
def _(asarray):
    return (_senses_of(asarray), asarray(PLACES), asarray(AROUND)), {}


@case("tokenlab.embeddings.senses.train")
def _(asarray):
    ids = np.array([0, 1, 2, 0, 1, 2])
    options = {"d": 3, "window": 1, "epochs": 1, "pretraining": 1, "rng": 0}
    return (asarray(ids), asarray(np.array([0, 3, 6])), 3), options
