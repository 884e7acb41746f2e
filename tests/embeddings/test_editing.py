"""Debiasing, WEAT, DECOR, in-context vectors, triplets: hand cases, optima, gradients."""

import itertools

import numpy as np
import pytest

from tokenlab.autograd import gradcheck
from tokenlab.embeddings import debias, decor, soft_debiasing, triplet, weat
from tokenlab.embeddings import in_context_vectors as icv
from tokenlab.errors import TokenlabError
from tokenlab.models import transformer

G = np.array([[1.0, 0.0, 0.0]])


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


# Debiasing.


def test_hand_cases_of_debiasing():
    assert debias.neutralize([[0.6, 0.8, 0.0]], G).tolist() == [[0, 1, 0]]
    assert debias.direct_bias([[0.6, 0.8, 0.0]], G) == pytest.approx(0.6)
    beta = debias.indirect_bias([[0.6, 0.8, 0.0]], [[0, 1.0, 0], [0.6, 0, 0.8]], G)
    np.testing.assert_allclose(beta, [[-0.25, 1]], atol=1e-12)
    found = debias.equalize([[-0.5, 0.5, 0.70711], [0.7, 0.1, 0.70711]], [[0, 1]], G)
    np.testing.assert_allclose(
        found, [[-0.64031, 0.3, 0.70711], [0.64031, 0.3, 0.70711]], atol=2e-5
    )


def test_neutral_words_lose_the_direction_and_sets_are_equidistant():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 8))
    basis, share = debias.bias_subspace(x, [[0, 1], [2, 3], [4, 5, 6]], k=2)
    np.testing.assert_allclose(basis @ basis.T, np.eye(2), atol=1e-12)
    assert share[0] >= share[1] > 0
    y = debias.hard_debias(x, basis, specific=[0, 1, 7], sets=[[0, 1], [4, 5, 6]])
    np.testing.assert_allclose(np.linalg.norm(y, axis=1), 1, atol=1e-12)
    neutral = [i for i in range(60) if i not in (0, 1, 4, 5, 6, 7)]
    assert abs(y[neutral] @ basis.T).max() < 1e-12
    np.testing.assert_allclose(y[7], unit(x[7]))
    for rows in ([0, 1], [4, 5, 6]):
        gaps = np.linalg.norm(y[rows][:, None] - y[neutral], axis=2)
        np.testing.assert_allclose(gaps, gaps[:1].repeat(len(rows), axis=0), atol=1e-10)
    pairs = debias.hard_debias(x, basis, specific=[0, 1, 7], sets=[[0, 1], [4, 5]])
    again = debias.hard_debias(pairs, basis, specific=[0, 1, 7], sets=[[0, 1], [4, 5]])
    np.testing.assert_allclose(again, pairs, atol=1e-9)


def test_each_set_weighs_by_its_size_and_the_first_words_are_positive():
    rng = np.random.default_rng(1)
    x = unit(rng.standard_normal((9, 5)))
    sets = [[0, 1], [2, 3, 4], [5, 6]]
    c = sum((x[s] - x[s].mean(axis=0)).T @ (x[s] - x[s].mean(axis=0)) / len(s) for s in sets)
    values, axes = np.linalg.eigh(c)
    found = debias.bias_subspace(x, sets, k=3)
    np.testing.assert_allclose(abs(found.basis @ axes[:, ::-1][:, :3]), np.eye(3), atol=1e-9)
    np.testing.assert_allclose(found.share, values[::-1][:3] / values.sum())
    leading = sum((x[s[0]] - x[s].mean(axis=0)) / len(s) ** 0.5 for s in sets)
    assert (found.basis @ leading > 0).all()


def softly(metric, w, n, b, weight):
    """Eq. (6), as it stands."""
    kept = w @ metric @ w.T - w @ w.T
    return (kept**2).sum() + weight * ((n @ metric @ b.T) ** 2).sum()


@pytest.mark.parametrize(("k", "weight"), [(1, 0.2), (1, 50.0), (2, 5.0)])
def test_soft_debiasing_is_the_minimum(k, weight):
    rng = np.random.default_rng(2)
    w = unit(rng.standard_normal((40, 6)))
    basis = np.linalg.qr(rng.standard_normal((6, k)))[0].T
    neutral = list(range(10, 40))
    found = debias.soft_debias(w, basis, neutral=neutral, weight=weight)
    value = softly(found.metric, w, w[neutral], basis, weight)
    assert found.loss[1] == pytest.approx(value)
    assert found.loss[0] == pytest.approx(softly(np.eye(6), w, w[neutral], basis, weight))
    np.testing.assert_allclose(found.transform.T @ found.transform, found.metric, atol=1e-9)
    np.testing.assert_allclose(found.x, unit(w @ found.transform.T), atol=1e-12)
    for size in (1e-1, 1e-3, 1e-5):  # nothing near it is lower
        for _ in range(20):
            move = rng.standard_normal((6, 6)) * size
            t = found.transform + move
            assert softly(t.T @ t, w, w[neutral], basis, weight) >= value - 1e-9
    before, after = (debias.direct_bias(y[neutral], basis) for y in (w, found.x))
    assert after < before


def test_soft_debiasing_over_the_cone():
    """Ill-conditioned words, where the symmetric minimum has a negative eigenvalue."""
    met = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        w = unit(rng.standard_normal((12, 3)) * [1, 1, 0.05])
        basis = np.linalg.qr(rng.standard_normal((3, 1)))[0].T
        n = w[:6]
        free = soft_debiasing.over_symmetric(w.T @ w, n.T @ n, basis.T, 100.0)
        if np.linalg.eigvalsh(free)[0] > -1e-3:
            continue
        met += 1
        found = debias.soft_debias(w, basis, neutral=range(6), weight=100.0)
        value = softly(found.metric, w, n, basis, 100.0)
        assert np.linalg.eigvalsh(found.metric)[0] >= -1e-9
        for _ in range(60):
            t = found.transform + rng.standard_normal((3, 3)) * 10 ** rng.uniform(-5, 0)
            assert softly(t.T @ t, w, n, basis, 100.0) >= value - 1e-6 * max(1, value)
        if met == 5:
            break
    assert met


def test_soft_debiasing_of_nothing():
    w = unit(np.random.default_rng(3).standard_normal((20, 4)))
    found = debias.soft_debias(w, np.eye(4)[:1], neutral=range(20), weight=0.0)
    np.testing.assert_array_equal(found.metric, np.eye(4))
    np.testing.assert_allclose(found.x, w)


@pytest.mark.parametrize("variant", ["paper", "official"])
def test_analogy_pairs_are_the_best_ones(variant):
    rng = np.random.default_rng(4)
    x, g = unit(rng.standard_normal((30, 4))), rng.standard_normal(4)
    every = []
    for i, j in itertools.permutations(range(30), 2):
        gap = x[i] - x[j]
        if np.linalg.norm(gap) <= 1:
            every.append((gap @ unit(g) / np.linalg.norm(gap), i, j))
    every.sort(key=lambda found: (-found[0], found[1], found[2]))
    wanted, firsts, seconds = [], set(), set()
    for score, i, j in every:
        if i in firsts or score <= (0 if variant == "paper" else 1e-3):
            continue
        if variant == "official" and j in seconds:
            continue
        firsts.add(i)
        seconds.add(j)
        wanted.append((i, j))
    found = debias.analogy_pairs(x, g, 8, variant=variant)
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == wanted[:8]


# WEAT.


def test_weat_by_hand():
    rng = np.random.default_rng(5)
    x, y, a, b = (unit(rng.standard_normal((n, 4))) for n in (4, 4, 3, 5))
    s = lambda w: (w @ a.T).mean(axis=1) - (w @ b.T).mean(axis=1)  # noqa: E731
    every = np.concatenate([s(x), s(y)])
    statistic = s(x).sum() - s(y).sum()
    splits = [
        every[list(half)].sum() - np.delete(every, half).sum()
        for half in itertools.combinations(range(8), 4)
    ]
    found = weat.association(x, y, a, b)
    assert found.exact
    assert found.statistic == pytest.approx(statistic)
    assert found.effect == pytest.approx((s(x).mean() - s(y).mean()) / every.std(ddof=1))
    assert found.p_value == pytest.approx(np.mean(np.array(splits) >= statistic - 1e-12))
    sampled = weat.association(x, y, a, b, limit=20, rng=0)
    assert not sampled.exact
    assert abs(weat.association(x, y, a, b, limit=69, rng=0).p_value - found.p_value) < 0.2
    same = weat.association(x, x, a, b)
    assert same.statistic == 0
    assert same.effect == 0
    longer = weat.association(3 * x, 0.1 * y, 7 * a, b)  # directions count alone
    assert longer.effect == pytest.approx(found.effect)
    assert longer.statistic == pytest.approx(found.statistic)


def test_targets_that_are_all_alike_have_no_effect_size():
    rng = np.random.default_rng(6)
    a, b = rng.standard_normal((3, 5)), rng.standard_normal((4, 5))
    for dtype in (np.float32, np.float64):
        row = rng.standard_normal(5).astype(dtype)
        x = np.tile(row, (4, 1)) * np.array([[1], [2], [3], [0.7]], dtype)
        with pytest.raises(TokenlabError, match="association: all words of x and y relate alike"):
            weat.association(x, x[::-1].copy(), a.astype(dtype), b.astype(dtype))
    for i, name in enumerate(("x", "y", "a", "b")):
        sets = [rng.standard_normal((3, 5)) for _ in range(4)]
        sets[i][1, 2] = np.nan
        with pytest.raises(TokenlabError, match=f"association: {name} has 1 values"):
            weat.association(*sets)
        sets[i][1] = 0
        with pytest.raises(TokenlabError, match=f"association: {name} has 1 rows of zeros"):
            weat.association(*sets)


def test_hard_debiasing_holds_two_copies():
    import tracemalloc

    rng = np.random.default_rng(8)
    x = rng.standard_normal((200_000, 50)).astype(np.float32)
    basis = debias.bias_subspace(x, [[1, 2], [3, 4]]).basis
    debias.hard_debias(x[:9], basis, specific=[0], sets=[[1, 2]])
    tracemalloc.start()
    y = debias.hard_debias(x, basis, specific=[5, 6], sets=[[1, 2], [3, 4]])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2.5 * x.nbytes
    assert y.dtype == np.float32
    assert abs(y[7:] @ basis.T).max() < 1e-6
    np.testing.assert_allclose(y[5], unit(x[5]), rtol=1e-5)


def test_inputs_are_left_as_they_were():
    rng = np.random.default_rng(7)
    x = rng.standard_normal((10, 4))
    kept, basis = x.copy(), debias.bias_subspace(x, [[0, 1]]).basis
    debias.equalize(x, [[0, 1]], basis)
    debias.hard_debias(x, basis, specific=[2], sets=[[0, 1]])
    debias.soft_debias(x, basis, neutral=range(3, 10))
    triplet.triplet_grads(x[:3], x[3:6], x[6:9])
    np.testing.assert_array_equal(x, kept)
    one, two = (debias.soft_debias(x, basis, neutral=range(3, 10), weight=3.0) for _ in range(2))
    np.testing.assert_array_equal(one.metric, two.metric)


def test_triplets_whose_positive_is_the_anchor():
    a, n = np.array([[1.0, 2.0]]), np.array([[4.0, 6.0]])
    grads = triplet.triplet_grads(a, a, n, margin=9.0, distance="euclidean")
    assert np.isfinite(np.concatenate(grads)).all()
    assert (grads.positive == 0).all()
    np.testing.assert_allclose(grads.negative, [[-0.6, -0.8]])  # away, at full length


# DECOR.


def test_decor_by_hand():
    x, undesired = [[1, 1, 0], [0, 0, 2]], [[2, 0, 0]]
    assert decor.remove(x, undesired).tolist() == [[0, 1, 0], [0, 0, 2]]
    assert decor.remove(x, undesired, alpha=0.5).tolist() == [[0.5, 1, 0], [0, 0, 2]]


def test_decor_removes_a_span_once():
    rng = np.random.default_rng(6)
    x, undesired = rng.standard_normal((7, 6)), rng.standard_normal((3, 6))
    y = decor.remove(x, undesired)
    np.testing.assert_allclose(y @ undesired.T, 0, atol=1e-12)
    np.testing.assert_allclose(decor.remove(y, undesired), y, atol=1e-12)
    doubled = np.concatenate([undesired, undesired])
    np.testing.assert_allclose(decor.remove(x, doubled), y, atol=1e-10)
    axis = np.linalg.svd(undesired)[2][:1]
    np.testing.assert_allclose(decor.remove(x, undesired, k=1), x - x @ axis.T @ axis, atol=1e-12)
    parts = decor.components(x, pads=[False] * 5 + [True] * 2)
    np.testing.assert_allclose(decor.reconstruct(parts, range(6)), x, atol=1e-12)
    assert parts.share.sum() == pytest.approx(1)
    assert parts.pads.sum() == pytest.approx((np.linalg.svd(x)[0][5:, :6] ** 2).sum())
    np.testing.assert_allclose(decor.components(x, pads=[True] * 7).pads, 1)


# In-context vectors.


def test_shift_by_hand_and_what_stays():
    for x, wanted in (((3.0, 4.0), (2.773501, 4.160251)), ((3.0, -4.0), (3.477107, -3.593011))):
        moved = icv.shift(x, [0.0, 1.0], strength=0.1, variant="official")
        np.testing.assert_allclose(moved, wanted, atol=5e-7)
    rng = np.random.default_rng(7)
    x, v = rng.standard_normal((5, 6)), rng.standard_normal(6)
    for variant in icv.VARIANTS:
        np.testing.assert_allclose(icv.shift(x, v, strength=0.0, variant=variant), x)
        moved = icv.shift(x, v, strength=0.3, variant=variant)
        lengths = np.linalg.norm(moved, axis=1), np.linalg.norm(x, axis=1)
        np.testing.assert_allclose(*lengths)
        assert ((unit(moved) @ v) >= (unit(x) @ v)).all()
        zero = icv.shift(np.zeros((1, 6)), v, variant=variant)
        assert (zero == 0).all()
    scaled = icv.shift(x, 9 * v, strength=0.3, variant="official")
    np.testing.assert_allclose(scaled, icv.shift(x, v, strength=0.3, variant="official"))
    opposite = icv.shift(-v[None], v, strength=1.0, variant="paper")
    np.testing.assert_allclose(opposite, -v[None])


def test_directions_of_the_specification():
    after = np.array([[[2.0, 1]], [[2, 1]], [[3, 1]]])
    official = icv.direction(0 * after, after, variant="official")
    np.testing.assert_allclose(official.vectors, [[10 / 3, 1]], atol=1e-6)
    np.testing.assert_allclose(
        icv.direction(0 * after, after).vectors, [[0.92388, 0.382683]], atol=1e-6
    )
    same = np.ones((4, 2, 3))
    found = icv.direction(0 * same, same, variant="official")
    np.testing.assert_allclose(found.vectors, 1)  # no direction: the mean alone
    assert (icv.direction(0 * same[:1], same[:1], variant="official").vectors == 1).all()


def test_an_editor_is_a_tap_of_a_model():
    params = transformer.init(vocab=7, d=4, layers=2, heads=2, rng=0)
    vectors = np.random.default_rng(8).standard_normal((2, 4)).astype(np.float32)
    plain = transformer.forward(params, [1, 2, 3])
    edited = transformer.forward(params, [1, 2, 3], tap=icv.editor(vectors, strength=0.5))
    assert abs(edited - plain).max() > 1e-4
    still = transformer.forward(params, [1, 2, 3], tap=icv.editor(vectors, strength=0.0))
    np.testing.assert_allclose(still, plain, atol=1e-5)
    with pytest.raises(TokenlabError, match="editor: the model has a layer 2"):
        transformer.forward(params, [1, 2, 3], tap=icv.editor(vectors[:1]))


# Triplets.


def test_triplets_by_hand():
    a, p, n = [[1.0, 0.0]], [[0.6, 0.8]], [[0.8, 0.6]]
    assert float(triplet.triplet_loss(a, p, n)) == pytest.approx(0.5)
    loss = triplet.triplet_loss(a, p, n, margin=1.0, distance="euclidean")
    assert float(loss) == pytest.approx(1.2620, abs=5e-5)
    assert triplet.triplet_accuracy(a, p, n) == 0
    assert triplet.triplet_accuracy(a, n, p) == 1


@pytest.mark.parametrize("distance", triplet.DISTANCES)
def test_gradients_of_triplets(distance):
    rng = np.random.default_rng(9)
    params = {name: rng.standard_normal((6, 4)) for name in "apn"}

    def loss(q):
        return triplet.triplet_loss(q["a"], q["p"], q["n"], margin=0.9, distance=distance)

    assert gradcheck(loss, params) < 1e-6
    from tokenlab.autograd import value_and_grad

    grads = value_and_grad(loss)(params)[1]
    ours = triplet.triplet_grads(*params.values(), margin=0.9, distance=distance)
    for mine, taped in zip(ours, grads.values(), strict=True):
        np.testing.assert_allclose(mine, taped, atol=1e-12)
    far = triplet.triplet_grads(params["a"], params["a"], -params["a"], distance=distance)
    assert all((g == 0).all() for g in far)


def test_negatives_are_those_asked_for():
    rng = np.random.default_rng(10)
    a, p = unit(rng.standard_normal((12, 3))), unit(rng.standard_normal((12, 3)))
    cosines = a @ p.T
    hard, semi = triplet.mine(a, p), triplet.mine(a, p, how="semi-hard")
    for i in range(12):
        others = [j for j in range(12) if j != i]
        assert hard[i] == max(others, key=lambda j: cosines[i, j])
        below = [j for j in others if cosines[i, j] < cosines[i, i]]
        assert semi[i] == (max(below, key=lambda j: cosines[i, j]) if below else hard[i])


def test_what_moved_in_the_weights():
    old = {"layers": [{"w": np.ones((4, 3))}], "bias": np.zeros(2)}
    new = {"layers": [{"w": np.ones((4, 3))}], "bias": np.array([0.0, 2.0])}
    new["layers"][0]["w"] = old["layers"][0]["w"].copy()
    new["layers"][0]["w"][1] += 3
    found = {d.name: d for d in triplet.weight_differences(old, new)}
    assert found["layers.0.w"].rows == 0.25
    assert found["layers.0.w"].norm == pytest.approx(27**0.5)
    assert found["layers.0.w"].relative == pytest.approx((27 / 12) ** 0.5)
    assert found["bias"].relative == np.inf
    assert found["bias"].largest == 2
    assert triplet.weight_differences(old, old)[0].relative == 0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: debias.bias_subspace(np.eye(3), [[0]]), "bias_subspace: sets has [0]"),
        (lambda: debias.bias_subspace(np.eye(3), [[0, 3]]), "bias_subspace: sets has rows"),
        (lambda: debias.bias_subspace(np.eye(3), "ab"), "bias_subspace: sets is str"),
        (lambda: debias.direct_bias(np.eye(3), 2 * G), "direct_bias: basis is not orthonormal"),
        (lambda: debias.neutralize(np.zeros((2, 3)), G), "neutralize: x has 2 rows of zeros"),
        (lambda: debias.neutralize(G, G), "neutralize: x has 1 rows that lie in the subspace"),
        (lambda: debias.equalize(np.ones((2, 3)), [[0, 1]], G), "equalize: sets has [0, 1]"),
        (lambda: debias.neutralize([[np.nan, 1, 1]], G), "neutralize: x has 1 values"),
        (
            lambda: debias.soft_debias(G.repeat(3, axis=0), G, neutral=[0]),
            "soft_debias: x is (3, 3) and does not span",
        ),
        (lambda: weat.association(np.eye(2), np.eye(2)[:1], np.eye(2), np.eye(2)), "x has 2 words"),
        (lambda: decor.remove(np.eye(3), G, k=2), "remove: k is 2"),
        (lambda: decor.remove(np.eye(3), [[1.0]]), "remove: "),
        (lambda: icv.direction(np.ones((2, 1, 2)), np.ones((2, 1, 2)), rank=3), "rank is 3"),
        (lambda: icv.shift(np.ones(3), np.ones(2)), "shift: "),
        (lambda: icv.shift(np.ones(2), np.ones((2, 2)), strength=[0.1] * 3), "shift: strength is"),
        (lambda: triplet.triplet_loss(0 * G, G, G), "triplet_loss: anchor has 1 rows of zeros"),
        (lambda: triplet.triplet_loss(G, G, G, margin=0), "triplet_loss: margin is 0"),
        (
            lambda: triplet.weight_differences({"l": [G]}, {"l": [G.T]}),
            "weight_differences: l.0 is (1, 3) before",
        ),
    ],
)
def test_bad_input_is_refused_by_name(call, says):
    with pytest.raises(TokenlabError) as error:
        call()
    assert says in str(error.value)
