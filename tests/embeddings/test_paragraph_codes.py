"""Codes of documents: by hand, by the tape, by the definition, on two topics."""

import numpy as np
import pytest

from tokenlab.autograd import value_and_grad
from tokenlab.embeddings import paragraph_codes as codes
from tokenlab.errors import TokenlabError

Z = np.array([[0.5, -1.0, 0.0, 2.0]])
W = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 1.0]])
HAND = {"z": Z, "w": W, "b": np.zeros(2)}


def topics(n, rng, words=30):
    """Counts of documents of two topics, and which is which."""
    which = np.arange(n) % 2
    p = np.full((2, 2 * words), 0.3)
    p[0, :words] = p[1, words:] = 1.0
    return rng.poisson(1.5 * p[which]), which


def test_hand_case():
    assert codes.binarize(Z).tolist() == [[True, False, False, True]]
    value, grads = codes.loss_and_grad(HAND, [[1, 0]])
    assert value == pytest.approx(1.313262, abs=5e-7)
    assert float(codes.loss(HAND, [[1, 0]])) == pytest.approx(value)
    np.testing.assert_allclose(grads["b"], [-0.731059, 0.731059], atol=5e-7)
    np.testing.assert_allclose(grads["z"], [[-0.171801, 0.143735, 0, 0.153513]], atol=5e-7)
    np.testing.assert_allclose(grads["w"], np.outer([1, 0, 0, 1], grads["b"]))
    a, b = codes.pack(np.array([[1, 0, 1, 1]]) > 0), codes.pack(np.array([[0, 0, 0, 1]]) > 0)
    assert codes.hamming(a, b).tolist() == [[2]]


def params_of(kind, rng):
    made = {"w": rng.standard_normal((3, 7)), "b": rng.standard_normal(7)}
    if kind == "real_binary":
        return made | {"r": rng.standard_normal((5, 4)), "projection": rng.standard_normal((4, 3))}
    return made | {"z": rng.standard_normal((5, 3))}


@pytest.mark.parametrize("kind", codes.KINDS)
def test_loss_and_gradients(kind):
    rng = np.random.default_rng(0)
    params, counts = params_of(kind, rng), rng.poisson(1.0, (5, 7)).astype(float)
    counts[2] = 0
    value, grads = codes.loss_and_grad(params, counts, kind=kind)
    taped, theirs = value_and_grad(lambda p: codes.loss(p, counts, kind=kind))(params)
    assert value == pytest.approx(float(taped))
    assert grads.keys() == params.keys()
    for name in params:
        np.testing.assert_allclose(grads[name], theirs[name], atol=1e-12)
    z = params["r"] @ params["projection"] if kind == "real_binary" else params["z"]
    c = {"real": z, "sigmoid": 1 / (1 + np.exp(-z))}.get(kind, (z > 0) * 1.0)
    naive = 0.0
    for row, count in zip(c, counts, strict=True):
        p = np.exp(row @ params["w"] + params["b"])
        naive -= count @ np.log(p / p.sum())
    assert value == pytest.approx(naive / counts.sum())
    for name in ("w", "b"):  # no rounding stands in their way: central differences
        move = np.random.default_rng(1).standard_normal(params[name].shape)
        up, down = (
            float(codes.loss(params | {name: params[name] + e * move}, counts, kind=kind))
            for e in (1e-6, -1e-6)
        )
        assert (grads[name] * move).sum() == pytest.approx((up - down) / 2e-6, abs=1e-7)


def test_longer_vectors_have_the_same_code():
    rng = np.random.default_rng(2)
    z = rng.standard_normal((6, 9))
    np.testing.assert_array_equal(codes.binarize(z), codes.binarize(7.5 * z))


def test_bits_pack_and_compare():
    rng = np.random.default_rng(3)
    for bits in (1, 7, 8, 10, 17):
        a, b = rng.random((5, bits)) < 0.5, rng.random((6, bits)) < 0.5
        packed = codes.pack(a)
        assert packed.shape == (5, -(-bits // 8))
        np.testing.assert_array_equal(codes.unpack(packed, bits), a)
        for i in range(5):  # a row alone is packed as among others
            np.testing.assert_array_equal(codes.pack(a[i : i + 1])[0], packed[i])
        differ = (a[:, None] != b).sum(axis=2)
        np.testing.assert_array_equal(codes.hamming(packed, codes.pack(b)), differ)
        signs = (2.0 * a - 1) @ (2.0 * b - 1).T / bits
        np.testing.assert_allclose(signs, 1 - 2 * differ / bits)
        found = codes.hamming_topk(packed, codes.pack(b), 4)
        order = np.argsort(differ, axis=1, kind="stable")[:, :4]
        np.testing.assert_array_equal(found.ids, order)
        np.testing.assert_array_equal(found.distances, np.take_along_axis(differ, order, axis=1))
        assert found.distances.dtype == np.int64
    assert codes.hamming_topk(packed, packed, 50).ids.shape == (5, 5)


@pytest.mark.parametrize("kind", codes.KINDS)
def test_defaults_separate_two_topics_and_place_new_documents(kind):
    counts, which = topics(40, np.random.default_rng(4))
    found = codes.train(counts, 16, kind=kind, rng=0)
    assert found.history[-1] < found.history[0]
    differ = codes.hamming(codes.pack(found.codes), codes.pack(found.codes))
    same = which[:, None] == which
    within, between = differ[same & ~np.eye(40, dtype=bool)].mean(), differ[~same].mean()
    assert within < 0.6 * between
    kept = {name: x.copy() for name, x in found.params.items()}
    new, their_topics = topics(40, np.random.default_rng(5))
    placed = codes.infer(found.params, new, kind=kind, rng=1)
    nearest = codes.retrieve(placed.codes, found.codes, 5)
    votes = which[nearest].mean(axis=1) > 0.5
    assert (votes == their_topics).mean() >= 0.85
    for name, x in kept.items():  # nothing that was trained moved
        np.testing.assert_array_equal(found.params[name], x)
        if name not in ("z", "r"):
            np.testing.assert_array_equal(placed.params[name], x)


def test_a_shortlist_by_bits_and_an_order_by_cosines():
    rng = np.random.default_rng(6)
    query, stored = rng.random((3, 12)) < 0.5, rng.random((40, 12)) < 0.5
    real_query, real = rng.standard_normal((3, 5)), rng.standard_normal((40, 5))
    found = codes.retrieve(query, stored, 4, real_query=real_query, real=real, n_candidates=10)
    differ = (query[:, None] != stored).sum(axis=2)
    for q in range(3):
        shortlist = np.argsort(differ[q], kind="stable")[:10]
        cosine = real @ real_query[q] / np.linalg.norm(real, axis=1)
        wanted = sorted(shortlist, key=lambda i, cosine=cosine: -cosine[i])[:4]
        assert found[q].tolist() == wanted
    assert codes.retrieve(query, stored, 99).shape == (3, 40)


def test_what_is_trained_is_reproducible_and_leaves_its_input():
    counts = np.array([[3.0, 0, 1], [0, 2, 2]])
    kept = counts.copy()
    one, two = (codes.train(counts, 4, steps=20, rng=3) for _ in range(2))
    np.testing.assert_array_equal(one.params["z"], two.params["z"])
    np.testing.assert_array_equal(counts, kept)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: codes.pack([[1, 0]]), "pack: codes has dtype"),
        (lambda: codes.unpack(np.zeros((2, 2), np.uint8), 17), "unpack: packed is (2, 2)"),
        (lambda: codes.unpack([[1]], 3), "unpack: packed has dtype"),
        (lambda: codes.hamming([[1]], [[1]]), "hamming: a has dtype"),
        (
            lambda: codes.hamming(np.zeros((1, 1), np.uint8), np.zeros((1, 2), np.uint8)),
            "hamming: a is (1, 1) and b is (1, 2)",
        ),
        (lambda: codes.train([[1, -1]], 2), "train: counts goes down to -1"),
        (lambda: codes.train([[0, 0]], 2), "train: counts goes down to 0 and adds up to 0"),
        (lambda: codes.train([[np.nan, 0]], 2), "train: counts has 1 values"),
        (lambda: codes.train([[1, 0]], 2, kind="bits"), "train: kind is 'bits'"),
        (lambda: codes.loss(HAND, [[1, 0, 2]]), "loss: counts is (1, 3)"),
        (lambda: codes.loss(HAND, [[1, 0]], kind="real_binary"), "loss: params is"),
        (lambda: codes.infer(HAND, [[1, -2]]), "infer: counts goes down to -2"),
        (
            lambda: codes.retrieve([[True]], [[True]], 1, real=[[1.0]]),
            "retrieve: real is given and real_query",
        ),
        (
            lambda: codes.retrieve(
                [[True]], [[True]], 2, real=[[1.0]], real_query=[[1.0]], n_candidates=1
            ),
            "retrieve: n_candidates is 1",
        ),
    ],
)
def test_bad_input_is_refused_by_name(call, says):
    with pytest.raises(TokenlabError) as error:
        call()
    assert says in str(error.value)
