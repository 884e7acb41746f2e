"""The tape: every operation against central differences, and what it refuses."""

from typing import NamedTuple

import numpy as np
import pytest

from tokenlab.arrays import get_xp, stop
from tokenlab.autograd import gradcheck, taped, value_and_grad
from tokenlab.tape import OPERATIONS, Node, Var

rng = np.random.default_rng(0)
X = np.abs(rng.standard_normal((3, 4))) + 0.3
W, OTHER, M = (
    rng.standard_normal((3, 4)),
    rng.standard_normal((3, 4)),
    rng.standard_normal((4, 4)) + 4 * np.eye(4),
)
AT = np.array([0, 2, 2])
xp = get_xp(Var(W))


def written(x):
    y = xp.zeros((3, 4))
    y[1:] = x[:2] * x[:2]
    y[np.array([0, 0])] = x[:2]  # the second one stays
    y[0, 0] = 5.0
    return (y * y).sum()


def in_place(x):
    y = x * 1.0
    alias = y
    y += x
    y *= x
    xp.minimum(y, 3.0, out=y)
    xp.add.at(y, np.array([0, 0]), x[:2])
    y[1:] *= x[:2]
    y[np.array([0, 2]), 1] -= x[0, 0]
    top = y[:2]
    top += x[1:]  # a slice writes through
    return (alias * y).sum()


def both(found, weights):
    return sum((a * b).sum() for a, b in zip(found, weights, strict=True))


def eigh(x):
    w, v = xp.linalg.eigh(x @ x.T)
    return (w * M[0, :3]).sum() + (v * v * M[:3, :3]).sum()


def svd(x):
    u, s, vt = xp.linalg.svd(x, full_matrices=False)
    return (u * u * M[:3, :3]).sum() + (s * M[0, :3]).sum() + (vt * vt * W).sum()


def tall_svd(x):
    u, s, vt = xp.linalg.svd(x.T, full_matrices=False)
    return (u * u * W.T).sum() + (s * M[0, :3]).sum() + (vt * vt * M[:3, :3]).sum()


CASES = {
    "+ - * / **": lambda x: ((2 - x) * x / (x + 1) + x**2 - 3 / x + 2**x).sum(),
    "@": lambda x: ((x @ M) * W).sum() + (x @ M[0]) @ x[:, 1] + W[:, 0] @ x @ M[1],
    "@ stacked": lambda x: ((x.reshape(3, 2, 2) @ M[:2, :2]) ** 2).sum(),
    "@ broadcast": lambda x: ((x[None] @ np.stack([M, 2 * M])) ** 2).sum(),
    "absolute negative square": lambda x: (xp.abs(W - x) + xp.square(-x)).sum(),
    "sqrt exp log tanh": lambda x: (xp.sqrt(x) + xp.exp(x) + xp.log(x) * xp.tanh(x)).sum(),
    "expm1 log1p sin cos": lambda x: (xp.expm1(x) + xp.log1p(x) + xp.sin(x) * xp.cos(x)).sum(),
    "maximum minimum clip": lambda x: (
        xp.maximum(x, W) * xp.minimum(2 * W, x) + xp.clip(x, 0.5, 1)
    ).sum(),
    "where": lambda x: xp.where(W > 0, x * x, x[:1]).sum(),
    "mean var std": lambda x: (x.mean(axis=0) * x.var(axis=0) + xp.std(x, axis=(0, 1))).sum(),
    "max": lambda x: x.max() + (x.max(axis=0, keepdims=True) * W).sum() + x.max(axis=(0, 1)),
    "min": lambda x: (x.min(axis=1) * W[:, 0]).sum(),
    "prod": lambda x: (x.prod(axis=1) * W[:, 0]).sum() + (x * (W > -9)).prod(),
    "prod of a zero": lambda x: (x * np.array([0.0, 1, 1, 1])).prod(axis=1).sum(),
    "cumsum": lambda x: (x.cumsum(axis=0) * W).sum() + (x.cumsum() ** 2).sum(),
    "einsum": lambda x: (
        (xp.einsum("ij,kj->ik", x, OTHER) ** 2).sum() + (xp.einsum("ij->j", x) ** 2).sum()
    ),
    "linalg.solve": lambda x: (
        (xp.linalg.solve(M + x.T @ x, x.T) ** 2).sum() + xp.linalg.solve(M + x.T @ x, x[0]).sum()
    ),
    "linalg.inv": lambda x: (xp.linalg.inv(M + x.T @ x) * M).sum(),
    "linalg.pinv": lambda x: (xp.linalg.pinv(x) * W.T).sum() + (xp.linalg.pinv(x.T) * W).sum(),
    "linalg.pinv of rank 1": lambda x: (xp.linalg.pinv(x[:, :1] * x[:1]) * W.T).sum(),
    "linalg.eigh": eigh,
    "linalg.svd": svd,
    "linalg.svd of a tall one": tall_svd,
    "linalg.svd alone": lambda x: (xp.linalg.svd(x, compute_uv=False) ** 3).sum(),
    "linalg.qr": lambda x: both(xp.linalg.qr(x.T), (W.T, M[:3, :3])),
    "add.reduceat": lambda x: (np.add.reduceat(x, [0, 2, 2, 1], axis=1) * W).sum(),
    "maximum.reduceat": lambda x: (np.maximum.reduceat(x, [0, 2, 2, 1], axis=1) * W).sum(),
    "maximum.reduceat of rows": lambda x: (np.maximum.reduceat(x, [0, 1]) * W[:2]).sum(),
    "bincount": lambda x: (np.bincount([0, 2, 2], weights=x[:, 0], minlength=4) ** 2).sum(),
    "getitem": lambda x: (x[AT] * W).sum() + x[1, 2] * x[..., -1].sum() + (x[x > 1] ** 2).sum(),
    "replaced": written,
    "take take_along_axis": lambda x: (
        (xp.take(x, AT, axis=1) * W[:, :3]).sum()
        + (xp.take_along_axis(x, AT[:, None], axis=1) ** 2).sum()
    ),
    "repeat flip sort": lambda x: (
        xp.repeat(x, 2, axis=0)[1:4] * W + xp.flip(x, 1) * W + xp.sort(x) * W
    ).sum(),
    "stack concatenate pad": lambda x: (
        (xp.stack([x, W, x], axis=1) ** 2).sum()
        + (xp.concatenate([x, x * x]) ** 2).sum()
        + (xp.pad(x, 1)[1:, 1:][:3, :4] * W).sum()
    ),
    "broadcast_to reshape ravel": lambda x: (
        (xp.broadcast_to(x[:, :1], (3, 4)) * W).sum()
        + (x.reshape(-1)[::2] ** 2).sum()
        + (x.ravel() ** 3).sum()
    ),
    "expand_dims squeeze": lambda x: (xp.expand_dims(x, 1).squeeze(1) * W).sum(),
    "transpose swapaxes moveaxis": lambda x: (
        (x.reshape(3, 2, 2).transpose(2, 0, 1)[0] ** 2).sum()
        + (x.T * W.T + x.swapaxes(0, 1) * W.T + xp.moveaxis(x, 0, 1) ** 2 * W.T).sum()
    ),
    "astype copy tril triu": lambda x: (
        (x.astype(np.float64).copy() * W).sum() + (xp.tril(x) * W + xp.triu(x, 1) * x).sum()
    ),
    "NumPy's own functions": lambda x: (
        (np.exp(x) + np.where(W > 0, x, 1.0) + np.maximum(W, x)).sum() + np.sum(W * x)
    ),
    "add.at": in_place,
}


@pytest.mark.parametrize("name", CASES)
def test_operation(name):
    assert gradcheck(CASES[name], X) < 1e-7


def test_a_projection_of_equal_singular_values():
    """The basis may turn, the projection does not."""
    start = np.eye(4)[:2]

    def kept(x):
        _, _, vt = xp.linalg.svd(x, full_matrices=False)
        return ((vt.T @ vt) * M).sum()

    assert gradcheck(kept, start) < 1e-7


def test_reduceat_gives_ties_to_the_first():
    _, grad = value_and_grad(lambda x: np.maximum.reduceat(x, [0, 3]).sum())(np.ones(5))
    assert grad.tolist() == [1, 0, 0, 1, 0]


class Line(NamedTuple):
    slope: np.ndarray
    places: np.ndarray  # integers: no gradient


def test_trees_of_parameters_and_integers():
    loss = lambda p, y: (p["a"][0].slope * y[p["a"][0].places]).sum() * p["b"]  # noqa: E731
    params = {"a": [Line(np.ones(2), np.array([1, 0]))], "b": 2.0, "c": "word"}
    value, grads = value_and_grad(loss)(params, np.array([3.0, 5.0]))
    assert value == 16
    assert type(grads["a"][0]) is Line
    assert grads["a"][0].slope.tolist() == [10, 6]
    assert grads["a"][0].places is None
    assert (grads["b"], grads["c"]) == (8, None)


def test_comparisons_are_plain_booleans():
    x = Var(np.array([0.0, 1.0, 2.0]), Node(np.zeros(3)))
    assert (x == 0).tolist() == [True, False, False]
    assert type(x > 1) is np.ndarray
    assert type(x.argmax()) is np.int64


def test_stop_is_a_constant():
    value, grad = value_and_grad(lambda x: (stop(x) * x).sum())(np.array([3.0]))
    assert (value, grad.tolist()) == (9, [3])


def test_a_new_operation_is_two_lines():
    def cube(a):
        x = stop(a)
        return taped(x**3, (a, lambda g: g * 3 * x * x))

    assert gradcheck(lambda x: (cube(x) * W).sum(), X) < 1e-8
    np.testing.assert_allclose(cube(W), W**3)


def test_gradcheck_finds_a_wrong_derivative():
    wrong = lambda a: taped(stop(a) ** 2, (a, lambda g: g * stop(a)))  # noqa: E731
    assert gradcheck(lambda x: wrong(x).sum(), X) > 0.4


def test_gradcheck_leaves_what_it_was_given():
    kept = X.copy()
    gradcheck(lambda x: (x * x).sum(), kept)
    np.testing.assert_array_equal(kept, X)


def view_in_place(x):
    turned = x.T
    turned += 1
    return x.sum()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.median(x), "numpy.median has no derivative here"),
        (lambda x: xp.linalg.det(x @ x.T), "numpy.linalg.det has no derivative here"),
        (lambda x: xp.linalg.svd(x), "full matrices has no derivative here"),
        (lambda x: xp.linalg.qr(x), "numpy.linalg.qr has a derivative here for tall matrices"),
        (lambda x: x.tolist(), "x.tolist has no derivative here"),
        (lambda x: float(x.sum()), "would lose its gradient"),
        (lambda x: np.asarray(x), "would lose its gradient"),
        (lambda x: np.zeros(3).__setitem__(slice(3), x[:, 0]), "would lose its gradient"),
        (view_in_place, "reshaped or transposed"),
        (lambda x: value_and_grad(lambda y: y.sum())(x), "second derivatives"),
        (lambda x: x * 2, "expected one number"),
    ],
)
def test_what_has_no_gradient_says_so(function, message):
    with pytest.raises((TypeError, AttributeError, ValueError), match=message):
        value_and_grad(function)(X)


def test_the_machinery_stays_a_text():
    from tokenlab import tape

    with open(tape.__file__, encoding="utf-8") as file:
        assert len(file.readlines()) < 200


def test_every_operation_is_in_a_case():
    """Each one is called by some case, under its own name."""
    called = set()
    kept = dict(OPERATIONS)

    def noted(name, f):
        def call(*args, **kwargs):
            called.add(name)
            return f(*args, **kwargs)

        call.__dict__.update(vars(f))
        return call

    try:
        OPERATIONS.update({name: noted(name, f) for name, f in kept.items()})
        for name, f in CASES.items():
            try:
                value_and_grad(f)(X)
            except TypeError as error:
                raise AssertionError(name) from error
    finally:
        OPERATIONS.update(kept)
    from tokenlab.ops_numpy import NEW_LIKE, PLAIN

    words = " ".join(CASES)
    without = {*PLAIN.split(), *NEW_LIKE.split(), "abs", "dot", "view", "sum"}
    through = {"add", "subtract", "multiply", "divide", "power", "matmul"}  # the operators
    missing = [n for n in kept if n not in called | without | through and n not in words]
    assert missing == []
