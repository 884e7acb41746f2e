"""Counting, PMI, skip-gram, CBOW, GloVe, subwords, two towers: hand cases and golden numbers."""

import math

import numpy as np
import pytest

from tokenlab import use_engine
from tokenlab.autograd import gradcheck, value_and_grad
from tokenlab.embeddings import glove, skip_gram, subwords, two_towers, word_vectors
from tokenlab.embeddings.word_vectors import Counts, cooccurrence
from tokenlab.errors import TokenlabError

X = np.array([[0.0, 8, 2], [8, 0, 4], [2, 4, 2]])
ROWS, COLUMNS = np.nonzero(X)
COUNTS = Counts(ROWS, COLUMNS, X[ROWS, COLUMNS], 3)
ENGINES = ("numpy", "numba")


@pytest.fixture(params=ENGINES)
def engine(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    with use_engine(request.param):
        yield request.param


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


# Counting.


def by_hand(ids, offsets, vocab, window, amount, symmetric):
    matrix = np.zeros((vocab, vocab))
    for text in range(len(offsets) - 1):
        for i in range(offsets[text], offsets[text + 1]):
            for j in range(offsets[text], offsets[text + 1]):
                if 0 < abs(i - j) <= window and (symmetric or j < i):
                    matrix[ids[i], ids[j]] += amount(abs(i - j))
    return matrix


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("weighting", ["flat", "harmonic", "dynamic"])
def test_counts_are_those_of_two_loops(engine, weighting, symmetric):
    amount = {
        "flat": lambda gap: 1,
        "harmonic": lambda gap: 1 / gap,
        "dynamic": lambda gap: (4 - gap + 1) / 4,
    }[weighting]
    rng = np.random.default_rng(0)
    ids, offsets = rng.integers(0, 6, 50), np.array([0, 0, 7, 8, 50])
    kwargs = {"window": 4, "weighting": weighting, "symmetric": symmetric}
    found = cooccurrence(ids, offsets, 7, **kwargs)
    expected = by_hand(ids, offsets, 7, 4, amount, symmetric)
    np.testing.assert_allclose(found.matrix(), expected, atol=1e-12)
    cell = found.rows * 7 + found.columns
    assert (np.diff(cell) > 0).all()  # sorted by row, then column, each once
    assert (found.values > 0).all()


def test_no_pair_across_texts_and_none_of_a_word_alone(engine):
    found = cooccurrence([0, 1, 2, 3, 0, 4, 1], [0, 3, 3, 4, 7], 5, window=2)
    matrix = found.matrix()
    assert (matrix == matrix.T).all()
    assert not matrix[3].any()
    assert matrix[2, 0] == 1
    assert matrix[2, 4] == 0
    pairs = skip_gram.pairs([0, 1, 2, 3, 0, 4, 1], [0, 3, 3, 4, 7], 2, dynamic=False)
    assert pairs.tolist() == [
        *([0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]),
        *([0, 4], [0, 1], [4, 0], [4, 1], [1, 0], [1, 4]),
    ]
    with pytest.raises(TokenlabError, match="ids runs from 0 to 9322"):
        cooccurrence([0, 9322], [0, 2], 5)
    empty = cooccurrence([], [0], 5)
    assert len(empty.values) == 0
    assert not word_vectors.ppmi_svd(empty, 2)[0].any()


def test_dynamic_weighting_is_the_mean_of_dynamic_windows():
    ids = np.random.default_rng(1).integers(0, 4, 40)
    total = sum(
        np.histogram2d(
            *skip_gram.pairs(ids, [0, 40], 3, rng=seed).T, bins=(4, 4), range=[[0, 4]] * 2
        )[0]
        for seed in range(600)
    )
    expected = cooccurrence(ids, [0, 40], 4, window=3, weighting="dynamic").matrix()
    np.testing.assert_allclose(total / 600, expected, atol=0.6)
    assert 4 in abs(np.diff(skip_gram.pairs(np.arange(9), [0, 9], 4, rng=0)))


# PMI, and what skip-gram's optimum is.


def test_pmi_less_log_k_by_hand_and_the_gradient_vanishes_there():
    told = word_vectors.pmi(COUNTS, shift=math.log(2)).values
    expected = [0, -0.9808, 0, -0.4700, -0.9808, -0.4700, -0.7577]
    np.testing.assert_allclose(told, expected, atol=5e-5)
    # Full rank: vectors of the identity, so that outputs are the products themselves.
    products = np.full((3, 3), -30.0)  # what never occurs wants minus infinity
    products[ROWS, COLUMNS] = told
    noise = X.sum(axis=0) / X.sum()
    loss = lambda outputs: skip_gram.expected_loss(np.eye(3), outputs, X, noise, 2)  # noqa: E731
    _, grad = value_and_grad(loss)(products.T.copy())
    assert abs(grad).max() < 1e-12
    worse = products.T + np.random.default_rng(0).standard_normal((3, 3)) * 0.1
    assert loss(worse) > loss(products.T.copy())


def test_ppmi_svd_is_the_positive_part_and_isolated_words_are_zeros():
    counts = Counts(np.array([0, 1, 1, 3]), np.array([1, 0, 3, 1]), np.array([4.0, 4, 1, 1]), 4)
    for weight in (0.0, 0.5, 1.0):
        vectors, outputs = word_vectors.ppmi_svd(counts, 4, power=1.0, weight=weight)
        dense = Counts(*word_vectors.pmi(counts)[:3], 4).matrix()
        np.testing.assert_allclose(vectors @ outputs.T, np.maximum(dense, 0), atol=1e-12)
        assert not vectors[2].any()
    with pytest.raises(TokenlabError, match="d is 5"):
        word_vectors.ppmi_svd(counts, 5)


@pytest.mark.parametrize("scipy", [True, False])
def test_a_large_vocabulary_by_iteration_gives_what_all_of_the_matrix_gives(scipy, monkeypatch):
    from tokenlab.embeddings import factors

    if scipy:
        pytest.importorskip("scipy")
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 60, (2, 400))
    values = rng.random(400)
    cells = np.unique(rows * 60 + columns)
    args = (cells // 60, cells % 60, values[: len(cells)], 60, 5)
    expected = factors.leading_factors(*args)
    monkeypatch.setattr(factors, "DENSE", 40)
    if not scipy:
        monkeypatch.setattr(factors.importlib.util, "find_spec", lambda name: None)
    u, s, v = factors.leading_factors(*args)
    close = {"rtol": 1e-7, "atol": 1e-9} if scipy else {"rtol": 0.01, "atol": 0.05}
    np.testing.assert_allclose(s, expected[1], **close)
    np.testing.assert_allclose((u * s) @ v.T, (expected[0] * expected[1]) @ expected[2].T, **close)


@pytest.mark.parametrize(
    "counts",
    [
        Counts([0], [0], [0.0], 3),
        Counts([0], [0], [-1.0], 3),
        Counts([0], [0], [np.nan], 3),
        Counts([3], [0], [1.0], 3),
        Counts([0], [-1], [1.0], 3),
        Counts([0, 1], [0], [1.0, 1.0], 3),
        np.ones((3, 3)),
        None,
    ],
)
def test_counts_that_are_none_are_named(counts):
    for call in (
        lambda: word_vectors.pmi(counts),
        lambda: word_vectors.ppmi_svd(counts, 2),
        lambda: glove.train(counts, 2),
    ):
        with pytest.raises(TokenlabError, match="counts"):
            call()


# Judging.


def test_analogies_by_both_methods_leave_the_given_words_out():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 6))
    questions = rng.integers(0, 30, (50, 4))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    for method in ("add", "mul"):
        found = word_vectors.analogies(x, questions, method=method)
        for (a, b, c, d), answer, correct in zip(
            questions, found.answers, found.correct, strict=True
        ):
            near = unit @ unit[[a, b, c]].T  # (n, 3)
            if method == "add":
                scores = near[:, 1] - near[:, 0] + near[:, 2]
            else:
                near = (1 + near) / 2
                scores = near[:, 1] * near[:, 2] / (near[:, 0] + 1e-3)
            scores[[a, b, c]] = -np.inf
            assert answer == scores.argmax()
            assert correct == (answer == d)
        assert found.share == found.correct.mean()
    with pytest.raises(TokenlabError, match="x has 1 rows of zeros"):
        word_vectors.analogies(np.vstack([x, np.zeros(6)]), [[0, 1, 2, 30]])
    with pytest.raises(TokenlabError, match="questions"):
        word_vectors.analogies(x, [[0, 1, 2, 30]])


def test_similarity_is_spearmans_with_ties():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    x, pairs, human = (
        rng.standard_normal((9, 3)),
        rng.integers(0, 9, (40, 2)),
        rng.integers(0, 5, 40),
    )
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosines = (unit[pairs[:, 0]] * unit[pairs[:, 1]]).sum(axis=1)
    expected = stats.spearmanr(cosines, human).statistic
    assert word_vectors.similarity(x, pairs, human) == pytest.approx(expected, abs=1e-12)
    with pytest.raises(TokenlabError, match="human"):
        word_vectors.similarity(x, pairs, np.ones(40))


# Skip-gram.


def test_what_is_kept_and_what_is_drawn():
    kept = skip_gram.keep_probability([1.0, 99.0], 1e-5)
    official = skip_gram.keep_probability([1.0, 99.0], 1e-5, variant="official")
    assert kept[0] == pytest.approx(0.0316, abs=5e-5)
    assert official[0] == pytest.approx(0.0326, abs=5e-5)
    assert skip_gram.keep_probability([1.0, 0.0, 99.0], None).tolist() == [1, 1, 1]
    assert skip_gram.keep_probability([1.0, 0.0, 99.0], 0.5)[1] == 1
    np.testing.assert_allclose(skip_gram.noise([1.0, 16.0, 0.0]), [1 / 9, 8 / 9, 0])
    for wrong in ([-1.0, 3.0], [0.0, 0.0], [np.nan, 1.0]):
        with pytest.raises(TokenlabError, match="counts"):
            skip_gram.noise(wrong)
        with pytest.raises(TokenlabError, match="counts"):
            skip_gram.keep_probability(wrong, 1e-3)
    ids, ends = skip_gram.subsample(np.tile([0, 1], 4000), [0, 3000, 8000], [1.0, 0.25], rng=0)
    assert (ids == 0).sum() == 4000
    assert 900 < (ids == 1).sum() < 1100
    assert ends[-1] == len(ids)
    assert (ids[: ends[1]] == 0).sum() == 1500


def test_a_draw_that_is_the_context_adds_nothing_and_its_row_moves_once(engine):
    vectors, outputs = np.array([[1.0, 2.0]]), np.array([[0.5, -0.25], [0.0, 1.0]])
    loss = skip_gram.loss(vectors, outputs, [[0, 1]], [[1, 1]])
    assert loss == pytest.approx(math.log1p(math.exp(-2)))
    moved = skip_gram.sgd_pass(vectors, outputs, [[0, 1]], [[1, 1]], 0.1)
    g = 0.1 * (1 - sigmoid(2))
    np.testing.assert_allclose(moved.outputs, [[0.5, -0.25], [g, 1 + 2 * g]])
    np.testing.assert_allclose(moved.vectors, [[1, 2 + g]])
    assert moved.loss == pytest.approx(loss)


def in_turn(vectors, outputs, pairs, draws, rates):
    """word2vec's own order, in plain loops."""
    vectors, outputs, loss = vectors.copy(), outputs.copy(), 0.0
    for (w, c), others, rate in zip(pairs, draws, rates, strict=True):
        error = np.zeros(vectors.shape[1])
        for place, row in enumerate([c, *others]):
            if place and row == c:
                continue
            s = sigmoid(vectors[w] @ outputs[row])
            loss -= math.log(s if place == 0 else 1 - s)
            g = rate * ((place == 0) - s)
            error += g * outputs[row]
            outputs[row] = outputs[row] + g * vectors[w]
        vectors[w] += error
    return vectors, outputs, loss


def test_a_pass_goes_in_word2vecs_order_and_leaves_its_input_alone(engine):
    rng = np.random.default_rng(0)
    vectors, outputs = rng.standard_normal((2, 5, 3))
    pairs, draws, rates = rng.integers(0, 5, (20, 2)), rng.integers(0, 5, (20, 4)), rng.random(20)
    before = vectors.copy(), outputs.copy()
    found = skip_gram.sgd_pass(vectors, outputs, pairs, draws, rates)
    for mine, expected in zip(found, in_turn(vectors, outputs, pairs, draws, rates), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-10)
    assert (vectors == before[0]).all()
    assert (outputs == before[1]).all()


def test_the_step_of_one_pair_is_the_gradient():
    rng = np.random.default_rng(0)
    vectors, outputs = rng.standard_normal((2, 4, 3))
    pairs, draws = [[1, 2]], [[0, 3]]
    gradcheck(lambda p: skip_gram.loss(p["v"], p["o"], pairs, draws), {"v": vectors, "o": outputs})
    _, grads = value_and_grad(lambda p: skip_gram.loss(p["v"], p["o"], pairs, draws))(
        {"v": vectors, "o": outputs}
    )
    moved = skip_gram.sgd_pass(vectors, outputs, pairs, draws, 0.01)
    np.testing.assert_allclose(moved.vectors, vectors - 0.01 * grads["v"])
    np.testing.assert_allclose(moved.outputs, outputs - 0.01 * grads["o"])


def test_cbow_of_the_paper_follows_the_gradient_and_the_code_does_not(engine):
    rng = np.random.default_rng(0)
    vectors, outputs = rng.standard_normal((2, 5, 3))
    contexts = np.array([1, 2, 4])
    mean = vectors[contexts].mean(axis=0)
    error = np.zeros(3)
    for row, label in ((0, 1), (3, 0)):
        error += 0.1 * (label - sigmoid(mean @ outputs[row])) * outputs[row]
    args = (vectors, outputs, [0], contexts, [0, 3], [[3, 0]], 0.1)
    paper = skip_gram.cbow_pass(*args)
    official = skip_gram.cbow_pass(*args, variant="official")
    np.testing.assert_allclose(paper.vectors[contexts] - vectors[contexts], [error / 3] * 3)
    np.testing.assert_allclose(official.vectors[contexts] - vectors[contexts], [error] * 3)
    np.testing.assert_allclose(paper.outputs, official.outputs)
    alone = skip_gram.cbow_pass(vectors, outputs, [0], [], [0, 0], [[3]], 0.1)
    assert alone.loss == 0
    assert (alone.outputs == outputs).all()
    with pytest.raises(TokenlabError, match="cbow_pass: offsets"):
        skip_gram.cbow_pass(vectors, outputs, [0, 1], contexts, [0, 3], [[3], [3]], 0.1)


@pytest.mark.parametrize("shared", [False, True])
def test_words_of_a_kind_find_each_other(shared):
    """Six words of two kinds, which only stand among their own."""
    rng = np.random.default_rng(0)
    ids = np.concatenate([rng.integers(0, 3, 6) + 3 * (text % 2) for text in range(80)])
    offsets = np.arange(0, 481, 6)
    kwargs = {"d": 6, "window": 3, "epochs": 10, "threshold": None, "rate": 0.1, "shared": shared}
    with use_engine("numpy"):
        model = skip_gram.train(ids, offsets, 6, rng=0, **kwargs)
    x = model.vectors / np.linalg.norm(model.vectors, axis=1, keepdims=True)
    near = x @ x.T
    assert near[:3, :3].mean() > near[:3, 3:].mean() + 0.3
    assert model.history[-1] < model.history[0]
    assert model.vectors.dtype == np.float32


# GloVe.


def test_weights_by_hand():
    found = glove.weighting([1.0, 10.0, 50.0, 100.0, 1e6])
    np.testing.assert_allclose(found, [0.0316, 0.1778, 0.5946, 1, 1], atol=5e-5)


def test_the_released_program_is_reproduced(engine):
    """Printed by `glove -vector-size 2 -iter 3 -x-max 10 -threads 1` from this start."""
    rows, columns = [0, 0, 1, 1, 2, 2, 3, 3], [1, 2, 0, 3, 0, 3, 1, 2]
    values = [5, 1.5, 5, 0.75, 1.5, 12, 0.75, 12]
    counts = Counts(np.array(rows), np.array(columns), np.array(values, dtype=np.float64), 4)
    start = np.sin(np.arange(1.0, 25.0)).reshape(8, 3) / 2
    parts = (start[:4, :2], start[4:, :2], start[:4, 2], start[4:, 2])
    kwargs = {"epochs": 3, "cap": 10.0, "variant": "official", "shuffle": False}
    model = glove.train(counts, 2, start=parts, **kwargs)
    golden = [
        [0.405332876598, 0.375969021704, 0.505475667603],
        [-0.364468563744, -0.419905466656, 0.520631287679],
        [0.300177341034, 0.443618081588, 1.685749876774],
        [-0.256847340285, -0.463174896874, 1.443316832114],
        [0.148206131708, 0.414567585141, 0.449941627423],
        [-0.092661206573, -0.416613858903, 0.490258481262],
        [0.035390864004, 0.408523449298, 1.625057970854],
        [0.011655783099, -0.392145444082, 1.53441775776],
    ]
    biases = np.concatenate([model.bias, model.output_bias])[:, None]
    found = np.hstack([np.vstack([model.vectors, model.outputs]), biases])
    np.testing.assert_allclose(found, golden, atol=1e-12)
    np.testing.assert_allclose(model.history / 16, [1.729128, 1.657518, 0.532226], atol=1e-6)
    assert (parts[0] == start[:4, :2]).all()
    np.testing.assert_allclose(model.sum, model.vectors + model.outputs)
    paper = glove.train(counts, 2, start=parts, **kwargs | {"variant": "paper"})
    assert abs(paper.bias - start[:4, 2]).max() < 0.3 < abs(model.bias - start[:4, 2]).max()


def test_with_as_many_dimensions_as_words_nothing_is_missed(engine):
    model = glove.train(COUNTS, 4, epochs=400, cap=4.0, rate=0.1, rng=0)
    assert glove.loss(model, COUNTS, cap=4.0) < 1e-3
    assert model.history[-1] < 1e-3
    with pytest.raises(TokenlabError, match="start"):
        glove.train(COUNTS, 4, start=(np.ones((3, 2)),) * 2)
    with pytest.raises(TokenlabError, match="start"):
        glove.train(COUNTS, 4, start=(np.ones((3, 2)), np.ones((3, 2)), np.ones(3), np.ones(3)))


# Subwords.


def test_ngrams_of_the_paper_and_of_the_code():
    assert subwords.ngrams("where", longest=3) == ["<wh", "whe", "her", "ere", "re>"]
    assert subwords.ngrams("ñü", longest=3) == ["<ñü", "ñü>"]
    assert subwords.ngrams("ab") == ["<ab", "ab>"]
    assert subwords.ngrams("ab", variant="official") == ["<ab", "<ab>", "ab>"]
    assert subwords.ngrams("a", shortest=1, variant="official") == ["<a", "<a>", "a", "a>"]
    assert "<where>" not in subwords.ngrams("where", longest=9)
    with pytest.raises(TokenlabError, match="longest"):
        subwords.ngrams("where", shortest=4, longest=3)


@pytest.mark.parametrize(
    ("ngram", "row"), [("<ça", 279988), ("<çay>", 868779), ("日本語", 35559), ("<wh", 167652)]
)
def test_buckets_are_fasttexts(ngram, row):
    assert subwords.bucket(ngram) == row


def test_rows_stand_behind_those_of_words():
    words = ["where", "ñü", "a", "here"]
    ids, offsets = subwords.subword_ids(words, n_buckets=7, shortest=3, longest=4)
    for i, word in enumerate(words):
        own, *rest = ids[offsets[i] : offsets[i + 1]].tolist()
        ngrams = subwords.ngrams(word, longest=4)
        assert own == i
        assert rest == [4 + subwords.bucket(ngram, 7) for ngram in ngrams]
    unseen, _ends = subwords.unseen_ids(["where"], 4, n_buckets=7, shortest=3, longest=4)
    assert unseen.tolist() == ids[1 : offsets[1]].tolist()
    for wrong in ("where", None, [1]):
        with pytest.raises(TokenlabError, match="words"):
            subwords.subword_ids(wrong)


def test_one_row_a_word_is_skip_gram(engine):
    rng = np.random.default_rng(0)
    table, outputs = rng.standard_normal((2, 5, 3))
    pairs, draws = rng.integers(0, 5, (12, 2)), rng.integers(0, 5, (12, 3))
    expected = skip_gram.sgd_pass(table, outputs, pairs, draws, 0.1)
    for how in ("mean", "sum"):
        rows = np.arange(5), np.arange(6)
        found = subwords.subword_pass(table, outputs, *rows, pairs, draws, 0.1, how=how)
        for mine, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, other)


def test_each_part_moves_by_the_whole_gradient(engine):
    rng = np.random.default_rng(0)
    table, outputs = rng.standard_normal((4, 3)), rng.standard_normal((2, 3))
    ids, offsets = np.array([0, 3, 3]), np.array([0, 3])  # row 3 comes twice
    for how in ("mean", "sum"):
        word = table[0] + 2 * table[3]
        word = word / 3 if how == "mean" else word
        np.testing.assert_allclose(subwords.compose(table, ids, offsets, how=how), [word])
        found = subwords.subword_pass(table, outputs, ids, offsets, [[0, 1]], [[]], 0.1, how=how)
        g = 0.1 * (1 - sigmoid(word @ outputs[1]))
        expected = table + g * outputs[1] * np.array([[1], [0], [0], [2]])
        np.testing.assert_allclose(found.vectors, expected)
    assert subwords.compose(table, ids, [0, 3, 3]).tolist()[1] == [0, 0, 0]


def test_a_word_never_seen_has_a_vector_from_its_letters():
    words = ["seaside", "seashore", "mountain", "fountain"]
    ids = np.tile([0, 1, 2, 3], 60)
    with use_engine("numpy"):
        model = subwords.train(
            ids, [0, 240], words, d=8, epochs=2, threshold=None, n_buckets=2000, rng=0
        )
    unseen = model.vector("seasides")
    vectors = model.vectors()
    cosines = vectors @ unseen / np.linalg.norm(vectors, axis=1) / np.linalg.norm(unseen)
    assert cosines.argmax() == 0
    assert np.isfinite(model.history).all()


# Two towers.


def test_pairs_find_each_other_both_ways():
    image = np.array([[1.0, 0], [0, 2]])
    text = np.array([[3.0, 4], [0, 1]])
    logits = np.array([[0.6, 0], [0.8, 1]]) / 0.5
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    log_q = logits - np.log(np.exp(logits).sum(axis=0))
    expected = -(np.trace(log_p) + np.trace(log_q)) / 4
    assert two_towers.contrastive_loss(image, text, temperature=0.5) == pytest.approx(expected)
    assert two_towers.contrastive_loss(text, image, temperature=0.5) == pytest.approx(expected)
    gradcheck(lambda p: two_towers.contrastive_loss(p["i"], p["t"]), {"i": image, "t": text})
    with pytest.raises(TokenlabError, match="contrastive_loss: text"):
        two_towers.contrastive_loss(image, [[0, 0], [1, 1]])


def test_equal_rows_cost_the_logarithm_of_their_number():
    same = np.ones((5, 3))
    assert two_towers.contrastive_loss(same, same) == pytest.approx(math.log(5))
