"""Example arguments of the functions of tokenlab.tokenizers, for contract and parity tests."""

from cases import case, random


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
