"""What `tokenlab assignment check` runs. `answer` holds your functions."""

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


@task("4.1", points=1)
def test_six_directions_in_a_plane(answer):
    angles = np.radians([0, 60, 75, 100, 120, 150])
    lengths = np.array([1.0, 5.0, 2.0, 0.5, 3.0, 1.0])
    x = lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    whole(answer.k_center(x, 5, 0), [0, 5, 2, 4, 3])


@task("4.1", points=1)
def test_ties_go_to_the_lower_number_and_none_is_taken_twice(answer):
    x = np.array([[2.0, 0, 0], [0, 1, 0], [0, 0, 3], [1, 0, 0], [0, 4, 0]])
    whole(answer.k_center(x, 5, 2), [2, 0, 1, 3, 4])


@task("4.2", points=1)
def test_two_of_five(answer):
    w = np.asarray(answer.selection_matrix(np.array([4, 1]), 5))
    close(w, [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1]])


@task("4.3", points=1)
def test_four_tokens_become_two(answer):
    x = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [5.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
    w, size = map(np.asarray, answer.merge_matrix(x, np.array([0, 1]), np.ones(4)))
    close(w, [[0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5]])
    close(size, [2, 2])


@task("4.3", points=1)
def test_tokens_that_stand_for_several(answer):
    x = np.array([[1.0, 4.0], [0.0, 9.0], [2.0, 0.0], [3.0, 1.0], [1.0, 0.0]])
    w, size = map(
        np.asarray, answer.merge_matrix(x, np.array([1, 2]), np.array([3.1, 1.0, 2.0, 2.0, 5.0]))
    )
    close(w, [[3.1 / 4.1, 1 / 4.1, 0, 0, 0], [0, 0, 2 / 9, 2 / 9, 5 / 9]])
    close(size, [4.1, 9])


@task("4.4", points=1)
def test_a_key_of_size_three_counts_three_times(answer):
    q = np.array([[0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 1.0, 0.0], [0.0, 3.0, 0.0, 1.0]])
    k = np.log([[2.0, 1.0, 1.0, 1.0], [1.0, 1.0, 4.0, 1.0]])
    v = np.array([[10.0], [20.0]])
    # The exponentials are 1, 1; then 2, 2; then 1, 1; and the second key counts three times.
    found = np.asarray(answer.size_aware_attention(q, k, v, np.array([1.0, 3.0])))
    close(found, [[17.5], [17.5], [17.5]])
    found = np.asarray(
        answer.size_aware_attention(q[1:2] * [1, 1, 3, 1], k, v, np.array([1.0, 1.0]))
    )
    close(found, [[(2 * 10 + 8 * 20) / 10]])


@task("4.4", points=1)
def test_large_logits(answer):
    q = np.array([[4000.0, 0.0, 0.0, 0.0], [-6000.0, 0.0, 0.0, 0.0]])
    k = np.array([[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], [-1.0, 0.0, 2.0, 0.0]])
    found = np.asarray(answer.size_aware_attention(q, k, np.eye(3), np.array([1.0, 4.0, 2.0])))
    close(found, [[0.2, 0.8, 0], [0, 0, 1]], atol=1e-12)


@task("4.5", points=1)
def test_copies_of_two_rows(answer):
    w = np.array([[0.25, 0.0, 0.75, 0.0], [0.0, 0.5, 0.0, 0.5]])
    y = np.array([[1.1, 2.0, 3.0], [4.0, 5.0, 6.0]])
    close(answer.unmerge(w, y), y[[0, 1, 0, 1]])


@task("4.5", points=1)
def test_a_dropped_token_gets_zeros(answer):
    w = np.array([[0.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]])
    found = np.asarray(answer.unmerge(w, np.array([[3.0, 1.0, 2.0], [5.0, 7.0, 4.0]])))
    close(found, [[0, 0, 0], [3, 1, 2], [0, 0, 0], [0, 0, 0], [5, 7, 4]])
