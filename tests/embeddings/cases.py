"""Example arguments of the functions of tokenlab.embeddings, for the contract tests."""

import numpy as np
from cases import case, parity, random

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


# Word vectors.

TEXT = np.array([0, 1, 2, 3, 0, 4, 1, 2, 2])
ENDS = np.array([0, 3, 3, 4, 9])


def _counts(asarray):
    from tokenlab.embeddings.word_vectors import Counts

    rows, columns = np.array([0, 0, 1, 2, 3]), np.array([1, 2, 0, 0, 3])
    return Counts(asarray(rows), asarray(columns), asarray(np.array([4.0, 1, 4, 1, 2])), 4)


@case("tokenlab.embeddings.word_vectors.cooccurrence")
def _(asarray):
    return (asarray(TEXT), asarray(ENDS), 5), {"window": 2, "weighting": "harmonic"}


@case("tokenlab.embeddings.word_vectors.cooccurrence")
def _(asarray):
    return (asarray(TEXT), asarray(ENDS), 5), {"window": 2, "symmetric": False}


@case("tokenlab.embeddings.word_vectors.pmi")
def _(asarray):
    return (_counts(asarray),), {"power": 0.75, "shift": 0.5}


@case("tokenlab.embeddings.word_vectors.ppmi_svd")
def _(asarray):
    return (_counts(asarray), 2), {}


@case("tokenlab.embeddings.evaluation.analogies")
def _(asarray):
    return (asarray(random(9, 4)), asarray(np.array([[0, 1, 2, 3], [4, 5, 6, 7]]))), {}


@case("tokenlab.embeddings.evaluation.analogies")
def _(asarray):
    questions = asarray(np.array([[0, 1, 2, 3], [4, 5, 6, 7]]))
    return (asarray(random(9, 4)), questions), {"method": "mul"}


@case("tokenlab.embeddings.evaluation.similarity")
def _(asarray):
    pairs = asarray(np.array([[0, 1], [2, 3], [4, 5], [6, 7]]))
    return (asarray(random(9, 4)), pairs, asarray(np.array([1.0, 4, 2, 3]))), {}


@case("tokenlab.embeddings.skip_gram.keep_probability")
@case("tokenlab.embeddings.skip_gram.keep_probability")
def _(asarray):
    return (asarray(np.array([1.0, 5.0, 94.0])), 1e-2), {"variant": "official"}


@case("tokenlab.embeddings.skip_gram.noise")
def _(asarray):
    return (asarray(np.array([1.0, 5.0, 94.0])),), {}


@case("tokenlab.embeddings.windows.subsample")
def _(asarray):
    keep = np.array([0.5, 1.0, 0.3, 1.0, 1.0])
    return (asarray(TEXT), asarray(ENDS), asarray(keep)), {"rng": 0}


@case("tokenlab.embeddings.windows.pairs")
def _(asarray):
    return (asarray(TEXT), asarray(ENDS), 3), {"rng": 0}


def _pairs(asarray):
    draws = np.random.default_rng(2).integers(0, 5, (6, 3))
    pairs = np.random.default_rng(1).integers(0, 5, (6, 2))
    return asarray(random(5, 4)), asarray(random(5, 4, seed=1)), asarray(pairs), asarray(draws)


@case("tokenlab.embeddings.skip_gram.loss")
def _(asarray):
    return _pairs(asarray), {}


@case("tokenlab.embeddings.skip_gram.sgd_pass")
def _(asarray):
    return (*_pairs(asarray), asarray(np.float32(0.1))), {}


@case("tokenlab.embeddings.skip_gram.expected_loss")
def _(asarray):
    tables = asarray(random(3, 4)), asarray(random(5, 4, seed=1))
    return (*tables, asarray(np.abs(random(3, 5))), asarray(np.full(5, 0.2)), 2.0), {}


@case("tokenlab.embeddings.cbow.cbow_pass")
def _(asarray):
    vectors, outputs, pairs, draws = _pairs(asarray)
    contexts, offsets = np.array([0, 1, 2, 2, 3, 4]), np.array([0, 1, 3, 3, 4, 6, 6])
    each = (pairs[:, 0], asarray(contexts), asarray(offsets), draws)
    return (vectors, outputs, *each, asarray(np.float32(0.1))), {"variant": "official"}


@case("tokenlab.embeddings.skip_gram.train")
def _(asarray):
    kwargs = {"d": 3, "window": 2, "negatives": 2, "epochs": 2, "threshold": None, "rng": 0}
    return (asarray(TEXT), asarray(ENDS), 5), kwargs


@case("tokenlab.embeddings.glove.weighting")
def _(asarray):
    return (asarray(np.array([1.0, 50.0, 200.0])),), {}


@case("tokenlab.embeddings.glove.loss")
def _(asarray):
    from tokenlab.embeddings.glove import GloVe

    tables = (random(4, 3), random(4, 3, seed=1), random(4), random(4, seed=1))
    return (GloVe(*(asarray(x) for x in tables), None), _counts(asarray)), {"cap": 3.0}


@case("tokenlab.embeddings.subwords.compose")
def _(asarray):
    ids, offsets = np.array([0, 3, 3, 5]), np.array([0, 1, 1, 4])
    return (asarray(random(6, 4)), asarray(ids), asarray(offsets)), {}


@case("tokenlab.embeddings.subwords.subword_pass")
def _(asarray):
    _, outputs, pairs, draws = _pairs(asarray)
    ids, offsets = np.array([0, 5, 1, 2, 6, 6, 3, 4]), np.array([0, 2, 3, 6, 7, 8])
    rows = asarray(random(8, 4, seed=3)), outputs, asarray(ids), asarray(offsets)
    return (*rows, pairs, draws, asarray(np.float32(0.1))), {}


@case("tokenlab.embeddings.subwords.train")
def _(asarray):
    kwargs = {"d": 3, "window": 2, "negatives": 2, "epochs": 2, "threshold": None, "rng": 0}
    words = ["sea", "seas", "seen", "a", "wave"]
    return (asarray(TEXT), asarray(ENDS), words), kwargs | {"n_buckets": 20}


@case("tokenlab.embeddings.two_towers.contrastive_loss")
def _(asarray):
    return (asarray(random(5, 4)), asarray(random(5, 4, seed=1))), {"temperature": 0.5}


@parity("cooccurrence.near_counts")
def _():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        ids, offsets = rng.integers(0, 4 + seed, 40), np.array([0, 0, 1, 20, 40])
        yield ids, offsets, 4 + seed, 1 / np.arange(1, 2 + seed), seed % 2 == 0
    yield np.zeros(0, np.int64), np.zeros(1, np.int64), 3, np.ones(2), True
    yield np.zeros(50, np.int64), np.array([0, 50]), 1, np.ones(3), True
    yield (
        np.arange(400) % 380,
        np.array([0, 400]),
        380,
        np.ones(200),
        True,
    )  # more than fits at first


def _tables(seed, scale=1.0):
    dtype = (np.float32, np.float64)[seed % 2]
    table, outputs = (random(n, 5, seed=seed + n, dtype=dtype) * dtype(scale) for n in (12, 9))
    starts = np.array([0, 3, 3, 5, 8, 12, 15, 20, 25, 30])  # word 1 has no rows
    return table, outputs, np.random.default_rng(seed).integers(0, 12, 30), starts


@parity("embeddings.passed")
def _():
    for seed in range(8):
        rng, n = np.random.default_rng(seed), 9 if seed else 0
        scale = 30.0 if seed > 5 else 0.5  # products of a thousand: sigmoids of 0 and 1
        each = (*rng.integers(0, 9, (2, n)), rng.integers(0, 9, (n, seed % 4)))
        how = seed % 3 == 0, seed % 2 == 0
        yield *_tables(seed, scale), *each, rng.random(n) * (1e-4 if seed > 5 else 0.2), *how


@parity("embeddings.one_epoch")
def _():
    for seed in range(8):
        rng, n = np.random.default_rng(seed), 20 if seed else 0
        texts = rng.integers(0, 9, n), np.array([0, n // 4, n // 4, n])
        widths, rates = rng.integers(1, 4, n), rng.random(n) * 0.1
        noise = np.arange(64, dtype=np.int32) % 9
        drawing = noise, 1000 + seed, seed % 4
        yield *_tables(seed), *texts, widths, rates, *drawing, seed % 3 == 0, seed in (0, 2, 5, 7)


@parity("glove.fitted")
def _():
    for seed in range(6):
        rng, n = np.random.default_rng(seed), 15 if seed else 0
        dtype = (np.float32, np.float64)[seed % 2]
        shapes = [(6, 3), (6, 3), (6,), (6,)]
        parts = [(rng.random(shape) - 0.5).astype(dtype) for shape in shapes]
        squares = [1 + rng.random(shape).astype(dtype) for shape in shapes]
        each = *rng.integers(0, 6, (2, n)), rng.random(n), rng.random(n) * 3
        yield *parts, *squares, *each, 0.05, seed % 3 == 0
