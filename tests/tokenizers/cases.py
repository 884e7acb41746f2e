"""Example arguments of the functions of tokenlab.tokenizers, for contract and parity tests."""

from cases import case, random


@case("tokenlab.tokenizers.measures.bits_per_byte")
def _(asarray):
    return (asarray(-abs(random(7))), 9), {}
