"""Example arguments of the functions of tokenlab.tokenizers, for contract and parity tests."""

import numpy as np
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
