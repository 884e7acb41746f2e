"""What a teacher runs on top: random input against loops written apart, and the edges."""

import itertools

import numpy as np

from tokenlab.assignments import task


def random_chunks(rng, n_letters=3, first=0):
    """Chunks of few letters, so that pairs repeat and tie."""
    lengths = rng.integers(0, 8, size=int(rng.integers(1, 6)))
    chunks = [(first + rng.integers(0, n_letters, n)).tolist() for n in lengths]
    return chunks, rng.integers(1, 4, len(chunks)).tolist()


@task("9.1", points=1)
def test_random_words_against_a_loop(answer):
    rng = np.random.default_rng(0)
    for _ in range(20):
        chunks, counts = random_chunks(rng)
        wanted = {}
        for a, b in itertools.product(range(3), repeat=2):
            n = sum(
                count * sum(x == a and y == b for x, y in itertools.pairwise(chunk))
                for chunk, count in zip(chunks, counts, strict=True)
            )
            wanted |= {(a, b): n} if n else {}
        assert dict(answer.pair_counts([list(c) for c in chunks], list(counts))) == wanted


@task("9.1", points=1)
def test_nothing_to_count(answer):
    assert dict(answer.pair_counts([], [])) == {}
    assert dict(answer.pair_counts([[], [3]], [2, 5])) == {}


def replaced(ids, pair, new):
    """By letters: the standard library replaces from left to right."""
    text = "".join(map(chr, ids))
    return list(map(ord, text.replace("".join(map(chr, pair)), chr(new))))


@task("9.2", points=1)
def test_random_ids_against_replacing_letters(answer):
    rng = np.random.default_rng(0)
    for _ in range(40):
        ids = (65 + rng.integers(0, 2, int(rng.integers(0, 12)))).tolist()
        pair = tuple((65 + rng.integers(0, 2, 2)).tolist())
        assert list(answer.merge(list(ids), pair, 90)) == replaced(ids, pair, 90)


@task("9.2", points=1)
def test_ends_and_short_lists(answer):
    assert list(answer.merge([], (1, 2), 9)) == []
    assert list(answer.merge([1], (1, 2), 9)) == [1]
    assert list(answer.merge([2, 1, 2], (1, 2), 9)) == [2, 9]
    assert list(answer.merge([1, 2, 1], (1, 2), 9)) == [9, 1]
    assert list(answer.merge([2, 2, 2, 2, 2], (2, 2), 9)) == [9, 9, 2]


def slow_merges(chunks, counts, n_merges, first):
    """Every pair that there can be, each counted by itself; the best of all is sorted to the front."""
    texts = ["".join(map(chr, chunk)) for chunk in chunks]
    merges = []
    for new in range(first, first + n_merges):
        found = []
        for a, b in itertools.product(range(new), repeat=2):
            n = sum(
                count * sum(text.startswith(chr(a) + chr(b), i) for i in range(len(text)))
                for text, count in zip(texts, counts, strict=True)
            )
            found += [(-n, a, b)] if n else []
        if not found:
            break
        _, a, b = sorted(found)[0]
        texts = [text.replace(chr(a) + chr(b), chr(new)) for text in texts]
        merges.append([a, b])
    return np.array(merges, dtype=int).reshape(-1, 2)


@task("9.3", points=1)
def test_random_texts_against_a_slow_loop(answer):
    rng = np.random.default_rng(0)
    for n_merges in (1, 2, 3, 4, 5, 6):
        chunks, counts = random_chunks(rng, 3)
        found = answer.train([list(c) for c in chunks], list(counts), n_merges, 3)
        np.testing.assert_array_equal(found, slow_merges(chunks, counts, n_merges, 3))


@task("9.3", points=1)
def test_ties_and_an_early_end(answer):
    found = answer.train([[2, 2], [1, 3], [1, 2]], [1, 1, 1], 2, 10)
    np.testing.assert_array_equal(found, [[1, 2], [1, 3]])  # all three once: the lowest ids
    found = answer.train([[4, 3, 4, 3], [8, 1], [8, 2]], [1, 1, 1], 9, 10)
    np.testing.assert_array_equal(found, [[4, 3], [8, 1], [8, 2], [10, 10]])
    assert np.shape(answer.train([[1], []], [3, 2], 5, 10)) == (0, 2)
    assert np.shape(answer.train([[1, 2]], [3], 0, 10)) == (0, 2)


def by_letters(word, merges):
    """Each merge once, in the order in which they were learned; later ones never make earlier pairs."""
    ids = list(word.encode())
    for i, (left, right) in enumerate(merges.tolist()):
        ids = replaced(ids, (left, right), 256 + i)
    return ids


@task("9.4", points=1)
def test_random_words_against_one_merge_after_the_other(answer):
    rng = np.random.default_rng(0)
    texts = ["banana", "cabbage é", "aaaaaaa", "ééé", "öä", "abcabcab"]
    for _ in range(8):
        chunks = [list(text.encode()) for text in texts]
        merges = slow_byte_merges(chunks, rng)
        word = "".join(rng.choice(list("aabbcé ü"), size=int(rng.integers(1, 12))))
        wanted = by_letters(word, merges)
        spelled = [bytes([i]) for i in range(256)]
        for left, right in merges.tolist():
            spelled.append(spelled[left] + spelled[right])
        for n_shown in (0, 1, 3, len(wanted)):
            ids, shown = answer.encode(word, merges.copy(), n_shown)
            assert list(ids) == wanted
            assert shown == b"".join(spelled[i] for i in wanted[:n_shown]).decode(errors="replace")


def slow_byte_merges(chunks, rng):
    """Merges in a random, but possible order."""
    merges = []
    for new in range(256, 264):
        pairs = sorted({pair for chunk in chunks for pair in itertools.pairwise(chunk)})
        if not pairs:
            break
        pair = pairs[int(rng.integers(len(pairs)))]
        chunks = [replaced(chunk, pair, new) for chunk in chunks]
        merges.append(pair)
    return np.array(merges)


@task("9.4", points=1)
def test_characters_that_are_not_finished(answer):
    none = np.zeros((0, 2), dtype=np.int64)
    ids, shown = answer.encode("a€", none, 3)
    assert list(ids) == [97, 226, 130, 172]
    assert shown == "a\ufffd"
    ids, shown = answer.encode("", none, 5)
    assert (list(ids), shown) == ([], "")
    merges = np.array([[130, 172], [97, 226], [97, 98], [98, 99]])
    ids, shown = answer.encode("a€", merges, 2)
    assert (list(ids), shown) == ([257, 256], "a€")
    ids, shown = answer.encode("abc", merges, 1)
    assert (list(ids), shown) == ([258, 99], "ab")
    ids, shown = answer.encode("aaa", np.array([[97, 97]]), 9)
    assert (list(ids), shown) == ([256, 97], "aaa")


def all_cuts(data, tokens):
    """Every way to cut some bytes."""
    if not data:
        return [[]]
    return [
        [i, *rest]
        for i, token in enumerate(tokens)
        if data.startswith(token)
        for rest in all_cuts(data[len(token) :], tokens)
    ]


@task("9.5", points=2)
def test_random_tokens_against_all_cuts(answer):
    rng = np.random.default_rng(0)
    tokens = [b"c", b"bca", b"a", b"ab", b"bc", b"abc", b"b", b"ca", b"cab"]
    for _ in range(15):
        log_probs = np.log(rng.dirichlet(np.ones(len(tokens))))
        data = bytes(rng.choice(list(b"abc"), size=int(rng.integers(1, 9))).tolist())
        cuts = all_cuts(data, tokens)
        wanted = max(cuts, key=lambda cut: log_probs[cut].sum())
        ids, bits = answer.viterbi(data, list(tokens), log_probs.copy())
        assert list(ids) == wanted
        cost = -log_probs[wanted].sum() / np.log(2) / len(data)
        np.testing.assert_allclose(bits, cost, rtol=1e-9)


@task("9.5", points=1)
def test_equal_ways_and_one_byte(answer):
    tokens, log_probs = [b"a", b"aa", b"b", b"aaa"], np.array([-1.0, -2.0, -1.0, -4.0])
    ids, bits = answer.viterbi(b"aab", tokens, log_probs)
    assert list(ids) == [1, 2]
    np.testing.assert_allclose(bits, 1 / np.log(2))
    assert list(answer.viterbi(b"aaa", tokens, log_probs)[0]) == [0, 1]  # the longer one is last
    ids, bits = answer.viterbi(b"b", tokens, np.array([-1.0, -2.0, -0.5, -4.0]))
    assert list(ids) == [2]
    np.testing.assert_allclose(bits, 0.5 / np.log(2))


@task("9.6", points=1)
def test_random_tokens_against_a_loop_of_rows(answer):
    rng = np.random.default_rng(0)
    old = [bytes([i]) for i in b"abcd"] + [b"ab", b"cd", b"abcd"]
    new = [b"cd", b"dcba", b"aa", b"d", b"abab", b"abcdd"]
    embeddings = rng.normal(size=(len(old), 5))

    def letters(token):
        return [old.index(bytes([byte])) for byte in token]

    found = np.asarray(answer.fvt(list(new), list(old), embeddings.copy(), letters))
    for row, token in zip(found, new, strict=True):
        ids = [old.index(token)] if token in old else letters(token)
        total = np.zeros(5)
        for i in ids:
            total += embeddings[i]
        np.testing.assert_allclose(row, total / len(ids))


@task("9.6", points=1)
def test_the_same_tokens_in_another_order(answer):
    rng = np.random.default_rng(1)
    old = [b"x", b"y", b"xy", b"yx"]
    order = [2, 0, 3, 1]
    embeddings = rng.normal(size=(4, 3))
    found = answer.fvt([old[i] for i in order], old, embeddings, lambda token: [0, 1])
    np.testing.assert_array_equal(found, embeddings[order])
    one = answer.fvt([b"yy"], old, embeddings, lambda token: [1, 1])
    np.testing.assert_allclose(one, embeddings[[1]])
