"""What `tokenlab assignment check` runs. `answer` holds your functions."""

import numpy as np

from tokenlab.assignments import task


@task("7.1", points=2)
def test_two_tokens_of_three_channels(answer):
    x = np.array([[2.0, 2.0, 1.0], [0.0, 3.0, 0.0]])
    expected = [[2 / 2, 2 * 2 / 2, 0], [0, 2 * 3 / 2, 0]]  # mean squares 3 and 3, and eps 1
    y = answer.rms_norm(x, np.array([1.0, 2.0, 0.0]), 1.0)
    np.testing.assert_allclose(y, expected, rtol=1e-9)


@task("7.2", points=1)
def test_a_quarter_turn(answer):
    # With base 1 every pair turns by its position, which need not be a whole number.
    x = np.array([[[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]]])
    y = answer.rope(x, np.array([0.0, np.pi / 2]), 1.0)
    np.testing.assert_allclose(y, [[[1, 2, 3, 4], [-2, 1, -4, 3]]], atol=1e-7)


@task("7.2", points=1)
def test_the_second_pair_turns_slower(answer):
    x = np.array([[[1.0, 0.0, 1.0, 0.0]]])
    y = answer.rope(x, np.array([5]), 100.0)  # angles 5 and 5 / 10
    expected = [[[np.cos(5), np.sin(5), np.cos(0.5), np.sin(0.5)]]]
    np.testing.assert_allclose(y, expected, rtol=1e-9)


@task("7.3", points=2)
def test_two_new_tokens_behind_three(answer):
    seen = answer.visible(2, 3)
    assert np.asarray(seen).dtype == bool, "True and False"
    np.testing.assert_array_equal(seen, [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])


@task("7.4", points=2)
def test_shares_of_one_third(answer):
    # A score of log 2 counts twice as much as one of 0; the third key is not seen by the first.
    q = np.array([[[2 * np.log(2), 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    k = np.array([[[1.0, 0, 0, 0], [0.0, 0, 0, 0], [9.0, 0, 0, 0]]])
    v = np.array([[[3.0, 0, 0, 0], [0.0, 3, 0, 0], [0.0, 0, 3, 0]]])
    seen = np.array([[True, True, False], [True, True, True]])
    y = answer.attend(q, k, v, seen)
    np.testing.assert_allclose(y, [[[2, 1, 0, 0], [1, 1, 1, 0]]], rtol=1e-9)


def one_head():
    """Weights that take two channels as they are."""
    eye = np.eye(2)[:, None, :]
    return {"q": eye.copy(), "k": eye.copy(), "v": eye.copy()}


@task("7.5", points=1)
def test_from_an_empty_cache(answer):
    empty = {"k": np.zeros((1, 0, 2)), "v": np.zeros((1, 0, 2)), "positions": np.zeros(0, int)}
    y, cache = answer.continued(np.array([[1.0, 0.0]]), empty, one_head(), 10.0)
    np.testing.assert_allclose(y, [[[1, 0]]])
    np.testing.assert_array_equal(cache["positions"], [0])
    np.testing.assert_allclose(cache["k"], [[[1, 0]]], rtol=1e-9)


@task("7.5", points=1)
def test_behind_a_cut(answer):
    # A cache of the rows 0 and 5; the new token stands at 6, one step from the second row.
    cache = {
        "k": np.array([[[1.0, 0.0], [np.cos(5), np.sin(5)]]]),
        "v": np.array([[[1.0, 0.0], [0.0, 1.0]]]),
        "positions": np.array([0, 5]),
    }
    y, longer = answer.continued(np.array([[1.0, 0.0]]), cache, one_head(), 10.0)
    assert np.asarray(longer["positions"]).dtype.kind in "iu", "positions are integers"
    np.testing.assert_array_equal(longer["positions"], [0, 5, 6])
    np.testing.assert_allclose(np.asarray(longer["k"])[0, 2], [np.cos(6), np.sin(6)], rtol=1e-9)
    e = np.exp(np.cos([6, 1, 0]) / np.sqrt(2))
    np.testing.assert_allclose(y, [[[e[0] + e[2], e[1]] / e.sum()]], rtol=1e-9)
