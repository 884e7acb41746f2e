"""What `tokenlab assignment check` runs. `answer` holds your functions."""

import numpy as np

from tokenlab.assignments import task


@task("13.1", points=2)
def test_five_tokens_in_two_vectors(answer):
    x = np.array([[3.0, 0], [0, 1], [0, 3], [3, 0], [1, 0]])
    found = answer.pool(x, 0.4)  # tokens 0 to 2, and 3 and 4
    np.testing.assert_allclose(found, [[0.6, 0.8], [1, 0]])


@task("13.2", points=2)
def test_three_queries(answer):
    queries, docs = np.array([[1.0, 0], [0, 1], [1, 1]]), np.array([[3.0, 1], [2, 2], [1, 3]])
    found = answer.pair_recall(queries, docs, np.array([[0, 2], [1, 2], [0, 2]]))
    np.testing.assert_allclose(found, 2 / 3)  # documents 0 and 1; 2 and 1; 0 and 1
    assert np.ndim(found) == 0, "one number for all queries"


@task("13.3", points=2)
def test_three_numbers_of_four_bits(answer):
    found = answer.pack(np.array([[1, 2, 3], [15, 0, 10]]), 4)
    np.testing.assert_array_equal(found, [[18, 48], [240, 160]])
    assert found.dtype == np.uint8, "bytes are uint8"


@task("13.4", points=2)
def test_two_bytes_of_four_bits(answer):
    found = answer.unpack(np.array([[18, 48], [240, 160]], dtype=np.uint8), 4, 3)
    np.testing.assert_array_equal(found, [[1, 2, 3], [15, 0, 10]])
    assert np.asarray(found).dtype.kind in "iu", "what is counted is a whole number"


@task("13.5", points=2)
def test_three_clusters(answer):
    clusters = np.array([0, 0, 1, 2, 2, 2])
    alive = np.array([True, False, True, True, True, True])
    scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.3, 0.8]])
    probes, missing = answer.warp_select(scores, clusters, alive, 2, 2)
    np.testing.assert_array_equal(probes, [[0, 1], [2, 1]])
    assert np.asarray(probes).dtype.kind in "iu", "clusters are whole numbers, which find rows"
    np.testing.assert_allclose(missing, [0.5, 0.8])  # 1 + 1 tokens; 3 at once


@task("13.6", points=2)
def test_two_query_tokens(answer):
    found = [[{3: 0.9, 7: 0.2}, {3: 0.5}], [{7: 0.8}, {}]]
    scores = answer.warp_scores(found, np.array([0.4, 0.3]))
    assert sorted(scores) == [3, 7]
    np.testing.assert_allclose([scores[3], scores[7]], [0.9 + 0.3, 0.2 + 0.8])
