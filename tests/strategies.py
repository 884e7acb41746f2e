"""Hypothesis strategies: ragged collections with ties and empty documents, in every array form."""

import importlib.util
from typing import NamedTuple

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

quick = settings(max_examples=50, deadline=None)
engines = st.sampled_from(
    ["numpy", "numba"] if importlib.util.find_spec("numba") else ["numpy", "auto"]
)

# Small integers: sums of their products are exact in every type and order, and ties are common.
DTYPES = [np.float32, np.float64, np.float16, np.int8, np.int32, np.int64]


class Collection(NamedTuple):
    """A query and documents as nested lists, for the oracles."""

    query: list
    docs: list
    d: int

    @property
    def n_tokens(self):
        return sum(map(len, self.docs))

    def arrays(self, dtype=np.float64):
        """The query, and a list of `(n_i, d)` matrices."""
        docs = [np.array(doc, dtype).reshape(-1, self.d) for doc in self.docs]
        return np.array(self.query, dtype), docs

    def flat(self, dtype=np.float64):
        """All tokens, and the offsets of the documents."""
        tokens = np.array([t for doc in self.docs for t in doc], dtype).reshape(-1, self.d)
        return tokens, np.cumsum([0, *map(len, self.docs)])

    def index(self, dtype=np.float64):
        from tokenlab.retrieval import TokenIndex

        return TokenIndex(*self.flat(dtype))


@st.composite
def collections(draw, *, min_docs=0, min_length=0, low=-3, high=3, max_queries=4):
    """Up to six documents of up to five tokens, of integers from `low` to `high`."""
    d = draw(st.integers(1, 4))
    vector = st.lists(st.integers(low, high), min_size=d, max_size=d)
    document = st.lists(vector, min_size=min_length, max_size=5)
    return Collection(
        draw(st.lists(vector, min_size=1, max_size=max_queries)),
        draw(st.lists(document, min_size=min_docs, max_size=6)),
        d,
    )


def with_tokens(**options):
    """Collections that hold at least one token."""
    return collections(min_docs=1, **options).filter(lambda c: c.n_tokens > 0)


@st.composite
def real_collections(draw):
    """Real numbers that never tie, with empty documents, at least one token."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    d, n_q = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    lengths = draw(st.lists(st.integers(0, 6), min_size=1, max_size=6).filter(any))
    docs = [rng.standard_normal((n, d)).tolist() for n in lengths]
    return Collection(rng.standard_normal((n_q, d)).tolist(), docs, d)


def laid_out(x, layout):
    """The same values in another memory order: C, Fortran, strided, backwards, or nested lists."""
    if layout == "F":
        return np.asfortranarray(x)
    if layout == "strided":
        wide = np.zeros((x.shape[0] * 2, x.shape[1] * 3), x.dtype)
        wide[::2, ::3] = x
        return wide[::2, ::3]
    if layout == "backwards":
        return x[::-1, ::-1].copy()[::-1, ::-1]
    return x.tolist() if layout == "list" and x.size else x


layouts = st.sampled_from(["C", "F", "strided", "backwards", "list"])
dtypes = st.sampled_from(DTYPES)
