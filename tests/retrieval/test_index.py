"""The ragged collection: what it takes, what it refuses, and taking parts of it."""

import copy
import pickle

import numpy as np
import pytest
import strategies as own
from hypothesis import given
from hypothesis import strategies as st
from oracles import owners

from tokenlab import record, use_engine
from tokenlab.errors import BackendError, DTypeError, InvalidInput, ShapeError
from tokenlab.retrieval import SearchResult, TokenIndex, maxsim, maxsim_search, xtr_search
from tokenlab.retrieval.index import document_blocks, token_blocks


def lists(index):
    return [doc.tolist() for doc in index]


@pytest.fixture
def index():
    """Documents of 2, 0, 1 and 3 tokens; token j is (j, 10 j)."""
    return TokenIndex([[j, 10.0 * j] for j in range(6)], [0, 2, 2, 3, 6])


# building --------------------------------------------------------------------------------------


@own.quick
@given(own.collections(min_docs=1), own.dtypes, own.layouts)
def test_both_ways_of_building_agree_with_the_lists(c, dtype, layout):
    _, docs = c.arrays(dtype)
    index = TokenIndex.from_docs([own.laid_out(doc, layout) for doc in docs])
    tokens, offsets = c.flat(dtype)
    other = TokenIndex(own.laid_out(tokens, layout), offsets)
    for built in (index, other):
        assert lists(built) == c.docs
        assert (built.n_docs, built.n_tokens, built.d) == (len(c.docs), c.n_tokens, c.d)
        assert built.lengths.tolist() == list(map(len, c.docs))
        assert built.token_to_doc.tolist() == owners(c.docs)
        assert built.tokens.flags.c_contiguous
        assert built.offsets.dtype == built.token_to_doc.dtype == built.lengths.dtype == np.int64
    if layout != "list":
        assert index.tokens.dtype == other.tokens.dtype
        wide = dtype in (np.float64, np.int32, np.int64)
        assert index.tokens.dtype == (np.float64 if wide else np.float32)


def test_documents_of_two_precisions_keep_the_higher():
    index = TokenIndex.from_docs([np.ones((1, 2), np.float32), np.ones((1, 2), np.float64)])
    assert index.tokens.dtype == np.float64


@pytest.mark.parametrize(
    "empty", [[], (), np.empty(0), np.empty((0, 2)), np.empty((0, 2), np.int8)]
)
def test_an_empty_document_is_written_in_several_ways(empty):
    assert lists(TokenIndex.from_docs([empty, [[1.0, 2.0]], empty])) == [[], [[1.0, 2.0]], []]


def test_from_docs_takes_any_iterable_of_documents(index):
    assert lists(TokenIndex.from_docs(iter(lists(index)))) == lists(index)
    assert lists(TokenIndex.from_docs(index)) == lists(index)
    assert TokenIndex.from_docs(np.ones((3, 2, 4))).lengths.tolist() == [2, 2, 2]
    assert TokenIndex.from_docs([np.empty((0, 7))]).d == 7


def test_nothing_in_it():
    for offsets, n_docs in (([0], 0), ([0, 0, 0], 2), (np.array([0], np.int32), 0)):
        index = TokenIndex(np.empty((0, 3), np.float32), offsets)
        assert (index.n_docs, index.n_tokens, index.d, len(index)) == (n_docs, 0, 3, n_docs)
        assert index.token_to_doc.shape == (0,)
        assert index.token_to_doc.dtype == np.int64
        assert lists(index) == [[]] * n_docs
    assert repr(index) == "TokenIndex(n_docs=0, n_tokens=0, d=3, float32)"


@pytest.mark.parametrize(
    ("tokens", "offsets", "error", "says"),
    [
        (np.ones(3), [0, 3], ShapeError, r"tokens is \(3,\); expected \(n_tokens, d\)"),
        (np.ones((2, 3, 4)), [0, 2], ShapeError, r"tokens is \(2, 3, 4\)"),
        (np.ones((3, 0)), [0, 3], ShapeError, "d >= 1"),
        ([], [0], ShapeError, r"tokens is \(0,\)"),
        ([[1.0, 2.0], [3.0]], [0, 2], ShapeError, "tokens is not a regular array"),
        ([[1.0, np.nan]], [0, 1], InvalidInput, r"tokens has 1 values .* \[0, 1\]: nan"),
        ([[1.0, -np.inf]], [0, 1], InvalidInput, "-inf"),
        ([["a"]], [0, 1], DTypeError, "tokens has dtype <U1"),
        ([[1j]], [0, 1], DTypeError, "complex"),
        ([[True]], [0, 1], DTypeError, "bool"),
        (np.array([[None]]), [0, 1], DTypeError, "object"),
        (np.ma.array([[1.0]], mask=[[True]]), [0, 1], DTypeError, "masked"),
        (np.ones((3, 2)), [0, 2], InvalidInput, "from 0 to 2; .* n_tokens = 3"),
        (np.ones((3, 2)), [1, 3], InvalidInput, "from 1 to 3"),
        (np.ones((3, 2)), [0, -1, 3], InvalidInput, "goes down from 0 to -1 at position 1"),
        (np.ones((3, 2)), [0, 2, 1, 3], InvalidInput, "goes down from 2 to 1 at position 2"),
        (np.ones((3, 2)), [], InvalidInput, "offsets is empty"),
        (np.ones((3, 2)), [0.0, 3.0], DTypeError, "offsets has dtype float64"),
        (np.ones((3, 2)), [[0], [3]], ShapeError, r"offsets is \(2, 1\).*\(n_docs \+ 1,\)"),
        (np.ones((3, 2)), 3, ShapeError, r"offsets is \(\)"),
        (np.ones((3, 2)), np.ma.array([0, 3], mask=[1, 0]), DTypeError, "offsets has masked"),
    ],
)
def test_what_it_refuses(tokens, offsets, error, says):
    with pytest.raises(error, match=says) as caught:
        TokenIndex(tokens, offsets)
    assert str(caught.value).startswith("TokenIndex: ")


@pytest.mark.parametrize(
    ("docs", "error", "says"),
    [
        ([], InvalidInput, "docs is empty"),
        ([[], []], InvalidInput, "every document is"),
        ([[[1.0]], [[1.0, 2.0]]], ShapeError, r"docs\[1\] is \(1, 2\).*docs\[0\] is \(1, 1\)"),
        ([np.ones((0, 3)), np.ones((2, 2))], ShapeError, "d = 2.*d = 3"),
        ([[], [1.0, 2.0]], ShapeError, r"docs\[1\] is \(2,\), 1 axes"),
        ([1, 2], ShapeError, r"docs\[0\] is \(\)"),
        (np.ones((3, 2)), ShapeError, r"docs\[0\] is \(2,\)"),
        ([np.empty((0, 2, 3)), np.ones((1, 2))], ShapeError, r"docs\[0\] is \(0, 2, 3\)"),
        ([[[1.0]], [[np.inf]]], InvalidInput, r"docs\[1\] has 1 values"),
        ([[["word"]]], DTypeError, r"docs\[0\] has dtype"),
        (["text"], (DTypeError, ShapeError), r"docs\[0\]"),
    ],
)
def test_what_from_docs_refuses(docs, error, says):
    with pytest.raises(error, match=says) as caught:
        TokenIndex.from_docs(docs)
    assert str(caught.value).startswith("TokenIndex.from_docs: ")


def test_libraries_do_not_mix(cupy):
    tokens, offsets = np.ones((1, 2)), np.array([0, 1])
    for args in ((cupy.asarray(tokens), offsets), (tokens, cupy.asarray(offsets))):
        with pytest.raises(BackendError, match="TokenIndex: mixed array libraries"):
            TokenIndex(*args)
    with pytest.raises(BackendError, match="mixed"):
        TokenIndex.from_docs([tokens, cupy.asarray(tokens)])
    assert TokenIndex(cupy.asarray(tokens), [0, 1]).n_docs == 1


def test_on_the_gpu(cupy, index):
    moved = TokenIndex(cupy.asarray(index.tokens), cupy.asarray(index.offsets))
    again = TokenIndex.from_docs([cupy.asarray(doc) for doc in index])
    for there in (moved, again):
        assert [doc.get().tolist() for doc in there] == lists(index)
        np.testing.assert_array_equal(there.token_to_doc.get(), index.token_to_doc)
        assert [doc.get().tolist() for doc in there[[3, 0]]] == lists(index[[3, 0]])
        assert [doc.get().tolist() for doc in there[1:3]] == lists(index[1:3])
        mask = cupy.asarray(np.array([True, True, False, False]))
        assert there[mask].n_tokens == 2


# whose memory it is ----------------------------------------------------------------------------


def test_the_index_is_read_only_and_the_callers_arrays_are_not(index):
    tokens, offsets = np.ones((3, 2), np.float32), np.array([0, 1, 3])
    built = TokenIndex(tokens, offsets)
    assert not np.shares_memory(built.tokens, tokens)  # what its owner may change is copied
    for array in (built.tokens, built.offsets, built.doc(1), index[1:].tokens, index[1:].offsets):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
    tokens[0, 0], offsets[1] = 5, 1
    assert tokens.tolist() == [[5, 1], [1, 1], [1, 1]]
    assert built.tokens.tolist() == [[1, 1]] * 3
    assert built.offsets.tolist() == [0, 1, 3]


def test_what_nobody_can_change_is_not_copied(tmp_path):
    tokens = np.ones((3, 2), np.float32)
    window = tokens[:]
    window.flags.writeable = False  # its owner can still write
    assert not np.shares_memory(TokenIndex(window, [0, 3]).tokens, tokens)
    tokens.flags.writeable = False
    assert np.shares_memory(TokenIndex(tokens[1:], [0, 2]).tokens, tokens)
    np.save(tmp_path / "tokens.npy", tokens)
    mapped = np.load(tmp_path / "tokens.npy", mmap_mode="r")
    assert np.shares_memory(TokenIndex(mapped, [0, 3]).tokens, mapped)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_an_index_does_not_change_with_the_callers_arrays(engine):
    tokens = np.eye(2)
    index = TokenIndex(tokens, [0, 1, 2])
    tokens[0, 0] = np.nan
    with use_engine(engine):
        assert maxsim([[1.0, 0.0]], index).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("writeable", [True, False])
def test_read_only_input_is_fine(writeable):
    tokens = np.ones((3, 2))
    tokens.flags.writeable = writeable
    assert TokenIndex(tokens, (0, 3)).n_tokens == 3
    assert tokens.flags.writeable is writeable


# one document ----------------------------------------------------------------------------------


def test_doc(index):
    assert [index.doc(i).tolist() for i in range(4)] == lists(index)
    assert [index.doc(i).tolist() for i in range(-4, 0)] == lists(index)
    assert index.doc(np.int64(-1)).tolist() == index.doc(3).tolist()
    assert index.doc(1).shape == (0, 2)


@pytest.mark.parametrize("i", [4, -5, 10**9, np.int64(4)])
def test_doc_out_of_range(index, i):
    with pytest.raises(IndexError, match=rf"TokenIndex.doc: i is {i}.* 4 documents"):
        index.doc(i)
    with pytest.raises(IndexError):
        TokenIndex(np.empty((0, 1)), [0]).doc(0)


@pytest.mark.parametrize("i", [1.5, "1", None])
def test_doc_takes_only_integers(index, i):
    with pytest.raises((IndexError, TypeError)):
        index.doc(i)


# some documents --------------------------------------------------------------------------------

slices = st.builds(
    slice, *[st.none() | st.integers(-8, 8)] * 2, st.none() | st.sampled_from([1, 2, -1, -2])
)


@own.quick
@given(own.collections(min_docs=1), st.data())
def test_subsets_are_those_of_the_list(c, data):
    index, n = c.index(), len(c.docs)
    cut = data.draw(slices)
    assert lists(index[cut]) == c.docs[cut]
    picked = data.draw(st.lists(st.integers(-n, n - 1), max_size=8))
    mask = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    kept = [doc for doc, keep in zip(c.docs, mask, strict=True) if keep]
    for given_as in (list, lambda x: np.array(x, np.int64)):
        assert lists(index[given_as(picked)]) == [c.docs[i] for i in picked]
    for given_as in (list, np.array):
        assert lists(index[given_as(mask)]) == kept
    part = index[picked]
    assert part.token_to_doc.tolist() == owners([c.docs[i] for i in picked])
    assert (part.d, part.tokens.dtype) == (index.d, index.tokens.dtype)


def test_a_subset_of_a_subset_of_nothing(index):
    assert lists(index[[3, 3, 1]][1:]) == [index.doc(3).tolist(), []]
    for nothing in (index[[]], index[4:], index[np.zeros(4, bool)], index[[]][:]):
        assert (nothing.n_docs, nothing.n_tokens, nothing.d) == (0, 0, 2)


@pytest.mark.parametrize("i", [0, -1, np.int64(2), True])
def test_one_number_is_ambiguous(index, i):
    with pytest.raises(TypeError, match=r"index\.doc\(i\)"):
        index[i]


@pytest.mark.parametrize("docs", [None, np.array(1), np.array([[0, 1]]), [[0], [1]]])
def test_a_choice_has_one_axis(index, docs):
    with pytest.raises(TypeError, match="1 axis"):
        index[docs]


@pytest.mark.parametrize("docs", [[4], [-5], [0.5], "a", (0, 1), [True], np.ones(5, bool)])
def test_wrong_choices(index, docs):
    with pytest.raises(IndexError):
        index[docs]


# blocks ----------------------------------------------------------------------------------------


@own.quick
@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 9), st.integers(1, 30))
def test_blocks_cover_everything_once_and_hold_no_more_than_they_may(counts, n_columns, block):
    offsets = np.cumsum([0, *counts])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tokenlab.retrieval.index.BLOCK", block)
        by_documents = list(document_blocks(offsets, n_columns))
        by_tokens = list(token_blocks(np.empty(offsets[-1]), n_columns))
    documents = [i for docs, _ in by_documents for i in range(docs.start, docs.stop)]
    assert documents == list(range(len(counts)))
    for docs, rows in by_documents:
        assert (rows.start, rows.stop) == (offsets[docs.start], offsets[docs.stop])
        size = (rows.stop - rows.start) * n_columns
        assert size <= max(block, n_columns) or np.count_nonzero(counts[docs]) == 1
    assert [j for rows in by_tokens for j in range(rows.start, rows.stop)] == list(
        range(offsets[-1])
    )
    assert all((rows.stop - rows.start) * n_columns <= max(block, n_columns) for rows in by_tokens)


def test_a_result_says_what_its_scores_are(rng):
    index = TokenIndex.from_docs([rng.standard_normal((n, 4)) for n in (3, 2, 4)])
    query = rng.standard_normal((5, 4))
    sums, means = maxsim_search(query, index, k=2), xtr_search(query, index, k_prime=9, k=2)
    assert (sums.kind, means.kind) == ("sum", "mean")
    np.testing.assert_allclose(sums.scores / 5, means.scores)
    for result in (sums, means):
        doc_ids, scores = result
        assert doc_ids is result.doc_ids
        assert isinstance(result, SearchResult)
        for again in (copy.copy(result), pickle.loads(pickle.dumps(result)), result._replace()):
            assert again.kind == result.kind
            np.testing.assert_array_equal(again.scores, scores)
        assert f"kind='{result.kind}'" in repr(result)
        assert f"a {result.kind} over" in result._repr_html_()
    with record() as steps:
        xtr_search(query, index, k_prime=9, k=2)
    assert len(steps) > 3
