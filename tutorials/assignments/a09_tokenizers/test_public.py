"""What `tokenlab assignment check` runs. `answer` holds your functions."""

import numpy as np

from tokenlab.assignments import task


@task("9.1", points=1)
def test_two_words_and_an_overlap(answer):
    chunks = [[5, 5, 5], [1, 5, 2, 1, 5], [7]]
    found = answer.pair_counts(chunks, [2, 3, 4])
    assert dict(found) == {(5, 5): 4, (1, 5): 6, (5, 2): 3, (2, 1): 3}
    assert all(np.asarray(n).dtype.kind in "iu" for n in found.values()), "counts are integers"


@task("9.2", points=1)
def test_overlaps_are_taken_from_the_left(answer):
    found = answer.merge([5, 5, 5, 1, 5, 5], (5, 5), 9)
    assert list(found) == [9, 5, 1, 9]
    assert np.asarray(found).dtype.kind in "iu", "ids are integers"
    assert list(answer.merge([1, 2, 2, 1, 2], (1, 2), 9)) == [9, 2, 9]


@task("9.3", points=2)
def test_hug_pug_pun_bun(answer):
    words = ["hug", " hug", " pug", " pun", " bun", " hugs"]
    found = answer.train([list(word.encode()) for word in words], [1] * 6, 4, 256)
    expected = [[ord("u"), ord("g")], [ord("h"), 256], [ord(" "), ord("p")], [ord(" "), 257]]
    assert np.asarray(found).dtype.kind in "iu", "merges are ids"
    np.testing.assert_array_equal(found, expected)  # ug, hug, ' p', ' hug'
    nothing = np.asarray(answer.train([[1], []], [3, 2], 5, 10))
    assert nothing.shape == (0, 2)
    assert nothing.dtype.kind in "iu", "merges are ids, also where there are none"


@task("9.4", points=2)
def test_the_merge_that_was_learned_first(answer):
    b, c, d = ord("b"), ord("c"), ord("d")
    merges = np.array([[c, d], [b, c], [195, 169], [256, 256]])  # cd, bc, é, cdcd
    ids, shown = answer.encode("bcdcd", merges, 1)
    assert np.asarray(ids).dtype.kind in "iu", "ids are integers"
    assert list(ids) == [b, 259]
    assert shown == "b"
    ids, shown = answer.encode("bcé", merges, 2)
    assert list(ids) == [257, 258]
    assert shown == "bcé"
    ids, shown = answer.encode("aéü", merges, 4)  # ü has no merge: two bytes
    assert list(ids) == [97, 258, 195, 188]
    assert shown == "aéü"
    ids, shown = answer.encode("", merges, 4)
    assert np.asarray(ids).dtype.kind in "iu", "ids are integers, also where there are none"
    assert (len(ids), shown) == (0, "")


@task("9.5", points=2)
def test_aba(answer):
    tokens = [b"a", b"b", b"ab", b"ba", b"aba"]
    ids, bits = answer.viterbi(b"aba", tokens, np.log([0.3, 0.2, 0.2, 0.2, 0.1]))
    assert np.asarray(ids).dtype.kind in "iu", "ids are integers"
    assert list(ids) == [4]
    assert np.shape(bits) == (), "bits are one number"
    np.testing.assert_allclose(bits, -np.log2(0.1) / 3, rtol=1e-9)
    ids, bits = answer.viterbi(b"baab", tokens, np.log([0.3, 0.2, 0.2, 0.2, 0.1]))
    assert list(ids) == [3, 2]
    np.testing.assert_allclose(bits, -np.log2(0.04) / 4, rtol=1e-9)


@task("9.6", points=2)
def test_three_new_tokens(answer):
    old = [b"a", b"b", b"ab"]
    embeddings = np.array([[1.0, 0.7], [2.0, -1.1], [5.0, 3.0]])
    pieces = {b"aab": [0, 2], b"aaab": [0, 0, 2], b"bb": [1, 1]}
    found = answer.fvt([b"ab", b"aab", b"b", b"aaab"], old, embeddings, pieces.get)
    expected = [[5, 3], [3, 1.85], [2, -1.1], [7 / 3, 4.4 / 3]]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
