"""What a teacher runs on top: whole distributions by enumeration, and the edges."""

import numpy as np

from tokenlab.assignments import task
from tokenlab.decoding.chance import choose, exact, flip, without_replacement


@task("8.1", points=2)
def test_the_mean_weight_is_the_allowed_probability(answer):
    p, allowed = np.array([0.4, 0.3, 0.15, 0.1, 0.05]), np.array([0, 1, 0, 1, 0], dtype=bool)

    def one(rng):
        order = np.array(list(without_replacement(np.log(p), rng)))
        token, weight = answer.weighted_draw(p, order, allowed)
        return int(token), round(float(weight), 12)

    found = exact(one)
    mean = found.expect(lambda v: v[1] * np.eye(6)[v[0]])[:5]
    np.testing.assert_allclose(mean, p * allowed, atol=1e-9)


@task("8.1", points=1)
def test_orders_that_end(answer):
    p, allowed = np.array([0.4, 0.3, 0.2, 0.1]), np.array([False, True, False, False])
    token, weight = answer.weighted_draw(p, np.array([0, 2, 1]), allowed)
    assert token == 1
    np.testing.assert_allclose(weight, 0.4)
    token, weight = answer.weighted_draw(p, np.array([0, 2, 1, 3]), allowed)  # the last one is not
    assert token == 1
    np.testing.assert_allclose(weight, 0.3)
    token, weight = answer.weighted_draw(p, np.array([0, 3]), allowed)
    assert (token, weight) == (-1, 0)


@task("8.2", points=2)
def test_a_judged_draft_has_the_models_distribution(answer):
    for seed in range(3):
        p, q = np.random.default_rng(seed).dirichlet(np.ones(4), size=2)

        def one(rng, p=p, q=q):
            token = choose(np.log(q), rng)
            stays, instead = map(np.asarray, answer.judge(p, q, token))
            with np.errstate(divide="ignore"):
                return token if flip(float(stays), rng) else choose(np.log(instead), rng)

        np.testing.assert_allclose(exact(one).probabilities, p, atol=1e-9)
        _, instead = map(np.asarray, answer.judge(p, q, 0))
        np.testing.assert_allclose(instead.sum(), 1)


@task("8.2", points=1)
def test_equal_distributions(answer):
    p = np.array([0.5, 0.25, 0.25])
    stays, instead = answer.judge(p, p.copy(), 2)
    np.testing.assert_allclose(stays, 1)
    np.testing.assert_allclose(instead, p)


def loop_path(parents, guesses, best):
    """Greedy decoding along the tree, one node after the other."""
    longest = []
    for node in range(len(best)):
        chain, at = [], node
        while at > 0:
            chain.insert(0, at)
            at = int(parents[at - 1])
        before = [0, *chain[:-1]]
        fits = all(guesses[n - 1] == best[b] for n, b in zip(chain, before, strict=False))
        tokens = [int(guesses[n - 1]) for n in chain] + [int(best[node])]
        if fits and len(tokens) > len(longest):
            longest = tokens
    return longest


@task("8.3", points=2)
def test_random_trees_against_a_loop(answer):
    rng = np.random.default_rng(0)
    for _ in range(40):
        n = int(rng.integers(1, 9))
        parents = np.array([rng.integers(0, i + 1) for i in range(n)])
        guesses, best = rng.integers(0, 2, n), rng.integers(0, 2, n + 1)
        found = answer.accepted_tokens(parents.copy(), guesses.copy(), best.copy())
        assert list(found) == loop_path(parents, guesses, best)


@task("8.3", points=1)
def test_no_guesses_and_equal_depths(answer):
    none = np.array([], dtype=int)
    assert list(answer.accepted_tokens(none, none, np.array([5]))) == [5]
    parents, guesses = np.array([0, 0]), np.array([1, 1])
    assert list(answer.accepted_tokens(parents, guesses, np.array([1, 2, 3]))) == [1, 2]


def merges(text):
    """A tokenizer of a, b, c, ab, bc: ab first, then bc."""
    tokens = [b"a", b"b", b"c", b"ab", b"bc"]
    ids = [tokens.index(bytes([byte])) for byte in text]
    for left, right, new in ((0, 1, 3), (1, 2, 4)):
        out = []
        for token in ids:
            if out and out[-1] == left and token == right:
                out[-1] = new
            else:
                out.append(token)
        ids = out
    return ids


@task("8.4", points=3)
def test_probabilities_of_bytes_add_up(answer):
    tokens, p = [b"a", b"b", b"c", b"ab", b"bc"], np.array([0.3, 0.1, 0.2, 0.25, 0.15])
    for before in ([0], [1], [3], [4], [0, 4], []):
        text = b"".join(tokens[i] for i in before)
        if merges(text) != before:
            continue
        masked = np.asarray(answer.masked_to_valid(p.copy(), list(before), tokens, merges))
        np.testing.assert_allclose(masked.sum(), 1)
        for i, token in enumerate(tokens):
            assert (masked[i] > 0) == (merges(text + token) == [*before, i]), (before, token)
        kept = masked > 0
        np.testing.assert_allclose(masked[kept], p[kept] / p[kept].sum())


@task("8.5", points=2)
def test_random_texts_against_a_loop(answer):
    rng = np.random.default_rng(0)
    for _ in range(20):
        n = int(rng.integers(1, 8))
        ids, dropped = rng.integers(0, 3, n), rng.random(n) < 0.5
        found = answer.insertion_target(ids.copy(), dropped.copy(), 3)
        wanted = np.zeros((int((~dropped).sum()) + 1, 3))
        gap = 0
        for token, gone in zip(ids, dropped, strict=True):
            if gone:
                wanted[gap, token] += 1 / dropped.sum()
            else:
                gap += 1
        np.testing.assert_allclose(found, wanted)


@task("8.5", points=1)
def test_nothing_and_everything_dropped(answer):
    ids = np.array([1, 1, 0])
    np.testing.assert_array_equal(
        answer.insertion_target(ids, np.zeros(3, dtype=bool), 2), np.zeros((4, 2))
    )
    np.testing.assert_allclose(
        answer.insertion_target(ids, np.ones(3, dtype=bool), 2), [[1 / 3, 2 / 3]]
    )
