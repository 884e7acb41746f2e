"""Example arguments of the functions of tokenlab.tokenizers, for contract and parity tests."""

import numpy as np
from cases import case, parity, random


@case("tokenlab.tokenizers.measures.bits_per_byte")
def _(asarray):
    return (asarray(-abs(random(7))), 9), {}


@case("tokenlab.tokenizers.token_vectors.procrustes")
def _(asarray):
    return (asarray(random(9, 4)), asarray(random(9, 4, seed=1))), {}


@case("tokenlab.tokenizers.tokenadapt.local_weights")
def _(asarray):
    return (asarray(random(4)), asarray(abs(random(4, seed=1)))), {}


@case("tokenlab.tokenizers.tokenadapt.global_weights")
def _(asarray):
    return (asarray(random(5, 3)),), {"threshold": 0.1}


@case("tokenlab.tokenizers.zett.auxiliary_loss")
def _(asarray):
    pieces = np.array([[0, -1], [1, 2], [3, -1]])
    return (asarray(random(3, 4)), asarray(random(5, 4, seed=1)), asarray(pieces)), {}


@case("tokenlab.tokenizers.zett.rescale")
def _(asarray):
    return (asarray(random(6, 3)), asarray(random(5, 3, seed=1))), {}


@case("tokenlab.tokenizers.words.encoder_mask")
def _(asarray):
    return (asarray(np.array([2, 0, 3])), 2, 3), {}


def chunks_of(seed, n=12, letters=3, longest=12):
    draws = np.random.default_rng(seed)
    lengths = draws.integers(0, longest, n)
    ids = 97 + draws.integers(0, letters, lengths.sum())
    return ids, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), draws


BYTES = [bytes([byte]) for byte in range(256)]


@parity("tokenizers.learned_merges")
def _():
    for seed in range(8):
        ids, offsets, draws = chunks_of(seed, letters=1 + seed % 4)
        counts = draws.integers(1, 4, len(offsets) - 1)
        yield ids, offsets, counts, 20, BYTES, 1 + seed % 2, 1 << 62 if seed % 3 else 3
    ids, offsets, _ = chunks_of(9, n=1, longest=300)
    yield ids, offsets, np.ones(1, np.int64), 60, BYTES, 1, 1 << 62
    yield np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros(0, np.int64), 5, BYTES, 1, 9


@parity("tokenizers.merged_chunks")
def _():
    from tokenlab.tokenizers.merging import learned_merges

    for seed in range(6):
        ids, offsets, _ = chunks_of(seed, n=9 if seed < 5 else 20, longest=9 if seed < 5 else 200)
        ones = np.ones(len(offsets) - 1, np.int64)
        pairs = learned_merges.reference(ids, offsets, ones, 30, BYTES, 1, 1 << 62)
        yield ids, offsets, pairs, 256 + np.arange(len(pairs))
    yield (
        np.zeros(0, np.int64),
        np.zeros(1, np.int64),
        np.zeros((0, 2), np.int64),
        np.zeros(0, np.int64),
    )


@parity("tokenizers_cut.distinct_chunks")
def _():
    from tokenlab.tokenizers.split import PATTERNS

    letters = (
        "aAbBsStTlLvVeErRmM'' \t\n\r//.,01²½ſƄǅʰƻ\u0300é\u00a0\u2029\x1e\U0001d400\U0001f600中"
    )
    for rule in PATTERNS:
        for seed in range(60):
            draws = np.random.default_rng(seed)
            pool = letters if seed % 3 else "".join(draws.choice(list(letters), 4))
            text = "".join(draws.choice(list(pool), draws.integers(0, 40)))
            yield np.frombuffer(text.encode("utf-32-le"), np.uint32), rule
    many = "".join(chr(97 + i // 500) + chr(97 + i % 500) + " " for i in range(6000))
    yield np.frombuffer(many.encode("utf-32-le"), np.uint32), "gpt2"
