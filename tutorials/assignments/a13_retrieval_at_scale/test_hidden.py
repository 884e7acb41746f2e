"""What a teacher runs on top: random inputs against loops, ties, short documents, what is deleted."""

import numpy as np

from tokenlab.assignments import task


@task("13.1", points=2)
def test_random_documents(answer):
    rng = np.random.default_rng(0)
    for n, share, k in (
        (1, 0.25, 1),
        (3, 0.25, 1),
        (7, 0.5, 3),
        (8, 0.3, 2),
        (11, 1.0, 11),
        (10, 0.85, 8),
    ):
        x = rng.standard_normal((n, 4)) * rng.uniform(0.5, 3, (n, 1))
        groups = [[x[i] for i in range(n) if i * k // n == code] for code in range(k)]
        means = np.array([np.mean(group, axis=0) for group in groups])
        expected = means / np.sqrt((means**2).sum(axis=1, keepdims=True))
        found = answer.pool(x, share)
        assert np.shape(found) == expected.shape, "k = max(1, floor(share n + 1e-9))"
        np.testing.assert_allclose(found, expected)


@task("13.1", points=1)
def test_a_share_whose_product_is_a_little_too_small(answer):
    assert len(answer.pool(np.eye(100), 0.29)) == 29
    assert len(answer.pool(np.eye(50), 0.58)) == 29


@task("13.2", points=2)
def test_random_queries(answer):
    rng = np.random.default_rng(0)
    for k in (1, 2, 3, 4):
        queries, docs = rng.standard_normal((6, 3)), rng.standard_normal((8, 3))
        relevant = np.array([rng.permutation(8)[:k] for _ in queries])
        shares = []
        for query, own in zip(queries, relevant, strict=True):
            best = sorted(range(8), key=lambda j: (-(docs[j] @ query), j))[:k]
            shares.append(sum(j in own for j in best) / k)
        np.testing.assert_allclose(answer.pair_recall(queries, docs, relevant), np.mean(shares))


@task("13.2", points=1)
def test_equal_products_and_the_curve(answer):
    docs = np.tile([[2.0], [1.0]], (40, 1))  # every second one stands on top
    relevant = np.stack([np.arange(0, 30, 2), np.arange(2, 32, 2)])
    found = answer.pair_recall(np.ones((2, 1)), docs, relevant)
    np.testing.assert_allclose(found, 29 / 30)
    t = 2 * np.pi * np.arange(12) / 12
    pairs = np.stack(np.triu_indices(12, 1), axis=1)
    a, b = t[pairs].T
    both = [np.cos(a) + np.cos(b), np.sin(a) + np.sin(b), -np.cos(a + b) / 2, -np.sin(a + b) / 2]
    curve = np.stack([np.cos(t), np.sin(t), np.cos(2 * t), np.sin(2 * t)], axis=1)
    np.testing.assert_allclose(answer.pair_recall(np.stack(both, axis=1), curve, pairs), 1)


@task("13.3", points=2)
def test_all_widths(answer):
    rng = np.random.default_rng(0)
    for bits in (1, 2, 4, 8):
        for d in (1, 3, 8, 10, 13):
            numbers = rng.integers(0, 2**bits, (5, d))
            expected = []
            for row in numbers:
                text = "".join(f"{int(x):0{bits}b}" for x in row)
                text += "0" * (-len(text) % 8)
                expected.append([int(text[i : i + 8], 2) for i in range(0, len(text), 8)])
            found = answer.pack(numbers, bits)
            assert found.dtype == np.uint8
            np.testing.assert_array_equal(found, expected)


@task("13.3", points=1)
def test_a_row_alone_is_packed_as_among_others(answer):
    numbers = np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 1], [1, 1, 1, 1, 1]])
    found = answer.pack(numbers, 1)
    np.testing.assert_array_equal(found, [[176], [104], [248]])
    np.testing.assert_array_equal(answer.pack(numbers[1:2], 1), found[1:2])


@task("13.4", points=2)
def test_all_widths_back(answer):
    rng = np.random.default_rng(0)
    for bits in (1, 2, 4, 8):
        for d in (1, 3, 8, 10, 13):
            numbers = rng.integers(0, 2**bits, (5, d))
            expected = []
            for row in numbers:
                text = "".join(f"{int(x):0{bits}b}" for x in row)
                text += "0" * (-len(text) % 8)
                expected.append([int(text[i : i + 8], 2) for i in range(0, len(text), 8)])
            found = answer.unpack(np.array(expected, dtype=np.uint8), bits, d)
            np.testing.assert_array_equal(found, numbers)


@task("13.4", points=1)
def test_what_stands_behind_is_no_number(answer):
    found = answer.unpack(np.array([[0b11011111, 0b10100000]], dtype=np.uint8), 2, 5)
    np.testing.assert_array_equal(found, [[3, 1, 3, 3, 2]])


@task("13.5", points=2)
def test_random_clusters(answer):
    rng = np.random.default_rng(0)
    for t_prime in (1, 2, 5, 9, 14, 40):
        scores = rng.integers(0, 5, (4, 6)) / 4 - 0.5
        clusters, alive = rng.integers(0, 6, 20), rng.random(20) < 0.7
        sizes = [sum((clusters == c) & alive) for c in range(6)]
        probes, missing = answer.warp_select(scores, clusters, alive, 3, t_prime)
        for row, own, value in zip(scores, probes, missing, strict=True):
            order = sorted(range(6), key=lambda c: (-row[c], c))
            np.testing.assert_array_equal(own, order[:3])
            total, expected = 0, row[order[-1]]
            for c in order:
                total += sizes[c]
                if total >= t_prime:
                    expected = row[c]
                    break
            np.testing.assert_allclose(value, expected)


@task("13.5", points=1)
def test_the_last_cluster_is_empty_and_nothing_is_reached(answer):
    scores, clusters = np.array([[0.1, 0.7, 0.4, -0.2]]), np.array([0, 1, 1])
    alive = np.array([True, True, False])
    probes, missing = answer.warp_select(scores, clusters, alive, 4, 2)
    np.testing.assert_array_equal(probes, [[1, 2, 0, 3]])
    np.testing.assert_allclose(missing, [0.1])
    _, missing = answer.warp_select(scores, clusters, alive, 1, 3)
    np.testing.assert_allclose(missing, [-0.2])

    scores = np.tile([[0.5, 0.25]], (2, 30))  # many that are equal
    probes, _ = answer.warp_select(scores, clusters, alive, 40, 1)
    np.testing.assert_array_equal(probes, [[*range(0, 60, 2), *range(1, 20, 2)]] * 2)


@task("13.6", points=2)
def test_random_finds(answer):
    rng = np.random.default_rng(0)
    for n_q, n_probe in ((1, 1), (2, 3), (4, 2), (3, 1)):
        docs = rng.permutation(9)[:6]
        found = [
            [
                {int(doc): float(rng.uniform(-1, 1)) for doc in docs if rng.random() < 0.4}
                for _ in range(n_probe)
            ]
            for _ in range(n_q)
        ]
        missing = rng.uniform(-0.5, 0.5, n_q)
        expected = {}
        for doc in sorted({doc for row in found for cluster in row for doc in cluster}):
            own = [[c[doc] for c in row if doc in c] for row in found]
            expected[doc] = sum(max(s) if s else m for s, m in zip(own, missing, strict=True))
        scores = answer.warp_scores(found, missing)
        assert sorted(scores) == list(expected)
        for doc, score in expected.items():
            np.testing.assert_allclose(scores[doc], score)


@task("13.6", points=1)
def test_nothing_found_and_what_is_below_the_miss(answer):
    assert len(answer.warp_scores([[{}, {}], [{}, {}]], np.array([0.5, 0.5]))) == 0
    scores = answer.warp_scores([[{2: -0.75}, {2: -0.5}], [{}, {5: 0.0}]], np.array([0.25, 0.5]))
    np.testing.assert_allclose([scores[2], scores[5]], [0.0, 0.25])
