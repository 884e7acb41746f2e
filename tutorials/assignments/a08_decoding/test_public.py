"""What `tokenlab assignment check` runs. `answer` holds your functions."""

import numpy as np

from tokenlab.assignments import task


@task("8.1", points=1)
def test_the_second_of_three_is_allowed(answer):
    p, allowed = np.array([0.5, 0.3, 0.2]), np.array([False, True, True])
    token, weight = answer.weighted_draw(p, np.array([0, 1, 2]), allowed)  # and so is the third
    assert token == 1
    np.testing.assert_allclose(weight, 0.5)


@task("8.1", points=1)
def test_the_token_behind_is_not_allowed(answer):
    p, allowed = np.array([0.4, 0.3, 0.2, 0.1]), np.array([False, True, False, True])
    token, weight = answer.weighted_draw(p, np.array([2, 1, 0, 3]), allowed)
    assert token == 1
    assert np.asarray(token).dtype.kind in "iu", "a token is an integer"
    np.testing.assert_allclose(weight, 0.3, rtol=1e-9)


@task("8.2", points=2)
def test_three_tokens(answer):
    p, q = np.array([0.6, 0.2, 0.2]), np.array([0.1, 0.8, 0.1])
    stays, instead = answer.judge(p, q, 1)
    np.testing.assert_allclose(stays, 0.25)
    np.testing.assert_allclose(instead, [5 / 6, 0, 1 / 6], rtol=1e-9)
    np.testing.assert_allclose(answer.judge(p, q, 0)[0], 1)


@task("8.3", points=1)
def test_a_tree_of_five_guesses(answer):
    parents = np.array([0, 0, 1, 1, 3])
    guesses = np.array([7, 8, 5, 6, 9])
    best = np.array([7, 5, 9, 9, 9, 4])  # 7 is right, then 5, then 9, and behind it comes 4
    found = answer.accepted_tokens(parents, guesses, best)
    assert np.asarray(found).dtype.kind in "iu", "tokens are integers"
    assert list(found) == [7, 5, 9, 4]


@task("8.3", points=1)
def test_a_child_of_a_wrong_guess(answer):
    parents, guesses = np.array([0, 1, 2]), np.array([3, 5, 6])
    assert list(answer.accepted_tokens(parents, guesses, np.array([4, 5, 6, 7]))) == [4]


def merges_aa(text):
    """A tokenizer of A, B and AA."""
    ids, i = [], 0
    while i < len(text):
        pair = text[i : i + 2] == b"AA"
        ids.append(2 if pair else [b"A", b"B"].index(text[i : i + 1]))
        i += 2 if pair else 1
    return ids


@task("8.4", points=2)
def test_three_tokens_of_which_one_is_a_pair(answer):
    tokens, p = [b"A", b"B", b"AA", b"AB"], np.array([0.2, 0.2, 0.4, 0.2])  # AB never comes
    after_a = answer.masked_to_valid(p, [0], tokens, merges_aa)
    np.testing.assert_allclose(after_a, [0, 1, 0, 0])  # A and A would have been AA
    after_b = answer.masked_to_valid(p, [1], tokens, merges_aa)
    np.testing.assert_allclose(after_b, [0.25, 0.25, 0.5, 0])


@task("8.5", points=2)
def test_two_visible_tokens(answer):
    ids = np.array([0, 1, 1, 2, 1, 3])
    dropped = np.array([True, False, True, True, False, True])
    expected = [[0.25, 0, 0, 0], [0, 0.25, 0.25, 0], [0, 0, 0, 0.25]]
    np.testing.assert_allclose(answer.insertion_target(ids, dropped, 4), expected)
