"""Padded batches become an index without their padding."""

import numpy as np
import pytest

from tokenlab.errors import TokenlabError
from tokenlab.retrieval import TokenIndex


def test_only_what_the_mask_allows_is_kept():
    array = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    mask = np.array([[1, 1, 0, 0], [0, 1, 1, 1]], bool)  # padding may stand on either side
    index = TokenIndex.from_padded(array, mask)
    assert index.lengths.tolist() == [2, 3]
    np.testing.assert_array_equal(index.doc(1), array[1, 1:])
    empty = TokenIndex.from_padded(array, np.zeros((2, 4), bool))
    assert empty.lengths.tolist() == [0, 0]


@pytest.mark.parametrize(
    "mask", [np.ones((2, 4)), np.ones((2, 3), bool), np.ones(8, bool), [[1, 1, 0, 0]] * 2]
)
def test_a_mask_that_is_none_is_named(mask):
    with pytest.raises(TokenlabError, match=r"from_padded: .*mask"):
        TokenIndex.from_padded(np.zeros((2, 4, 3)), mask)
