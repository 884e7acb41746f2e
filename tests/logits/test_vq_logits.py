"""Vector-quantised logits: the hand case, a naive loop, invariants, edges, memory."""

import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlab import record, use_engine
from tokenlab.errors import BackendError, DTypeError, InvalidInput, ShapeError
from tokenlab.logits import FullHead, VQHead, certified_topk, fit_codes, tie_floor
from tokenlab.logits.inputs import checked_hidden

from . import naive

HEAD_8192 = Path(__file__).parents[2].parent / "shared" / "assets" / "smollm2_head8192.npz"
HAND = np.log([[2.0], [3.0]]), [0, 0, 1, 0, 1]
HAND_COUNTS = [3, 1, 5, 0, 5]
ONE = [[1.0]]
quick = settings(max_examples=60, deadline=None)


@pytest.fixture(params=["numpy", "numba"])
def engine(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    with use_engine(request.param):
        yield request.param


def random_head(rng, vocab=60, n_codes=9, d=5, inner="uniform", dtype=np.float64, **options):
    """A head with an empty code, unused counts, and a bias."""
    mapping = rng.integers(0, n_codes - 1, vocab)
    codebook, bias = rng.standard_normal((n_codes, d)), rng.standard_normal(n_codes)
    counts = rng.integers(0, 5, vocab)
    kwargs = {"bias": bias.astype(dtype), "counts": counts, "inner": inner} | options
    return VQHead(codebook.astype(dtype), mapping, **kwargs)


# by hand ---------------------------------------------------------------------------------------


def test_hand_case():
    head = VQHead(*HAND)
    p = np.exp(head.log_softmax(ONE))[0]
    np.testing.assert_allclose(p, [1 / 6, 1 / 6, 1 / 4, 1 / 6, 1 / 4])
    np.testing.assert_allclose(np.exp(head.code_log_prob(ONE)), [[0.5, 0.5]])
    assert head.sizes.tolist() == [3, 2]
    with record() as steps:
        head.log_softmax(ONE)
    assert float(steps["normaliser"][0]) == pytest.approx(math.log(12))


@pytest.mark.parametrize(
    ("smoothing", "expected"),
    [(0, [0.3, 0.1, 0.3, 0, 0.3]), (1, [0.228571, 0.114286, 0.3, 0.057143, 0.3])],
)
def test_hand_case_with_shares(smoothing, expected):
    head = VQHead(*HAND, counts=HAND_COUNTS, inner="unigram", smoothing=smoothing)
    p = np.exp(head.log_softmax(ONE))[0]
    np.testing.assert_allclose(p, expected, atol=5e-7)
    assert p.sum() == pytest.approx(1)


def test_hand_case_ranks_by_probability_then_id(engine):
    assert VQHead(*HAND).topk(ONE, 4).ids.tolist() == [[2, 4, 0, 1]]
    head = VQHead(*HAND, counts=HAND_COUNTS, inner="unigram", smoothing=0)
    found = head.topk(ONE, 5)
    assert found.ids.tolist() in ([[0, 2, 4, 1, 3]], [[2, 4, 0, 1, 3]])  # 0.3 thrice, to rounding
    assert found.values[0, 4] == -np.inf


def test_breaking_ties_leaves_the_codes_alone():
    broken = VQHead(*HAND).break_ties(HAND_COUNTS, smoothing=0)
    np.testing.assert_allclose(np.exp(broken.code_log_prob(ONE)), [[0.5, 0.5]])
    p = np.exp(broken.log_softmax(ONE))[0]
    np.testing.assert_allclose(p, [0.375, 0.125, 0.25, 0, 0.25])


# against loops and definitions -----------------------------------------------------------------

cases = st.integers(0, 2**32 - 1)


@quick
@given(cases, st.sampled_from(["uniform", "unigram"]), st.sampled_from([0.0, 1.0]))
def test_probabilities_are_those_of_a_loop(seed, inner, smoothing):
    rng = np.random.default_rng(seed)
    head = random_head(rng, vocab=12, n_codes=5, inner=inner, smoothing=smoothing)
    counts = np.random.default_rng(seed).integers(0, 5, 12)
    if inner == "unigram":
        head = VQHead(
            head.codebook, head.mapping, bias=head.bias, counts=counts, inner=inner,
            smoothing=smoothing,
        )  # fmt: skip
    hidden = rng.standard_normal((3, 5))
    logits = head.code_logits(hidden).tolist()
    for row, got in zip(logits, np.exp(head.log_softmax(hidden)), strict=True):
        want = naive.probabilities(
            row, head.mapping.tolist(), counts.tolist() if inner == "unigram" else None, smoothing
        )
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-15)
        assert got.sum() == pytest.approx(1)


@pytest.mark.parametrize("inner", ["uniform", "unigram"])
def test_all_methods_agree_with_log_softmax(rng, inner, engine):
    head = random_head(rng, inner=inner)
    hidden, token = rng.standard_normal((7, 5)), rng.integers(0, 60, 7)
    full = head.log_softmax(hidden)
    np.testing.assert_allclose(head.log_prob(hidden, token), full[np.arange(7), token])
    np.testing.assert_allclose(np.exp(head.code_log_prob(hidden)), head.targets(np.exp(full)))
    loss = head.loss_and_grad(hidden, token).loss
    assert loss == pytest.approx(-full[np.arange(7), token].mean())
    for k in (1, 3, 17, 60, 99):
        ids, values = head.topk(hidden, k)
        assert ids.shape == (7, min(k, 60))
        assert ids.tolist() == [naive.ranked(row.tolist(), k) for row in full]
        np.testing.assert_allclose(values, np.take_along_axis(full, ids, 1))


@quick
@given(cases, st.integers(1, 40), st.sampled_from(["numpy", "numba"]))
def test_topk_is_the_sort_of_everything_even_with_ties(seed, k, name):
    """Logits of few values, so that codes tie with each other as well as within."""
    if name == "numba":
        pytest.importorskip("numba")
    rng = np.random.default_rng(seed)
    vocab, n_codes = int(rng.integers(1, 50)), int(rng.integers(1, 12))
    mapping = rng.integers(0, n_codes, vocab)
    if rng.random() < 0.3:
        mapping[:] = mapping[0]  # one huge code, all others empty
    head = VQHead(rng.integers(-1, 2, (n_codes, 2)).astype(float), mapping)
    hidden = rng.integers(-1, 2, (4, 2)).astype(float)
    with use_engine(name):
        ids, values = head.topk(hidden, k)
    full = head.log_softmax(hidden)
    assert ids.tolist() == [naive.ranked(row.tolist(), k) for row in full]
    np.testing.assert_array_equal(values, np.take_along_axis(full, ids, 1))


def test_as_many_codes_as_tokens_is_the_full_softmax(rng):
    weight, bias = rng.standard_normal((30, 6)), rng.standard_normal(30)
    hidden, token = rng.standard_normal((5, 6)), rng.integers(0, 30, 5)
    full, head = FullHead(weight, bias), VQHead(weight, np.arange(30), bias=bias)
    np.testing.assert_allclose(head.log_softmax(hidden), full.log_softmax(hidden))
    assert head.topk(hidden, 8).ids.tolist() == full.topk(hidden, 8).ids.tolist()
    ours, theirs = head.loss_and_grad(hidden, token), full.loss_and_grad(hidden, token)
    assert ours.loss == pytest.approx(theirs.loss)
    np.testing.assert_allclose(ours.grads["codebook"], theirs.grads["weight"], atol=1e-12)
    np.testing.assert_allclose(ours.hidden_grad, theirs.hidden_grad, atol=1e-12)


def test_names_of_codes_do_not_matter(rng):
    head = random_head(rng, inner="unigram")
    counts, hidden = rng.integers(0, 9, 60), rng.standard_normal((4, 5))
    new_name = rng.permutation(head.n_codes)
    back = np.argsort(new_name)
    kwargs = {"counts": counts, "inner": "unigram"}
    first = VQHead(head.codebook, head.mapping, bias=head.bias, **kwargs)
    other = VQHead(head.codebook[back], new_name[head.mapping], bias=head.bias[back], **kwargs)
    np.testing.assert_allclose(first.log_softmax(hidden), other.log_softmax(hidden))
    assert first.topk(hidden, 20).ids.tolist() == other.topk(hidden, 20).ids.tolist()


@quick
@given(cases, st.sampled_from(["uniform", "unigram"]))
def test_no_hidden_state_gets_below_the_floor(seed, inner):
    rng = np.random.default_rng(seed)
    head = random_head(rng, inner=inner)
    hidden = 10.0 ** rng.uniform(-1, 3) * rng.standard_normal((50, 5))
    token = rng.integers(0, 60, 50)
    counts = np.bincount(token, minlength=60)
    floor = head.tie_floor(counts)
    assert -head.log_prob(hidden, token).mean() >= math.log(floor) - 1e-9
    if inner == "uniform":
        assert floor == pytest.approx(tie_floor(counts, head.mapping))


def test_the_floor_is_reached_when_the_right_code_is_certain():
    head = VQHead(np.eye(3) * 1e3, [0, 1, 1, 2, 2, 2, 2])
    token = np.arange(7)
    hidden = np.eye(3)[head.mapping]
    perplexity = np.exp(-head.log_prob(hidden, token).mean())
    assert perplexity == pytest.approx(head.tie_floor(np.ones(7)))
    assert perplexity == pytest.approx((1 * 2**2 * 4**4) ** (1 / 7))


# sampling --------------------------------------------------------------------------------------


@pytest.mark.parametrize("inner", ["uniform", "unigram"])
def test_two_stage_sampling_has_the_right_frequencies(inner):
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(4)
    head = random_head(rng, inner=inner)
    hidden = 0.3 * rng.standard_normal((2, 5))
    drawn = head.sample(hidden, 12, size=60_000)
    assert drawn.shape == (2, 60_000)
    for row, p in zip(drawn, np.exp(head.log_softmax(hidden)), strict=True):
        found = np.bincount(row, minlength=60)
        assert stats.chisquare(found, p * 60_000).pvalue > 0.01
    again = head.sample(hidden, np.random.default_rng(12), size=60_000)
    assert (drawn == again).all()


def test_what_is_impossible_is_never_drawn():
    head = VQHead(np.zeros((4, 1)), [0, 0, 2, 2, 2], counts=[0, 3, 0, 1, 0], inner="unigram",
                  smoothing=0)  # fmt: skip
    drawn = head.sample(np.ones((3, 1)), 0, size=2000)
    assert set(np.unique(drawn)) == {1, 3}
    assert head.sample(np.ones((3, 1)), 0).shape == (3,)


def test_draws_at_the_ends_of_the_interval():
    from tokenlab.logits.code_order import CodeOrder
    from tokenlab.logits.heads import draw

    last = np.nextafter(1.0, 0.0)
    assert draw(np.array([[0.0, 1, 1, 0]] * 2000), np.full((2000, 1), last)).max() == 2
    assert draw(np.array([[0.0, 1, 1, 0]]), [[0.0]]).tolist() == [[1]]
    mapping = np.arange(6000) // 3
    shares = np.tile([0.5, 0.5, 0.0], 2000)
    order = CodeOrder.of(mapping, 2000, shares)
    codes = np.arange(2000)[:, None]
    assert (order.draw(codes, np.full((2000, 1), last))[:, 0] % 3 == 1).all()
    assert (order.draw(codes, np.zeros((2000, 1)))[:, 0] % 3 == 0).all()
    equal = CodeOrder.of(mapping, 2000)
    assert (equal.draw(codes, np.full((2000, 1), last))[:, 0] % 3 == 2).all()


# gradients -------------------------------------------------------------------------------------


@pytest.mark.parametrize("inner", ["uniform", "unigram"])
@pytest.mark.parametrize("soft", [False, True])
def test_gradients(rng, inner, soft):
    head = random_head(rng, vocab=12, n_codes=5, d=3, inner=inner)
    hidden = rng.standard_normal((4, 3))
    target = rng.integers(0, 12, 4)
    if soft:
        target = head.targets(rng.dirichlet(np.ones(12), 4))
        target /= target.sum(axis=1, keepdims=True)
    result = head.loss_and_grad(hidden, target)

    def loss_of(name):
        def loss(x):
            other = VQHead.__new__(VQHead)
            other.__dict__.update(head.__dict__)
            if name == "hidden":
                return head.loss_and_grad(x, target).loss
            setattr(other, name, x)
            return other.loss_and_grad(hidden, target).loss

        return loss

    for name, grad in (result.grads | {"hidden": result.hidden_grad}).items():
        at = hidden if name == "hidden" else getattr(head, name)
        want = naive.numerical_gradient(loss_of(name), at)
        np.testing.assert_allclose(grad, want, atol=1e-8, err_msg=name)


# expansion, types, memory ----------------------------------------------------------------------


def test_expand(rng, engine):
    head = random_head(rng, dtype=np.float32)
    logits = head.code_logits(rng.standard_normal((3, 5)).astype(np.float32))
    out = np.full((3, 60), np.nan, np.float32)
    assert head.expand(logits, out=out) is out
    np.testing.assert_array_equal(out, logits[:, head.mapping])
    np.testing.assert_array_equal(head.expand(logits), out)
    with pytest.raises(ShapeError, match=r"out is \(3, 59\).*\(n, vocab\) = \(3, 60\)"):
        head.expand(logits, out=np.empty((3, 59), np.float32))
    with pytest.raises(ShapeError, match="float64; expected"):
        head.expand(logits, out=np.empty((3, 60)))
    with pytest.raises(ShapeError, match=r"out is \[0.0\]; expected an array .*\(n, vocab\)"):
        head.expand(logits, out=[0.0])
    with pytest.raises(ShapeError, match="n_codes is 9"):
        head.expand(logits[:, :4])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
@pytest.mark.parametrize("inner", ["uniform", "unigram"])
def test_types(rng, dtype, inner):
    small = np.float64 if dtype == np.float64 else np.float32
    codebook, hidden = (3 * rng.standard_normal((n, 4)) for n in (5, 3))
    head = VQHead(
        codebook.astype(dtype), rng.integers(0, 5, 11), counts=np.ones(11, int), inner=inner
    )
    hidden = np.asfortranarray(hidden.astype(dtype))
    for x in (
        head.log_softmax(hidden), head.log_prob(hidden, [1, 2, 3]), head.topk(hidden, 3).values,
        head.loss_and_grad(hidden, [1, 2, 3]).grads["codebook"], head.code_log_prob(hidden),
    ):  # fmt: skip
        assert x.dtype == small
    assert head.topk(hidden, 3).ids.dtype == head.sample(hidden, 0).dtype == np.int64
    assert np.exp(head.log_softmax(hidden)).sum() == pytest.approx(3, rel=1e-5)


def test_one_huge_code_and_large_logits_do_not_overflow():
    mapping = np.zeros(50_000, np.int64)
    mapping[0] = 1
    head = VQHead(np.array([[900.0], [-900.0]], np.float32), mapping)
    log_p = head.log_prob(np.array([[1.0], [-1.0]], np.float32), [7, 0])
    np.testing.assert_allclose(log_p, [-math.log(49_999), 0], rtol=1e-6)
    assert head.topk([[1.0]], 3).ids.tolist() == [[1, 2, 3]]


def test_large_logits_still_add_up_to_one_in_float32(rng):
    """Logits near 10,000 have steps of 0.001: what is subtracted must not be rounded to those."""
    head = VQHead(1e4 * rng.standard_normal((40, 3), dtype=np.float32), rng.integers(0, 40, 200))
    hidden = rng.standard_normal((50, 3), dtype=np.float32)
    assert abs(head.code_logits(hidden)).max() > 1e4
    sums = np.exp(head.log_softmax(hidden).astype(np.float64)).sum(axis=1)
    np.testing.assert_allclose(sums, 1, atol=3e-6)


def test_what_needs_no_conversion_is_used_as_it_came_and_the_rest_means_the_same(rng):
    head = random_head(rng, dtype=np.float32)
    hidden = rng.integers(-3, 4, (6, 5)).astype(np.float32)
    wide = np.repeat(hidden, 2, axis=1)[:, ::2]  # every second number of a wider row
    expected = head.log_softmax(hidden)
    for same in (np.asfortranarray(hidden), wide, hidden.astype(np.int8), hidden.tolist()):
        np.testing.assert_allclose(head.log_softmax(same), expected, rtol=1e-5)
    large = np.full((1, 5), 2e19, np.float32)  # its length overflows, it does not
    assert checked_hidden(head, large) is not None
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(InvalidInput, match="not finite, the first at \\[2, 1\\]"):
            head.log_softmax(np.where(np.arange(30).reshape(6, 5) == 11, bad, hidden))


def test_no_rows(engine):
    head, none = VQHead(*HAND), np.empty((0, 1))
    assert head.log_softmax(none).shape == (0, 5)
    assert head.log_prob(none, []).shape == (0,)
    assert head.topk(none, 2).ids.shape == (0, 2)
    assert head.sample(none, 0).shape == (0,)
    with pytest.raises(InvalidInput, match="no rows"):
        head.loss_and_grad(none, [])


def test_parameters_are_counted():
    head = VQHead(np.zeros((3, 7)), np.zeros(1000, int), bias=np.zeros(3))
    assert (head.n_parameters, head.map_bytes) == (3 * 8, 1000)
    assert head.break_ties(np.ones(1000)).n_parameters == 3 * 8 + 1000
    assert VQHead(np.zeros((300, 1)), np.zeros(9, int)).map_bytes == 18
    assert VQHead(np.zeros((65537, 1)), np.zeros(9, int)).map_bytes == 36


@pytest.mark.parametrize("inner", ["uniform", "unigram"])
def test_nothing_as_large_as_the_vocabulary_unless_asked(rng, inner, engine):
    vocab, n_codes, n = 200_000, 64, 2
    counts = rng.integers(0, 9, vocab)
    mapping = rng.integers(0, n_codes, vocab)
    head = VQHead(
        rng.standard_normal((n_codes, 8)), mapping, counts=counts, inner=inner
    )  # fmt: skip
    hidden, token = rng.standard_normal((n, 8)), np.array([5, 9])
    calls = {
        "log_prob": lambda: head.log_prob(hidden, token),
        "topk": lambda: head.topk(hidden, 20),
        "sample": lambda: head.sample(hidden, 0),
        "loss": lambda: head.loss_and_grad(hidden, token),
        "expand": lambda: head.log_softmax(hidden),
    }
    for name, call in calls.items():
        call()  # compile
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        if name == "expand":
            assert peak >= n * vocab * 8
        else:
            assert peak < vocab, f"{name}: {peak} bytes"


def test_steps_are_named(rng):
    head = random_head(rng)
    with record() as steps:
        head.log_softmax(rng.standard_normal((2, 5)))
        head.sample(rng.standard_normal((2, 5)), 0)
    for name in ("code logits", "normaliser", "token log-probability", "code drawn", "token drawn"):
        assert name in steps.names


# a real head of more tokens, built by another program ------------------------------------------


@pytest.mark.skipif(not HEAD_8192.exists(), reason="the independent build is not here")
def test_a_real_head_of_8192_tokens():
    stored = np.load(HEAD_8192)
    weight = stored["W"] * stored["scale"].astype(np.float32)
    hidden, right = stored["H"].astype(np.float32), stored["Y"].astype(np.int64)
    full = FullHead(weight).log_prob(hidden, right)
    assert math.exp(-full.mean()) == pytest.approx(12.31, abs=0.005)
    counts = np.bincount(right, minlength=8192)
    head = VQHead(*fit_codes(weight, 64, counts=counts, rng=0))
    tied = head.log_prob(hidden, right)
    np.testing.assert_allclose(tied, head.log_softmax(hidden)[np.arange(984), right], rtol=1e-5)
    assert head.tie_floor(counts) < math.exp(-tied.mean())
    found = certified_topk(hidden[:4], weight, head, 20)
    np.testing.assert_array_equal(found.ids, FullHead(weight).topk(hidden[:4], 20).ids)


# bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "match", "args", "kwargs"),
    [
        (ShapeError, r"codebook is \(2,\).*\(n_codes, d\)", ([1.0, 2], [0]), {}),
        (InvalidInput, "mapping runs from 0 to 2; n_codes is 2", ([[1.0], [2]], [0, 2]), {}),
        (InvalidInput, "mapping runs from -1 to 0", ([[1.0], [2]], [0, -1]), {}),
        (DTypeError, "mapping has dtype float64", ([[1.0]], [0.0]), {}),
        (ShapeError, r"mapping is \(0,\) = \(vocab,\); expected vocab >= 1", ([[1.0]], []), {}),
        (InvalidInput, "codebook has 1 values that are not finite", ([[np.nan]], [0]), {}),
        (
            ShapeError,
            r"VQHead: .* n_codes = 2, but bias is \(3,\)",
            ([[1.0], [2]], [0]),
            {"bias": [1, 2, 3]},
        ),
        (InvalidInput, 'inner is "?.?other', ([[1.0]], [0]), {"inner": "other"}),
        (InvalidInput, "counts None", ([[1.0]], [0]), {"inner": "unigram"}),
        (
            InvalidInput,
            r"counts is \(1,\) with minimum -1.0; expected \(vocab,\)",
            ([[1.0]], [0]),
            {"inner": "unigram", "counts": [-1]},
        ),
        (
            ShapeError,
            r"vocab = 1, but counts is \(2,\) = \(vocab,\)",
            ([[1.0]], [0]),
            {"inner": "unigram", "counts": [1, 1]},
        ),
        (
            InvalidInput,
            "smoothing is -1",
            ([[1.0]], [0]),
            {"inner": "unigram", "counts": [1], "smoothing": -1},
        ),
    ],
)
def test_bad_heads(error, match, args, kwargs):
    with pytest.raises(error, match=match):
        VQHead(*args, **kwargs)


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (ShapeError, r"hidden is \(1, 2\) = \(n, d\)", lambda h: h.log_softmax([[1.0, 2.0]])),
        (
            ShapeError,
            r"VQHead.topk: .*a single vector pass x\[None, :\]",
            lambda h: h.topk([1.0], 1),
        ),
        (ShapeError, "VQHead.log_prob: hidden is", lambda h: h.log_prob([1.0], [1])),
        (ShapeError, r"VQHead.sample: hidden is \(1, 2\)", lambda h: h.sample([[1.0, 2.0]])),
        (InvalidInput, "not finite", lambda h: h.sample([[np.inf]])),
        (InvalidInput, "VQHead.topk: k is 0", lambda h: h.topk(ONE, 0)),
        (InvalidInput, "size is 0", lambda h: h.sample(ONE, size=0)),
        (
            InvalidInput,
            "VQHead.log_prob: token runs from 5 to 5; vocab is 5",
            lambda h: h.log_prob(ONE, [5]),
        ),
        (DTypeError, "token has dtype float64", lambda h: h.log_prob(ONE, [1.0])),
        (
            ShapeError,
            r"token is \(2,\) = \(n,\); expected n = 1",
            lambda h: h.log_prob(ONE, [1, 2]),
        ),
        (
            ShapeError,
            r"target is .*\(n, n_codes\) = \(1, 2\)",
            lambda h: h.loss_and_grad(ONE, np.ones((1, 5))),
        ),
        (InvalidInput, "not all 0", lambda h: h.tie_floor(np.zeros(5))),
    ],
)
def test_bad_calls(error, match, call):
    with pytest.raises(error, match=match):
        call(VQHead(*HAND))


def test_the_double_runs_every_method(rng, cupy):
    for inner in ("uniform", "unigram"):
        head = random_head(rng, inner=inner)
        counts, hidden = rng.integers(0, 5, 60), rng.standard_normal((3, 5))
        token = np.array([1, 5, 59])
        kwargs = {"counts": counts, "inner": inner, "bias": head.bias}
        ours = VQHead(head.codebook, head.mapping, **kwargs)
        kwargs = {"counts": cupy.asarray(counts), "inner": inner, "bias": cupy.asarray(head.bias)}
        theirs = VQHead(cupy.asarray(head.codebook), cupy.asarray(head.mapping), **kwargs)
        on_gpu = cupy.asarray(hidden)
        calls = [
            lambda h, x, t: h.log_softmax(x),
            lambda h, x, t: h.log_prob(x, t),
            lambda h, x, t: h.topk(x, 7).ids,
            lambda h, x, t: h.topk(x, 7).values,
            lambda h, x, t: h.sample(x, 3, size=4),
            lambda h, x, t: h.expand(h.code_logits(x)),
            lambda h, x, t: h.loss_and_grad(x, t).grads["codebook"],
            lambda h, x, t: h.targets(abs(h.log_softmax(x))),
        ]
        for call in calls:
            got = call(theirs, on_gpu, cupy.asarray(token))
            np.testing.assert_allclose(got.get(), call(ours, hidden, token), rtol=1e-9)
        assert theirs.tie_floor(cupy.asarray(counts)) == pytest.approx(ours.tie_floor(counts))
        broken = theirs.break_ties(cupy.asarray(counts)).log_softmax(on_gpu)
        np.testing.assert_allclose(broken.get(), ours.break_ties(counts).log_softmax(hidden))
        with pytest.raises(BackendError, match="mixed array libraries"):
            theirs.log_softmax(hidden)
