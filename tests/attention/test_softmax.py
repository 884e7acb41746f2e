"""Exact attention: loops, blocks, masks, and torch where it is installed."""

import tracemalloc

import numpy as np
import pytest
from attention_oracles import kernel, softmax_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlab import record, use_engine
from tokenlab.attention import blocked_softmax_attention, gaussian_attention, softmax_attention
from tokenlab.errors import InvalidInput, ShapeError


def arrays(rng, n_q, n, d=4, d_v=3, lead=(), dtype=np.float64):
    shapes = (*lead, n_q, d), (*lead, n, d), (*lead, n, d_v)
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 10),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_against_loops(n_q, n, block, causal, masked, seed):
    rng = np.random.default_rng(seed)
    q, k, v = arrays(rng, n_q, n)
    mask = np.concatenate([[True], rng.random(n - 1) < 0.6]) if masked else None

    def visible(i, j):
        return (not causal or j <= i) and (mask is None or mask[j])

    wanted = softmax_rows(q, k, v, visible)
    options = {"mask": mask, "causal": causal}
    np.testing.assert_allclose(softmax_attention(q, k, v, **options), wanted, atol=1e-12)
    got = blocked_softmax_attention(q, k, v, block=block, **options)
    np.testing.assert_allclose(got, wanted, atol=1e-12)


@pytest.mark.parametrize("engine", ["numpy", "auto"])
@pytest.mark.parametrize("scale", [1, 30, 1e4])
def test_blocks_in_single_precision(rng, engine, scale):
    """The running maximum: a late key may be the largest by far."""
    q, k, v = arrays(rng, 70, 300, lead=(2,), dtype=np.float32)
    q *= np.float32(scale)
    k[:, 250] *= 3
    wanted = softmax_attention(q.astype(np.float64), k.astype(np.float64), v.astype(np.float64))
    with use_engine(engine):
        got = blocked_softmax_attention(q, k, v, block=64)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, wanted, atol=1e-5 if scale < 100 else 2e-2)


def test_fast_twin_is_as_exact_as_the_readable_function(rng):
    pytest.importorskip("numba")
    q, k, v = arrays(rng, 600, 700, d=16, dtype=np.float32)
    wanted = softmax_attention(q.astype(np.float64), k.astype(np.float64), v.astype(np.float64))
    for engine in ("numpy", "numba"):
        with use_engine(engine):
            got = blocked_softmax_attention(q, k, v)
        assert abs(got - wanted).max() < 5e-7


def test_memory_of_blocks_is_linear(rng):
    n = 3000
    q, k, v = arrays(rng, n, n, dtype=np.float32)
    peaks = {}
    for function in (softmax_attention, blocked_softmax_attention, gaussian_attention):
        inputs = (q, v) if function is gaussian_attention else (q, k, v)
        with use_engine("numpy"):
            tracemalloc.start()
            function(*inputs)
            peaks[function] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert peaks[softmax_attention] > n * n * 4
    assert peaks[blocked_softmax_attention] < n * n * 4 / 2
    assert peaks[gaussian_attention] < n * n * 4 / 2


@pytest.mark.parametrize("causal", [False, True])
def test_agrees_with_torch(rng, causal):
    torch = pytest.importorskip("torch")
    q, k, v = arrays(rng, 130, 130, d=16, lead=(2, 3), dtype=np.float32)
    wanted = torch.nn.functional.scaled_dot_product_attention(
        *map(torch.from_numpy, (q, k, v)), is_causal=causal
    ).numpy()
    for function in (softmax_attention, blocked_softmax_attention):
        np.testing.assert_allclose(function(q, k, v, causal=causal), wanted, atol=1e-5)


def test_mask_agrees_with_torch(rng):
    torch = pytest.importorskip("torch")
    q, k, v = arrays(rng, 20, 30, lead=(2,), dtype=np.float32)
    mask = rng.random((2, 30)) < 0.7
    tensors = map(torch.from_numpy, (q, k, v, np.ascontiguousarray(mask[:, None])))
    wanted = torch.nn.functional.scaled_dot_product_attention(*tensors).numpy()
    k[~mask], v[~mask] = np.nan, np.inf
    for function in (softmax_attention, blocked_softmax_attention):
        np.testing.assert_allclose(function(q, k, v, mask=mask), wanted, atol=1e-5)


def test_gaussian_attention_against_loops(rng):
    q, k, v = arrays(rng, 7, 11)
    np.testing.assert_allclose(gaussian_attention(q, v, k=k), kernel(q, k) @ v, atol=1e-12)
    np.testing.assert_allclose(gaussian_attention(k, v), kernel(k, k) @ v, atol=1e-12)
    mask = np.arange(11) % 3 > 0
    wanted = gaussian_attention(q, v[mask], k=k[mask])
    np.testing.assert_allclose(gaussian_attention(q, v, k=k, mask=mask), wanted, atol=1e-12)


def test_softmax_is_the_gaussian_kernel_normalised_when_keys_have_one_length(rng):
    q, k, v = arrays(rng, 7, 11)
    k /= np.linalg.norm(k, axis=1, keepdims=True)
    shares = gaussian_attention(q, v, k=k) / gaussian_attention(q, np.ones((11, 1)), k=k)
    np.testing.assert_allclose(shares, softmax_attention(q, k, v), atol=1e-12)


def test_edges_and_bad_input(rng):
    q, k, v = arrays(rng, 3, 5)
    np.testing.assert_allclose(softmax_attention(q, k[:1], v[:1]), v[[0, 0, 0]])
    same = softmax_attention(q, np.ones_like(k), v)
    np.testing.assert_allclose(same, np.broadcast_to(v.mean(axis=0), (3, 3)), atol=1e-12)
    for function in (softmax_attention, blocked_softmax_attention):
        with pytest.raises(ShapeError, match=r"d = 4.*d = 3"):
            function(q, k[:, :3], v)
        with pytest.raises(ShapeError, match=r"n = 5.*n = 4"):
            function(q, k, v[:4])
        with pytest.raises(InvalidInput, match="not finite"):
            function(q * np.nan, k, v)
        with pytest.raises(InvalidInput, match="leaves no token"):
            function(q, k, v, mask=np.zeros(5, bool))
        with pytest.raises(InvalidInput, match="no key"):
            function(q, k, v, mask=np.arange(5) > 1, causal=True)
    with pytest.raises(InvalidInput, match="block is 0"):
        blocked_softmax_attention(q, k, v, block=0)


@pytest.mark.parametrize("engine", ["numpy", "auto"])
@pytest.mark.parametrize("causal", [False, True])
def test_a_mask_of_pairs_is_a_mask_of_keys_for_each_query(rng, engine, causal):
    q, k, v = arrays(rng, 6, 9, lead=(2, 3))
    mask = rng.random((2, 3, 6, 9)) < 0.4
    mask[..., 0] = True
    mask[..., 5] = False
    nobody = k.copy(), v.copy()  # a key that no query sees may hold anything
    nobody[0][..., 5, :], nobody[1][..., 5, :] = np.nan, np.inf
    with use_engine(engine):
        for function in (softmax_attention, blocked_softmax_attention):
            got = function(q, *nobody, mask=mask, causal=causal)
            for at in np.ndindex(2, 3, 6):
                head, i = at[:2], at[2]
                seen = mask[at] & ((np.arange(9) <= i) | (not causal))
                wanted = softmax_rows(q[head][[i]], k[head][seen], v[head][seen])
                np.testing.assert_allclose(got[at], wanted[0], atol=1e-12)
        got = gaussian_attention(q, nobody[1], k=nobody[0], mask=mask)
    every = np.stack([[kernel(q[i, j], k[i, j]) for j in range(3)] for i in range(2)])
    wanted = (every * mask) @ v
    np.testing.assert_allclose(got, wanted, atol=1e-12)


def test_a_mask_of_pairs_in_the_twin(rng):
    pytest.importorskip("numba")
    q, k, v = arrays(rng, 40, 50, d=8, lead=(2,), dtype=np.float32)
    mask = rng.random((2, 40, 50)) < 0.3
    mask[..., 0] = True
    wanted = softmax_attention(q, k, v, mask=mask)
    with use_engine("numba"):
        for block in (7, 512):
            got = blocked_softmax_attention(q, k, v, mask=mask, block=block)
            np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_a_causal_mask_is_a_mask_of_pairs(rng):
    q, k, v = arrays(rng, 8, 8, lead=(2,))
    pairs = np.broadcast_to(np.tri(8, dtype=bool), (2, 8, 8))
    wanted = softmax_attention(q, k, v, causal=True)
    for function in (softmax_attention, blocked_softmax_attention):
        np.testing.assert_allclose(function(q, k, v, mask=pairs), wanted, atol=1e-12)


@pytest.mark.parametrize("name", ["softmax_attention", "blocked_softmax_attention"])
def test_a_query_without_a_key_is_named(rng, name):
    function = {f.__name__: f for f in (softmax_attention, blocked_softmax_attention)}[name]
    q, k, v = arrays(rng, 3, 5, lead=(2,))
    mask = np.ones((2, 3, 5), bool)
    mask[1, 2] = False
    with pytest.raises(InvalidInput, match=rf"^{name}: mask leaves no key.*\[1, 2\]"):
        function(q, k, v, mask=mask)
    with pytest.raises(InvalidInput, match=r"^gaussian_attention: mask leaves no key.*\[1, 2\]"):
        gaussian_attention(q, v, k=k, mask=mask)
    late = np.ones((2, 3, 5), bool)
    late[0, 1, :2] = False  # query 1 would see key 2 and later ones, which causal hides
    assert np.isfinite(function(q, k, v, mask=late)).all()
    with pytest.raises(InvalidInput, match=r"since causal is True.*\[0, 1\]"):
        function(q, k, v, mask=late, causal=True)
    for wrong in (np.ones((3, 5), bool), np.ones((2, 5, 3), bool), np.ones((2, 1, 3, 5), bool)):
        with pytest.raises(ShapeError, match=rf"^{name}: mask is .*\(2, 5\).*\(2, 3, 5\)"):
            function(q, k, v, mask=wrong)
    with pytest.raises(InvalidInput, match=rf"^{name}: mask has dtype int64; expected booleans"):
        function(q, k, v, mask=np.ones((2, 3, 5), int))


def test_steps_name_the_blocks(rng):
    with record() as steps:
        blocked_softmax_attention(*arrays(rng, 4, 6), block=3)
    assert [name.split(" ")[0] for name in steps.names].count("scores") == 4
    assert steps["output"].shape == (4, 3)
