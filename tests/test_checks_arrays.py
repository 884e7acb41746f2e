"""What the shared checks accept, what they refuse, and what their messages say."""

import math
from fractions import Fraction

import numpy as np
import pytest

from tokenlab import arrays, checks, errors, get_xp, has_gpu, to_numpy
from tokenlab.arguments import takes
from tokenlab.errors import BackendError, DTypeError, InvalidInput, ShapeError, TokenlabError


class Tensor:
    """Like a tensor of another library: it exports itself, and NumPy could read it."""

    ndim, shape = 2, (1, 2)

    def __dlpack__(self):
        raise AssertionError("nobody asked for a conversion")

    def __array__(self, *_, **__):
        return np.ones((1, 2))


# floats ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float16", "float32"),
        ("int8", "float32"),
        ("uint8", "float32"),
        ("int16", "float32"),
        ("uint16", "float32"),
        ("int32", "float64"),
        ("uint32", "float64"),
        ("int64", "float64"),
        ("uint64", "float64"),
        ("float32", "float32"),
        ("float64", "float64"),
    ],
)
def test_floats_keep_every_value(dtype, expected):
    dtype = np.dtype(dtype)
    limit = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    values = np.array([limit.min, 0, limit.max if dtype.itemsize < 8 else 2**53], dtype)
    x = checks.floats(values, "x", np)
    assert x.dtype == expected
    assert [int(v) for v in x] == [int(v) for v in values]


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (np.array([None, 1.0]), "object"),
        (np.array(["1", "2"]), "<U1"),
        (np.array([1 + 2j]), "complex128"),
        (np.array([True, False]), "bool"),
        (np.array(["2024-01-01"], dtype="datetime64[D]"), "datetime64"),
        (np.zeros(2, [("a", float)]), "'a'"),
        ([10**30], "object"),
        (np.ma.array([1.0, 2.0], mask=[True, False]), "masked"),
    ],
)
def test_floats_refuse(x, says):
    with pytest.raises(DTypeError, match=says) as caught:
        checks.floats(x, "vectors", np)
    assert "vectors" in str(caught.value)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)


def test_floats_read_a_mask_that_hides_nothing_and_a_memory_map(tmp_path):
    assert checks.floats(np.ma.array([1.0, 2.0]), "x", np).tolist() == [1, 2]
    np.save(tmp_path / "x.npy", np.ones(3))
    assert checks.floats(np.load(tmp_path / "x.npy", mmap_mode="r"), "x", np).sum() == 3


@pytest.mark.parametrize("check", [checks.floats, checks.integers])
def test_ragged_lists(check):
    with pytest.raises(ShapeError, match=r"x is not a regular array"):
        check([[1, 2], [3]], "x", np)


def test_floats_are_c_ordered_and_not_copied_without_need():
    x = np.ones((3, 2))
    assert np.shares_memory(checks.floats(x, "x", np), x)
    for view in (np.asfortranarray(x), x[::-1], x.T, np.ones((6, 4))[::2, ::2]):
        assert checks.floats(view, "x", np).flags.c_contiguous
        np.testing.assert_array_equal(checks.floats(view, "x", np), view)
    assert checks.floats(2.5, "x", np).shape == ()


# finite, shaped, vectors -----------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_finite_says_where(bad, dtype):
    x = np.zeros((3, 4), dtype)
    x[2, 1] = x[2, 3] = bad
    with pytest.raises(InvalidInput, match=r"x has 2 values .* at \[2, 1\]"):
        checks.finite(x, "x", np)


def test_finite_is_not_fooled_by_large_sums_or_by_infinities_that_cancel():
    x = np.full(100, 3e38, np.float32)
    assert checks.finite(x, "x", np) is x
    with pytest.raises(InvalidInput):
        checks.finite(np.array([math.inf, -math.inf]), "x", np)
    assert checks.finite(np.empty(0), "x", np).size == 0


def test_shaped():
    x = np.ones((2, 3))
    assert checks.shaped(x, "x", ("n", "d")) is x
    with pytest.raises(ShapeError, match=r"x is \(2, 3\), 2 axes; expected 1: \(n,\)"):
        checks.shaped(x, "x", ("n",))
    with pytest.raises(ShapeError, match=r"x\[None, :\]"):
        checks.shaped(np.ones(3), "x", ("n", "d"))


@pytest.mark.parametrize("x", [np.ones((5, 0)), np.ones(3), np.ones((1, 2, 3)), 1.0])
def test_vectors_refuse(x):
    with pytest.raises(ShapeError, match=r"x is \("):
        checks.vectors(x, "x", "n", np)


def test_vectors_may_be_none_unless_some_are_needed():
    assert checks.vectors(np.ones((0, 2)), "x", "n", np).shape == (0, 2)
    with pytest.raises(ShapeError, match=r"\(0, 2\) = \(n, d\); expected n >= 1"):
        checks.vectors(np.ones((0, 2)), "x", "n", np, at_least=1)


def test_same_width_names_both():
    with pytest.raises(ShapeError) as caught:
        checks.same_width(np.ones((2, 3)), "query", "n_q", np.ones((4, 5)), "tokens", "n_tokens")
    for part in (
        "query is (2, 3) = (n_q, d), so d = 3",
        "tokens is (4, 5) = (n_tokens, d)",
        "d = 5",
    ):
        assert part in str(caught.value)


# numbers and positions -------------------------------------------------------------------------


@pytest.mark.parametrize("k", [3, np.int64(3), np.uint8(3), np.array(3)])
def test_count_takes_every_integer(k):
    got = checks.count(k, "k")
    assert got == 3
    assert type(got) is int


@pytest.mark.parametrize("k", [0, -1, 2.0, np.float32(2), True, np.True_, "3", None, [3], math.nan])
def test_count_refuses(k):
    with pytest.raises(InvalidInput, match=r"k is .*at least 1"):
        checks.count(k, "k")


@pytest.mark.parametrize("x", [2, 0.5, np.float32(0.5), np.int64(2), Fraction(1, 2)])
def test_positive_numbers(x):
    assert type(checks.positive(x, "x")) is float
    assert checks.positive(x, "x") == float(x)


@pytest.mark.parametrize("x", [0, -1, math.nan, math.inf, True, "1", None, 1j])
def test_positive_refuses(x):
    with pytest.raises(InvalidInput, match=r"x is .*above 0"):
        checks.positive(x, "x")


def test_integers():
    assert checks.integers([], "x", np).dtype == np.int64
    assert checks.integers(np.array([1, 2], np.uint8), "x", np).dtype == np.int64
    strided = checks.integers(np.arange(10)[::3], "x", np)
    assert strided.flags.c_contiguous
    assert strided.tolist() == [0, 3, 6, 9]


@pytest.mark.parametrize(
    "x", [[1.0], [True], ["1"], [None], [1j], np.ma.array([1, 2], mask=[0, 1]), [10**30]]
)
def test_integers_refuse(x):
    with pytest.raises(DTypeError, match=r"ids has (dtype|masked)"):
        checks.integers(x, "ids", np)


def test_within():
    checks.within(np.array([0, 2]), "ids", 3, "n")
    checks.within(np.empty(0, np.int64), "ids", 0, "n")
    for bad in ([0, 3], [-1, 2]):
        with pytest.raises(InvalidInput, match=f"ids runs from {bad[0]} to {bad[1]}; n is 3"):
            checks.within(np.array(bad), "ids", 3, "n")


def test_a_huge_unsigned_id_does_not_wrap_into_range():
    with pytest.raises(InvalidInput, match="ids goes up to 18446744073709551615"):
        checks.integers(np.array([2**64 - 1], np.uint64), "ids", np)
    assert checks.integers(np.array([2**63 - 1], np.uint64), "ids", np).tolist() == [2**63 - 1]


@pytest.mark.parametrize("x", [0.0, 1, np.float32(0.5), np.array(0.25)])
def test_share(x):
    assert type(checks.share(x, "x")) is float
    assert checks.share(x, "x") == x


@pytest.mark.parametrize("x", ["0.5", None, math.nan, True, -0.1, 1.5, 10**400, [0.5], 1j])
def test_share_refuses(x):
    with pytest.raises(InvalidInput, match=r"x is .*; expected a number from 0 to 1"):
        checks.share(x, "x")


def test_number_says_which_range_and_what_text_would_be():
    for limits, says in (
        ({}, "a finite number"),
        ({"at_least": 0}, "a number of at least 0"),
        ({"above": 0, "below": 1}, "a number above 0 and below 1"),
        ({"at_most": 2}, "a number of at most 2"),
    ):
        with pytest.raises(InvalidInput, match=f"ridge is '1e-2'; expected {says}.*pass 0.01"):
            checks.number("1e-2", "ridge", **limits)
        with pytest.raises(InvalidInput, match=f"ridge is nan; expected {says}"):
            checks.number(math.nan, "ridge", **limits)
    assert checks.number(-1, "x") == -1
    with pytest.raises(InvalidInput, match=r"k is '3'; expected an integer of at least 1.*pass 3"):
        checks.count("3", "k")
    with pytest.raises(InvalidInput, match="k is 9223372036854775808; expected at most"):
        checks.count(2**63, "k")


@pytest.mark.parametrize("x", ["False", "", 0, 1.0, None, math.nan, [True]])
def test_flags_are_booleans(x):
    with pytest.raises(InvalidInput, match=r"causal is .*; expected True or False"):
        checks.flag(x, "causal")
    assert checks.flag(np.True_, "causal") is True
    assert checks.flag(np.array(False), "causal") is False


@pytest.mark.parametrize("rng", [-1, 1.5, "0", True, math.nan, [1], np.random.RandomState(0)])
def test_seeds_that_are_none(rng):
    with pytest.raises(InvalidInput, match=r"rng is .*; expected an integer of at least 0"):
        checks.generator(rng)


def test_a_generator_goes_on_and_a_seed_begins_anew():
    own = np.random.default_rng(3)
    assert checks.generator(own) is own
    assert checks.generator(np.int64(3)).integers(99) == checks.generator(3).integers(99)
    assert isinstance(checks.generator(None), np.random.Generator)


def test_labels():
    assert checks.labels([0, 2], "token", np, n=2, limit=3).tolist() == [0, 2]
    for bad, says in (
        ([1], r"token is \(1,\) = \(n,\); expected n = 2"),
        ([[0], [1]], r"token is \(2, 1\), 2 axes"),
        ([1, -100], "token runs from -100 to 1; vocab is 3"),
        ([1, 3], "token runs from 1 to 3"),
        ([0.0, 1.0], "token has dtype float64; expected integers"),
    ):
        with pytest.raises(TokenlabError, match=says):
            checks.labels(bad, "token", np, n=2, limit=3)


def test_weights_to_draw_from():
    assert checks.weights([[0, 2], [1, 0]], "p", np).tolist() == [[0, 2], [1, 0]]
    for bad, says in (
        ([1.0, -1.0], "p goes down to -1"),
        ([1.0, math.inf], "p has 1 values that are not finite"),
        ([math.nan, 1.0], "not finite"),
        ([0.0, 0.0], "p adds up to 0;"),
        ([[1.0, 0.0], [0.0, 0.0]], "p adds up to 0 in row 1"),
        ([1.7e308, 1.7e308], "p adds up to inf"),
        ([], r"p is \(0,\); expected"),
    ):
        with np.errstate(over="ignore"), pytest.raises(TokenlabError, match=says):
            checks.weights(bad, "p", np)


def test_log_probabilities():
    assert checks.log_probs([-1.0, -math.inf, 0.0], "x", np).shape == (3,)
    assert checks.log_probs(np.log([[0.25, 0.75]]), "x", np, whole=True).shape == (1, 2)
    for bad, says in (
        ([0.5, 0.25], "x goes up to 0.5; expected log-probabilities"),
        ([math.nan, -1.0], "x goes up to nan"),
        ([math.inf], "x goes up to inf"),
    ):
        with pytest.raises(InvalidInput, match=says):
            checks.log_probs(bad, "x", np)
    with pytest.raises(InvalidInput, match=r"row of x add up to 0.5"):
        checks.log_probs(np.log([[0.5, 0.5], [0.25, 0.25]]), "x", np, whole=True)


def test_room_to_write_into():
    like = np.zeros(1, np.float32)
    out = np.empty((2, 3), np.float32)
    assert checks.room(out, "out", (2, 3), like, "(n, d)") is out
    locked = out.copy()
    locked.flags.writeable = False
    for bad in (out.T, out.astype(float), locked, [0.0], "out"):
        with pytest.raises(ShapeError, match=r"out is .*expected an array .*\(n, d\) = \(2, 3\)"):
            checks.room(bad, "out", (2, 3), like, "(n, d)")


# what people pass for an array ------------------------------------------------------------------


@pytest.mark.parametrize("check", [checks.floats, checks.integers, checks.booleans])
@pytest.mark.parametrize(
    ("x", "says"),
    [
        (None, "x is None; expected an array"),
        ({"a": [1]}, r"x is a dict; expected an array. Pass one of its arrays, such as x\['a'\]"),
        ("12", "x is '12'; expected an array"),
        ({1, 2}, r"Pass list\(x\)"),
        ((i for i in range(2)), r"Pass list\(x\)"),
        ([np.ma.array([1, 2], mask=[0, 1])], "x has masked entries"),
        (np.array([1 + 0j]), r"x.real|booleans"),
        (np.array([[1.0], None], object)[:1], r"numpy.stack\(list\(x\)\)|booleans"),
        (np.array([1.0, None], object), "missing|booleans"),
    ],
)
def test_no_arrays(check, x, says):
    with pytest.raises(DTypeError, match=says):
        check(x, "x", np)


def test_a_file_of_several_arrays(tmp_path):
    np.savez(tmp_path / "x.npz", states=np.ones(3))
    with np.load(tmp_path / "x.npz") as file, pytest.raises(DTypeError, match=r"x\['states'\]"):
        checks.floats(file, "x", np)


def test_the_other_byte_order_is_taken():
    for dtype in (">f4", ">f8", ">f2"):
        x = checks.floats(np.array([1, 2], dtype), "x", np)
        assert x.dtype.isnative
        assert x.tolist() == [1, 2]
    assert checks.integers(np.array([1, 2], ">i4"), "x", np).dtype == np.int64


def test_a_tensor_of_torch_is_told_its_own_words():
    torch = pytest.importorskip("torch")
    for tensor, says in (
        (torch.ones(2, requires_grad=True), r"x\.detach\(\)\.float\(\)\.numpy\(\)"),
        (torch.ones(2, dtype=torch.bfloat16), r"x\.detach\(\)\.float\(\)\.numpy\(\)"),
        (torch.ones(2), r"x\.numpy\(\)"),
    ):
        with pytest.raises(BackendError, match=says):
            get_xp(tensor)


# who is named ----------------------------------------------------------------------------------


def test_the_named_function_is_the_one_that_was_called():
    from tokenlab.retrieval import TokenIndex, maxsim, maxsim_search, token_topk, xtr_search

    index = TokenIndex(np.ones((1, 2)), [0, 1])
    for call, says in [
        (lambda: TokenIndex(np.ones(2), [0]), "TokenIndex: tokens"),
        (lambda: TokenIndex.from_docs([np.ones(2)]), r"TokenIndex\.from_docs: docs\[0\]"),
        (lambda: maxsim(np.ones(2), index), "maxsim: query"),
        (lambda: maxsim([np.ones((1, 3))], index), "maxsim: query"),
        (lambda: token_topk(np.ones((1, 2)), index, 0), "token_topk: k is 0"),
        (lambda: xtr_search(np.ones((1, 2)), index, k_prime=0, k=5), "xtr_search: k_prime is 0"),
        (lambda: xtr_search(np.ones((1, 2)), index, k_prime=5, k=0), "xtr_search: k is 0"),
        (lambda: maxsim_search(np.ones((1, 2)), index, k=0), "maxsim_search: k is 0"),
    ]:
        with pytest.raises(TokenlabError, match=f"^{says}"):
            call()


def test_outermost_and_not_a_helper_with_the_same_check():
    from tokenlab.logits import FullHead
    from tokenlab.pruning import uniform

    for call, says in [
        (lambda: uniform.reduce([[1.0]] * 4, k=0), "reduce: the budget is k = 0"),
        (lambda: FullHead(np.eye(3)).topk([[1.0, 0, 0]], 0), r"FullHead\.topk: k is 0"),
        (lambda: FullHead(np.eye(3)).log_prob([[math.nan, 0, 0]], [0]), r"FullHead\.log_prob: hid"),
        (lambda: FullHead([[math.nan]]), "FullHead: weight has 1 values"),
    ]:
        with pytest.raises(TokenlabError, match=f"^{says}"):
            call()


def test_a_caller_outside_of_the_package_is_named_too():
    def my_function():
        checks.count(0, "k")

    with pytest.raises(InvalidInput, match="my_function: k is 0"):
        my_function()


def test_all_errors_have_one_root_and_a_built_in_parent():
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert issubclass(kind, TokenlabError)
        if kind is not TokenlabError:
            assert issubclass(kind, ValueError | TypeError | ImportError)


# get_xp and friends ----------------------------------------------------------------------------


def test_numpy_by_default():
    assert get_xp() is np
    assert get_xp(1.0, [1], (2,), np.ones(2), np.float64(1), None) is np


def test_cupy_when_all_are(cupy):
    assert get_xp(cupy.asarray([1.0]), cupy.asarray([2.0])) is cupy


@pytest.mark.parametrize("other", [np.ones(1), [1.0], 1.0])
def test_a_mix_names_both_arguments_and_the_fix(cupy, other):
    def function(query, tokens, swap):
        get_xp(*((tokens, query) if swap else (query, tokens)))

    for swap in (False, True):
        with pytest.raises(BackendError) as caught:
            function(cupy.asarray([1.0]), other, swap)
        text = str(caught.value)
        for part in ("query is a cupy.", "tokens is a ", "cupy.asarray", "to_numpy"):
            assert part in text


def test_other_libraries_are_refused_by_name():
    tensor = Tensor()
    with pytest.raises(BackendError, match=r"tensor is a .*Tensor; expected NumPy or CuPy"):
        get_xp(np.ones(2), tensor)
    with pytest.raises(BackendError):
        get_xp(tensor)


def test_cupy_is_not_imported():
    import sys

    get_xp(np.ones(1))
    assert "cupy" not in sys.modules or arrays.is_cupy(sys.modules["cupy"].asarray([1]))


def test_to_numpy(cupy):
    x = np.ones(2)
    assert to_numpy(x) is x
    assert to_numpy([1, 2]).tolist() == [1, 2]
    moved = to_numpy(cupy.asarray(x))
    assert type(moved) is np.ndarray
    np.testing.assert_array_equal(moved, x)


def test_has_gpu_is_an_answer_and_never_an_error(monkeypatch):
    assert has_gpu() in (True, False)
    monkeypatch.setitem(__import__("sys").modules, "cupy", None)  # import cupy now fails
    arrays.has_gpu.cache_clear()
    try:
        assert has_gpu() is False
    finally:
        arrays.has_gpu.cache_clear()


# what `@takes` says --------------------------------------------------------------------------------


@takes(x="n d?", target="n int | n vocab", seen="... n bool | n n bool", k="count", rng="rng")
@takes(causal="flag", share="share", ridge="number", scale="positive", bias="")
def taking(
    x,
    target=None,
    *,
    seen=None,
    k=None,
    rng=None,
    causal=False,
    share=0.5,
    ridge=0,
    scale=1,
    bias=0.0,
):
    return target, seen, k, rng, causal


class Owner:
    @takes(x="3 d")
    def method(self, x):
        return x

    @classmethod
    @takes(x="n inf")
    def made(cls, x):
        return x


def test_takes_of_several_types_and_single_words():
    x = np.ones((2, 0))
    assert taking(x, [0, 1])[0].dtype == np.int64
    assert taking(x, [[0.5, 0.5], [1, 0]])[0].dtype == np.float64
    assert taking(x, k=np.int64(3), rng=0, causal=np.True_)[2] == 3
    assert isinstance(taking(x, rng=0)[3], np.random.Generator)
    assert taking(x, seen=np.ones((2, 2), bool))[1].shape == (2, 2)
    assert Owner().method(np.ones((3, 1))).shape == (3, 1)
    assert Owner.made([math.inf, math.nan]).shape == (2,)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"x": np.ones((0, 1))}, r"x is \(0, 1\) = \(n, d\); expected n >= 1"),
        ({"x": None}, r"x is None; expected an array \(n, d\)"),
        ({"x": [["a"]]}, "x has dtype <U1; expected real numbers"),
        ({"target": [0.5, 0.5]}, "target has dtype float64; expected integers"),
        ({"target": [[math.nan, 1]] * 2}, "target has 2 values that are not finite"),
        ({"target": [1]}, r"target is \(1,\); expected \(n,\) or \(n, vocab\) with n = 2"),
        ({"seen": np.ma.array([True, True], mask=[0, 1])}, "seen has masked entries"),
        ({"seen": [1, 0]}, "seen has dtype int64; expected booleans"),
        ({"k": 0}, "k is 0; expected at least 1"),
        ({"k": "3"}, "k is '3'; expected an integer"),
        ({"rng": -1}, "rng is -1; expected"),
        ({"causal": "False"}, "causal is 'False'; expected True or False"),
        ({"share": 2}, "share is 2; expected a number from 0 to 1"),
        ({"ridge": "1e-2"}, "ridge is '1e-2'; expected a finite number"),
        ({"scale": math.nan}, "scale is nan; expected a number above 0"),
        ({"bias": [1.0]}, r"bias is \(1,\); expected \(\)"),
    ],
)
def test_takes_refuses(options, says):
    with pytest.raises(TokenlabError, match=f"^taking: {says}"):
        taking(**{"x": np.ones((2, 1))} | options)


def test_takes_names_methods():
    with pytest.raises(ShapeError, match=r"^Owner\.method: x is \(2, 1\); expected \(3, d\)"):
        Owner().method(np.ones((2, 1)))
    with pytest.raises(ShapeError, match=r"^Owner\.made: x is \(1, 1\)"):
        Owner.made([[1.0]])
