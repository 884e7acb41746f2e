"""The small language model: there, small, what SOURCES.md says, and it has learned something."""

import hashlib
import re
from importlib.resources import files

import numpy as np
import pytest

from tokenlab.data import load_text, load_tiny_lm
from tokenlab.models import residual_moves, transformer
from tokenlab.models.layers import cross_entropy

DATA = files("tokenlab.data")


def test_digest_is_that_of_sources():
    sources = (DATA / "SOURCES.md").read_text(encoding="utf-8")
    row = re.search(r"\| `(tiny_lm/\S+)` \| (\d+) \| `(\w{64})` \|", sources)
    data = (DATA / row[1]).read_bytes()
    assert len(data) == int(row[2]) < 350_000
    assert hashlib.sha256(data).hexdigest() == row[3]


def test_shapes():
    params, tokenizer = load_tiny_lm()
    assert params["embed"].shape == (512, 64) == (tokenizer.vocab, 64)
    assert params["place"].shape == (64, 64)
    assert len(params["blocks"]) == 2
    assert params["blocks"][0]["qkv"].shape == (64, 3, 4, 16)
    assert params["embed"].dtype == np.float32
    assert not params["embed"].flags.writeable
    assert load_tiny_lm() is load_tiny_lm()


def test_it_reads_plays_that_it_never_saw():
    params, tokenizer = load_tiny_lm()
    ids = tokenizer.encode(load_text("shakespeare")[:20_000])
    n = (len(ids) - 1) // 64 * 64
    inputs, targets = (x.reshape(-1, 64) for x in (ids[:n], ids[1 : n + 1]))
    loss = float(cross_entropy(transformer.forward(params, inputs), targets))
    counts = np.bincount(ids, minlength=512) / len(ids)
    single = -(counts[counts > 0] * np.log(counts[counts > 0])).sum()
    assert loss < 3.5 < single  # 3.21 over all nine plays
    tokens = tokenizer.encode("To be, or not to")
    assert tokenizer.decode([load_tiny_lm().lm.log_probs(tokens).argmax()]) == " be"


def test_its_moves_add_up():
    params, tokenizer = load_tiny_lm()
    ids, seen = tokenizer.encode("To be, or not to be"), {}
    start, moves = residual_moves(lambda **hooks: transformer.forward(params, ids, **hooks))
    transformer.forward(params, ids, tap=seen.__setitem__)
    assert moves.shape == (4, len(ids), 64)
    np.testing.assert_allclose(start + moves.sum(axis=0), seen[2], atol=1e-5)
    block = params["blocks"][0]
    first = transformer.self_attention(
        block, transformer.normed(block["norm1"], start), np.tri(len(ids), dtype=bool)
    )
    np.testing.assert_allclose(moves[0], first, atol=1e-5)


def test_hooks_that_nobody_called():
    with pytest.raises(Exception, match="residual_moves: call gave 0 states"):
        residual_moves(lambda **hooks: None)
