"""What a teacher runs on top: random inputs against plain loops, and the edges."""

import math

import numpy as np

from tokenlab.assignments import task


@task("10.1", points=2)
def test_random_orders_against_a_loop(answer):
    rng = np.random.default_rng(7)
    for n, depth in ((4, 3), (3, 5), (6, 2)):
        r, order = float(rng.random()), rng.permutation(n * depth)
        many = math.ceil(math.cos(math.pi * r / 2) * n * depth)
        hidden = [0] * n
        for code in order[:many]:
            hidden[code // depth] += 1
        wanted = [[stage < depth - count for stage in range(depth)] for count in hidden]
        np.testing.assert_array_equal(answer.visible_codes(r, order.copy(), n, depth), wanted)


@task("10.1", points=1)
def test_products_that_are_whole_numbers(answer):
    order = np.arange(64)
    for r, hidden in ((0, 64), (1 / 4, 60), (1 / 2, 46), (2 / 3, 32), (3 / 4, 25), (1, 0)):
        assert (~np.asarray(answer.visible_codes(r, order.copy(), 16, 4))).sum() == hidden
    order = np.array([0, 1, 2])  # a single position
    np.testing.assert_array_equal(answer.visible_codes(2 / 3, order, 1, 3), [[True, False, False]])


def loop_codes(x, codebooks, start):
    """Row after row, stage after stage."""
    found = []
    for row, first in zip(x, start, strict=True):
        codes = [-1] * first
        for codebook in codebooks[first:]:
            gaps = [float(((row - vector) ** 2).sum()) for vector in codebook]
            codes.append(gaps.index(min(gaps)))
            row = row - codebook[codes[-1]]
        found.append(codes)
    return np.array(found)


@task("10.2", points=2)
def test_random_rows_against_a_loop(answer):
    rng = np.random.default_rng(7)
    x, codebooks = rng.standard_normal((12, 3)), rng.standard_normal((4, 5, 3))
    start = rng.permutation(np.arange(12) % 5)
    found = answer.encode(x.copy(), codebooks.copy(), start.copy())
    np.testing.assert_array_equal(found, loop_codes(x, codebooks, start))


@task("10.2", points=1)
def test_equal_codes_and_none(answer):
    codebooks = np.array([[[1.0], [-1], [1]], [[0.5], [0.5], [2]]])
    found = np.asarray(answer.encode(np.array([[0.0], [0], [0]]), codebooks, np.array([0, 1, 2])))
    np.testing.assert_array_equal(found, [[0, 0], [-1, 0], [-1, -1]])
    assert found.dtype.kind in "iu"


@task("10.3", points=1)
def test_random_codes_against_a_loop(answer):
    rng = np.random.default_rng(7)
    codebooks, codes = rng.standard_normal((3, 4, 2)), rng.integers(0, 4, (5, 3))
    visible = np.arange(3) < rng.permutation([0, 1, 2, 3, 3])[:, None]
    seen, hidden = np.zeros((5, 2)), np.zeros((5, 2))
    for i in range(5):
        for j in range(3):
            (seen if visible[i, j] else hidden)[i] += codebooks[j, codes[i, j]]
    found = answer.seen_and_hidden(codes.copy(), codebooks.copy(), visible.copy())
    np.testing.assert_allclose(found[0], seen, atol=1e-12)
    np.testing.assert_allclose(found[1], hidden, atol=1e-12)


@task("10.3", points=1)
def test_all_and_nothing_is_seen(answer):
    codebooks, codes = np.arange(24.0).reshape(2, 3, 4), np.array([[2, 1], [0, 2], [1, 1]])
    whole = codebooks[0, codes[:, 0]] + codebooks[1, codes[:, 1]]
    for seen in (True, False):
        found = answer.seen_and_hidden(codes.copy(), codebooks.copy(), np.full((3, 2), seen))
        np.testing.assert_allclose(found[0], whole * seen)
        np.testing.assert_allclose(found[1], whole * (not seen))


@task("10.4", points=1)
def test_random_pictures_against_a_loop(answer):
    for h, w, s, c in ((4, 6, 2, 3), (3, 9, 3, 2), (8, 4, 2, 1)):
        x = np.random.default_rng(7).standard_normal((h * w, c))
        wanted = [
            np.concatenate([x[(y + dy) * w + left + dx] for dy in range(s) for dx in range(s)])
            for y in range(0, h, s)
            for left in range(0, w, s)
        ]
        np.testing.assert_allclose(answer.merge(x.copy(), (h, w), s), wanted)


@task("10.4", points=1)
def test_windows_of_one_and_of_all(answer):
    x = np.arange(24.0).reshape(12, 2)
    np.testing.assert_allclose(answer.merge(x.copy(), (3, 4), 1), x)
    np.testing.assert_allclose(answer.merge(x[:9].copy(), (3, 3), 3), x[:9].reshape(1, 18))
