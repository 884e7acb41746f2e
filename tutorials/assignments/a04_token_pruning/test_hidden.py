"""What a teacher runs on top: random input against loops, and the edges."""

import math

import numpy as np

from tokenlab.assignments import task


def close(found, expected, **options):
    """Equal to nine digits, and of the same shape."""
    assert np.shape(found) == np.shape(expected), f"shape {np.shape(found)}"
    np.testing.assert_allclose(found, expected, **({"rtol": 1e-9} | options))


def whole(found, expected):
    """Equal integers: they number something."""
    assert np.asarray(found).dtype.kind in "iu", "integers are wanted"
    np.testing.assert_array_equal(found, expected)


def cosine(a, b):
    return sum(a * b) / math.sqrt(sum(a * a) * sum(b * b))


@task("4.1", points=2)
def test_random_tokens_against_a_loop(answer):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 4)) * rng.uniform(0.5, 4, (12, 1)) + 0.5
    taken = [7]
    while len(taken) < 6:
        free = [i for i in range(12) if i not in taken]
        distances = [min(1 - cosine(x[i], x[j]) for j in taken) for i in free]
        taken.append(free[distances.index(max(distances))])
    whole(answer.k_center(x.copy(), 6, 7), taken)


@task("4.1", points=1)
def test_one_token_and_all_tokens(answer):
    x = np.array([[0.0, 3.0], [2.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, 2.0], [5.0, 0.0]])
    whole(answer.k_center(x, 1, 4), [4])
    whole(answer.k_center(x, 6, 1), [1, 3, 0, 2, 4, 5])
    # Of tokens that all point one way none is farther than the start, which is not taken again.
    x = np.array([[1.0, 0.0], [2.0, 0.0], [4.0, 0.0]])
    whole(answer.k_center(x, 3, 0), [0, 1, 2])
    whole(answer.k_center(x, 2, 1), [1, 0])


@task("4.2", points=1)
def test_random_tokens_stay(answer):
    rng = np.random.default_rng(2)
    kept = rng.permutation(9)[:4]
    x = rng.normal(size=(9, 3))
    w = np.asarray(answer.selection_matrix(kept.copy(), 9))
    assert w.shape == (4, 9)
    close(w @ x, [x[i] for i in range(9) if i in kept])


@task("4.2", points=1)
def test_to_keep_all_changes_nothing(answer):
    w = np.asarray(answer.selection_matrix(np.array([2, 0, 3, 1]), 4))
    close(w, np.eye(4))


@task("4.3", points=2)
def test_random_merging_against_a_loop(answer):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(11, 5)) * rng.uniform(0.3, 3, (11, 1))
    size = rng.integers(1, 5, 11).astype(float)
    kept = np.array([1, 4, 5, 9])
    w, new_size = map(np.asarray, answer.merge_matrix(x.copy(), kept.copy(), size.copy()))
    groups = []
    for i in range(11):
        cosines = [cosine(x[i], x[j]) for j in kept]
        groups.append(cosines.index(max(cosines)))
    for j in range(4):
        total = sum(size[i] for i in range(11) if groups[i] == j)
        close(new_size[j], total, err_msg=f"row {j}")
        expected = [size[i] / total if groups[i] == j else 0 for i in range(11)]
        close(w[j], expected, err_msg=f"row {j}", atol=1e-12)


@task("4.3", points=1)
def test_equal_kept_tokens_go_to_themselves(answer):
    x = np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 2.0]])
    w, size = map(
        np.asarray, answer.merge_matrix(x, np.array([1, 2, 3]), np.array([1.0, 2.0, 1.0, 1.0, 3.0]))
    )
    close(size, [3, 4, 1])
    third = 1 / 3
    close(w, [[third, 2 * third, 0, 0, 0], [0, 0, 0.25, 0, 0.75], [0, 0, 0, 1, 0]])


@task("4.3", points=1)
def test_merging_twice_loses_nobody(answer):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(10, 3))
    first, size = map(
        np.asarray, answer.merge_matrix(x.copy(), np.array([0, 2, 3, 6, 9]), np.ones(10))
    )
    second, size = map(np.asarray, answer.merge_matrix(first @ x, np.array([1, 4]), size))
    assert abs(size.sum() - 10) < 1e-9
    both = second @ first  # plain means of the first tokens
    close(both, (both > 0) / size[:, None], atol=1e-12)


@task("4.4", points=2)
def test_random_keys_against_a_loop(answer):
    rng = np.random.default_rng(5)
    q, k, v = rng.normal(size=(3, 5)), rng.normal(size=(6, 5)), rng.normal(size=(6, 2))
    size = rng.integers(1, 6, 6).astype(float)
    found = np.asarray(answer.size_aware_attention(q.copy(), k.copy(), v.copy(), size.copy()))
    for i in range(3):
        weights = [size[j] * math.exp(sum(q[i] * k[j]) / math.sqrt(5)) for j in range(6)]
        expected = sum(weights[j] * v[j] for j in range(6)) / sum(weights)
        close(found[i], expected, err_msg=f"query {i}")


@task("4.4", points=1)
def test_merged_copies_change_nothing(answer):
    rng = np.random.default_rng(6)
    q, k, v = rng.normal(size=(4, 3)), rng.normal(size=(2, 3)), rng.normal(size=(2, 5))
    owner = np.array([0, 1, 1, 0, 1, 1, 1])
    apart = np.asarray(answer.size_aware_attention(900 * q, k[owner], v[owner], np.ones(7)))
    together = np.asarray(answer.size_aware_attention(900 * q, k, v, np.array([2.0, 5.0])))
    close(together, apart)
    logits = 900 * q @ k.T / math.sqrt(3)
    share = 1 / (1 + 2.5 * np.exp(np.clip(logits[:, 1] - logits[:, 0], -700, 700)))  # of key 0
    close(together, share[:, None] * v[0] + (1 - share)[:, None] * v[1])


@task("4.5", points=1)
def test_random_groups_against_a_loop(answer):
    rng = np.random.default_rng(7)
    groups = rng.permutation([0, 0, 0, 1, 2, 2, -1, -1, 3])
    size = rng.integers(1, 4, 9).astype(float)
    w = np.zeros((4, 9))
    for i, j in enumerate(groups):
        if j >= 0:
            w[j, i] = size[i] / size[groups == j].sum()
    y = rng.normal(size=(4, 3))
    found = np.asarray(answer.unmerge(w.copy(), y.copy()))
    for i, j in enumerate(groups):
        expected = y[j] if j >= 0 else np.zeros(3)
        close(found[i], expected, err_msg=f"token {i}")


@task("4.5", points=1)
def test_one_row_for_all(answer):
    w = np.array([[0.5, 0.1, 0.3, 0.1]])
    close(answer.unmerge(w, np.array([[2.0, -1.0]])), [[2, -1]] * 4)
