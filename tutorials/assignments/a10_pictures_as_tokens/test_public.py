"""What `tokenlab assignment check` runs. `answer` holds your functions."""

import numpy as np

from tokenlab.assignments import task


@task("10.1", points=1)
def test_a_third_of_the_way(answer):
    order = np.array([5, 0, 4, 2, 1, 3])  # two positions with three codes each
    visible = np.asarray(answer.visible_codes(2 / 3, order.copy(), 2, 3))  # cos(pi / 3) of 6: three
    assert visible.dtype.kind == "b", "True or False"
    np.testing.assert_array_equal(visible, [[True, True, False], [True, False, False]])


@task("10.1", points=1)
def test_the_end_hides_nothing(answer):
    order = np.array([3, 1, 0, 2])
    np.testing.assert_array_equal(answer.visible_codes(1, order, 2, 2), np.full((2, 2), True))


@task("10.2", points=2)
def test_two_stages_of_three_codes(answer):
    codebooks = np.array([[[0, 0], [3, 0], [0, 3]], [[0.5, 0], [-0.5, 0], [0, -0.25]]])
    x = np.array([[-1.0, -1], [0.1, 0.1], [3.4, 0.1], [0.4, 0]])
    codes = np.asarray(answer.encode(x.copy(), codebooks.copy(), np.array([0, 0, 0, 1])))
    assert codes.dtype.kind in "iu", "codes are integers"
    np.testing.assert_array_equal(codes, [[0, 1], [0, 2], [1, 0], [-1, 0]])


@task("10.3", points=2)
def test_two_rows_of_two_codes(answer):
    codebooks = np.array([[[1.1, 0, 2], [3, 4.3, 0]], [[0.7, 0, 0], [0, 0.1, 0.3]]])
    codes = np.array([[0, 1], [1, 0]])
    visible = np.array([[True, False], [True, True]])
    seen, hidden = answer.seen_and_hidden(codes, codebooks, visible)
    np.testing.assert_allclose(seen, [[1.1, 0, 2], [3.7, 4.3, 0]], rtol=1e-9)
    np.testing.assert_allclose(hidden, [[0, 0.1, 0.3], [0, 0, 0]], rtol=1e-9)


@task("10.4", points=2)
def test_two_rows_of_four_tokens(answer):
    x = np.array([[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11], [12, 13], [14, 15]]) + 0.1
    windows = answer.merge(x.copy(), (2, 4), 2)
    expected = np.array([[0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]]) + 0.1
    np.testing.assert_allclose(windows, expected, rtol=1e-9)
