"""What `tokenlab assignment check` runs. `answer` holds your functions."""

import numpy as np

from tokenlab.assignments import task

VECTORS = np.array([[1.0, 0.5], [0.0, 2.0], [-1.0, 1.0]])
OUTPUTS = np.array([[0.5, 1.0], [1.0, -1.0], [0.25, 0.5]])


@task("11.1", points=2)
def test_two_texts(answer):
    found = answer.near_pairs(np.array([7, 8, 9, 7]), np.array([0, 3, 4]), np.array([2, 1, 1, 3]))
    assert [tuple(pair) for pair in found] == [(7, 8), (7, 9), (8, 7), (8, 9), (9, 8)]
    assert np.array(found).dtype.kind in "iu", "words are whole numbers, which find rows"


@task("11.2", points=2)
def test_a_draw_that_is_the_context(answer):
    found = answer.pair_loss(VECTORS, OUTPUTS, 0, 1, np.array([2, 1, 0]))
    false = np.log(1 + np.exp(0.5)) + np.log(1 + np.exp(1.0))  # of 2 and 0; 1 is the context
    np.testing.assert_allclose(found, np.log(1 + np.exp(-0.5)) + false)


@task("11.3", points=2)
def test_one_draw(answer):
    vectors, outputs = answer.sgd_step(VECTORS, OUTPUTS, 0, 1, np.array([2]), 0.5)
    right, wrong = 0.5 * (1 - 1 / (1 + np.exp(-0.5))), -0.5 / (1 + np.exp(-0.5))
    moved = OUTPUTS + np.array([[0], [right], [wrong]]) * VECTORS[0]
    np.testing.assert_allclose(outputs, moved)
    np.testing.assert_allclose(vectors[0], VECTORS[0] + right * OUTPUTS[1] + wrong * OUTPUTS[2])
    np.testing.assert_allclose(vectors[1:], VECTORS[1:])


@task("11.4", points=2)
def test_two_words_around(answer):
    vectors, outputs = answer.cbow_step(VECTORS, OUTPUTS, 2, np.array([0, 1]), np.array([2]), 1.0)
    h = np.array([0.5, 1.25])
    g = 1 - 1 / (1 + np.exp(-(OUTPUTS[2] @ h)))
    np.testing.assert_allclose(outputs[2], OUTPUTS[2] + g * h)
    np.testing.assert_allclose(vectors[:2], VECTORS[:2] + g * OUTPUTS[2] / 2)


@task("11.5", points=2)
def test_three_words(answer):
    counts = np.array([[0.0, 8, 2], [8, 0, 4], [2, 4, 2]])
    expected = [[-np.inf, 0, -0.9808], [0, -np.inf, -0.4700], [-0.9808, -0.4700, -0.7577]]
    np.testing.assert_allclose(answer.best_products(counts, 2), expected, atol=1e-4)
