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


@task("1.1", points=1)
def test_a_hand_worked_example(answer):
    tokens = np.array([[3.0, 4.0], [0.0, 2.0], [-1.0, 0.0]])
    query = np.array([[1.0, 0.0], [0.0, 5.0]])
    expected = [[0.6, 0.8], [0.0, 1.0], [-1.0, 0.0]]
    close(answer.similarities(tokens, query), expected, atol=1e-12)


@task("1.1", points=1)
def test_a_row_of_zeros_is_similar_to_nothing(answer):
    tokens = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 2.0], [0.0, 3.0, 4.0], [2.0, 1.0, 0.0]])
    query = np.array([[0.0, 0.0, 2.0], [6.0, 0.0, 8.0]])
    found = np.asarray(answer.similarities(tokens, query))
    assert found.shape == (4, 2)
    close(found[0], [0, 0])
    close(found[1], [2 / 3, 22 / 30])


@task("1.2", points=1)
def test_two_documents(answer):
    similarity = np.array([[0.9, 0.1, 0.3], [0.2, 0.7, 0.3], [0.8, 0.3, 0.6]])
    found = np.asarray(answer.maxsim(similarity, np.array([0, 2, 3])))
    close(found, [1.9 / 3, 1.7 / 3])


@task("1.2", points=1)
def test_an_empty_document_comes_last(answer):
    similarity = np.array([[-0.9, -0.1], [-0.2, -0.7], [-0.5, -0.3], [-0.4, -0.6], [0.1, 0.2]])
    found = np.asarray(answer.maxsim(similarity, np.array([0, 2, 2, 5])))
    close(found, [-0.15, -np.inf, 0.15])


@task("1.2", points=1)
def test_empty_documents_at_both_ends(answer):
    similarity = np.array([[-0.9, -0.1], [-0.2, -0.7], [-0.5, -0.3]])
    found = np.asarray(answer.maxsim(similarity, np.array([0, 0, 2, 3, 3, 3])))
    close(found, [-np.inf, -0.15, -0.4, -np.inf, -np.inf])


@task("1.3", points=1)
def test_the_two_best_of_four(answer):
    similarity = np.array([[0.1, 0.8, 0.3], [0.9, 0.2, 0.5], [0.5, 0.7, 0.4], [0.6, 0.1, 0.2]])
    ids, sims = map(np.asarray, answer.token_topk(similarity, 2))
    whole(ids, [[1, 3], [0, 2], [1, 2]])
    close(sims, [[0.9, 0.6], [0.8, 0.7], [0.5, 0.4]])


@task("1.3", points=1)
def test_ties_go_to_the_lower_token(answer):
    similarity = np.array([[0.5], [0.7], [0.5], [0.7], [0.1]])
    ids, sims = map(np.asarray, answer.token_topk(similarity, 3))
    whole(ids, [[1, 3, 0]])
    close(sims, [[0.7, 0.7, 0.5]])


@task("1.4", points=1)
def test_every_candidate_was_hit(answer):
    ids = np.array([[0, 1], [1, 4]])
    sims = np.array([[0.9, 0.8], [0.7, 0.6]])
    candidates, best = map(np.asarray, answer.best_hits(ids, sims, np.array([0, 0, 1, 1, 2])))
    whole(candidates, [0, 2])
    close(best, [[0.9, 0.7], [-np.inf, 0.6]])


@task("1.4", points=1)
def test_hits_in_any_order(answer):
    ids = np.array([[5, 0, 4], [4, 5, 3], [2, 3, 5]])
    sims = np.array([[-0.2, 0.3, 0.4], [0.5, 0.1, 0.2], [-0.6, -0.1, -0.3]])
    candidates, best = map(np.asarray, answer.best_hits(ids, sims, np.array([1, 1, 2, 2, 4, 4])))
    whole(candidates, [1, 2, 4])
    none = -np.inf
    close(best, [[0.3, none, none], [none, 0.2, -0.1], [0.4, 0.5, -0.3]])


@task("1.5", points=1)
def test_what_is_missing_is_bounded(answer):
    best = np.array([[0.9, -np.inf], [0.8, 0.7], [-np.inf, 0.6]])
    sims = np.array([[0.9, 0.85, 0.8], [0.7, 0.65, 0.6]])
    close(answer.xtr_scores(best, sims), [0.75, 0.75, 0.7])


@task("1.5", points=1)
def test_similarities_in_any_order(answer):
    best = np.array([[-np.inf, 0.2, 0.5], [0.4, -np.inf, -np.inf]])
    sims = np.array([[-0.3, 0.4], [0.2, -0.1], [0.3, 0.5]])
    close(answer.xtr_scores(best, sims), [0.4 / 3, 0.6 / 3])
