import itertools

import numpy as np
import pytest

from tokenlab.decoding import any_subset, byte_level, insertion, r2r
from tokenlab.decoding.chance import exact
from tokenlab.lm import Counted, NGramLM, TableLM, from_function

J = np.array([[[0.30, 0.05], [0.05, 0.10]], [[0.02, 0.08], [0.10, 0.30]]])


@pytest.mark.parametrize("drafter", ["self", "bigram"])
@pytest.mark.parametrize(("k", "calls"), [(2, 3), (3, 2.25)])
def test_assd(drafter, k, calls):
    lm = TableLM(J)
    o = exact(lambda r: any_subset.generate(lm, {}, k=k, drafter=drafter, rng=r))
    for t in np.ndindex(2, 2, 2):
        assert sum(
            p for v, p in zip(o.values, o.probabilities, strict=False) if v.tokens == t
        ) == pytest.approx(J[t], abs=1e-12)
    if drafter == "self":
        assert o.expect(lambda v: v.calls) == pytest.approx(calls)
    o = exact(lambda r: any_subset.parallel(lm, {}, rng=r).tokens)
    assert 0.5 * sum(abs(o.probability(t) - J[t]) for t in np.ndindex(2, 2, 2)) == pytest.approx(
        0.3485
    )


def test_logu():
    u = r2r.logu(np.array([7, 1.5, 0.25, 3, 12.5]), 4)
    assert float(u[0]) == pytest.approx(1.073846, abs=1e-6)
    assert float(u[1]) == pytest.approx(0.142857, abs=1e-6)


def test_loss():
    z = ((np.arange(12) * 7 % 5 - 2) / 2).reshape(3, 4)
    t = np.zeros((3, 4))
    t[0, 1] = 0.5
    t[2, 3] = 0.25
    t[2, 0] = 0.25
    assert float(insertion.loss(z, t, 0.7)) == pytest.approx(3.8708587629, abs=1e-7)
    assert float(insertion.loss(z, t * 0, 0.7, 0.5)) == pytest.approx(0.2015930414, abs=1e-7)
    from tokenlab.autograd import gradcheck

    assert (
        gradcheck(lambda p: insertion.loss(p["z"], t, p["s"]), {"z": z, "s": np.array(0.7)}) < 1e-7
    )


def test_counted():
    m = insertion.CountedInsertion.fit(["ab", "abb", "c"], "abc", p=[0.5, 0.25, 0.25])
    np.testing.assert_allclose(np.exp(m.log_insertions([])[0])[0], [5 / 17, 6 / 17, 6 / 17])
    o = exact(lambda r: insertion.generate(m, rng=r).tokens)
    assert o.probability((0, 1)) == pytest.approx(8 / 17)
    assert o.probability((0, 1, 1)) == pytest.approx(3 / 17)
    m = insertion.CountedInsertion.fit(
        ["ab", "abb", "c"], "abc", p=[0.5, 0.25, 0.25], weight="length"
    )
    o = exact(lambda r: insertion.generate(m, rng=r).tokens)
    assert o.probability((0, 1)) == pytest.approx(0.5)
    assert o.probability((2,)) == pytest.approx(0.25)


class Toy:
    def __init__(self, tokens, merges):
        self.tokens = list(tokens)
        self.merges = np.array(merges).reshape(-1, 2)
        self.id = {t: i for i, t in enumerate(self.tokens)}

    def encode(self, b):
        ids = [self.id[bytes([c])] for c in b]
        for _r, (x, y) in enumerate(self.merges.tolist()):
            new = self.id[self.tokens[x] + self.tokens[y]]
            out = []
            i = 0
            while i < len(ids):
                if i + 1 < len(ids) and ids[i] == x and ids[i + 1] == y:
                    out.append(new)
                    i += 2
                else:
                    out.append(ids[i])
                    i += 1
            ids = out
        return ids


def test_byte():
    tok = Toy([b"A", b"B", b"AA"], [(0, 0)])
    T = {0: [0, 1, 0], 1: [0.12, 0.6, 0.28], 2: [0.21, 0.3, 0.49]}
    lm = Counted(
        from_function(lambda c: np.log(np.maximum(T[c[-1]] if len(c) else T[1], 1e-300)), 3)
    )
    m = byte_level.ByteLM(lm, tok)

    def chain(a, b):
        return {("A", "A"): 0.7, ("A", "B"): 0.3, ("B", "A"): 0.4, ("B", "B"): 0.6}[(a, b)]

    for n in range(1, 7):
        for s in itertools.product("AB", repeat=n):
            p = 1
            prev = "B"
            for c in s:
                p *= chain(prev, c)
                prev = c
            assert np.exp(m.log_prob("".join(s).encode())) == pytest.approx(p, abs=1e-12)
    assert np.exp(m.log_probs(b"A"))[65] == pytest.approx(0.7)
    assert np.exp(byte_level.naive_next_byte(m, b"A"))[65] < 1e-9


def test_valid_pairs():
    rng = np.random.default_rng(0)
    for _trial in range(30):
        toks = [b"a", b"b", b"c"]
        merges = []
        while len(merges) < 8:
            x, y = rng.integers(0, len(toks), 2)
            if toks[x] + toks[y] in toks:
                continue
            toks.append(toks[x] + toks[y])
            merges.append((int(x), int(y)))
        tok = Toy(toks, merges)
        for t in range(len(toks)):
            if tuple(tok.encode(toks[t])) != (t,):
                continue
            slow = byte_level.valid_next(tok, [t])
            fast = byte_level.valid_next(tok, [t], window=1)
            np.testing.assert_array_equal(slow, fast)
        lm = from_function(
            lambda c: np.random.default_rng(len(c) + 7 * sum(c)).standard_normal(11),
            11,
        )
        m = byte_level.ByteLM(lm, tok)
        for s in itertools.product(b"abc", repeat=3):
            s = bytes(s)
            A = {c.tokens for c in byte_level.cover(tok, s)}
            B = {c.tokens for c, _ in m.cover(s)}
            assert A == B
            assert sum(np.exp(m.log_prob(s + bytes([x]))) for x in b"abc") == pytest.approx(
                np.exp(m.log_prob(s))
            )


def test_r2r():
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 6, 4000)
    ids = np.cumsum(ids % 3) % 6
    small = NGramLM.fit(ids, 1, 6)
    large = Counted(NGramLM.fit(ids, 4, 6))
    labels = r2r.label(
        small, large, ids[:5], 60, ends={0}, same=lambda a, b: r2r.same_ending(a, b, 2)
    )
    assert (labels.mismatch == (labels.tokens != labels.small_tokens)).all()
    large.reset()
    out = r2r.generate(
        small, large, ids[:5], 60, lambda lp, t, text: t != labels.tokens[len(text) - 5]
    )
    assert (out.tokens == labels.tokens).all()
    assert out.large_calls == labels.mismatch.sum() == large.forwards
    assert r2r.entropy([-np.inf, 0.0]) == 0
