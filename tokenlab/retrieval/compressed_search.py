"""How a compressed index is searched: the probed tokens, the best of them, and their documents.

Scanned tokens are `(starts, owners, sims)`: those of query token `i` are `starts[i]:starts[i + 1]`,
cluster after cluster, `owners` the numbers of their documents.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tokenlab.arrays import get_xp, to_numpy
from tokenlab.engine import accelerated
from tokenlab.numerics import TopK, group_max, offsets_of, topk
from tokenlab.retrieval.buckets import unpack
from tokenlab.retrieval.colbert import maxsim_scores
from tokenlab.retrieval.index import SearchResult, TokenIndex
from tokenlab.retrieval.warp import bucket_table, probed, table_scores, worth_of_a_miss

__all__: list[str] = []

SCANNED = 1 << 22  # tokens whose scores are held at once


class Scanned(NamedTuple):
    """The tokens of the probed clusters, query token after query token."""

    starts: Any
    owners: Any
    sims: Any


@accelerated(
    "compressed.scanned",
    work=lambda query, centroids, *_: centroids.size * query.shape[1],
    pays_from=2e3,
)
def scanned(
    query: Any,
    centroids: Any,
    scores: Any,
    levels: Any,
    bits: int,
    ends: Any,
    residuals: Any,
    owners: Any,
    alive: Any,
) -> tuple[Any, Any, Any]:
    """The similarity of each query token to every token of its probed clusters."""
    xp = get_xp(query)
    tables = bucket_table(query, levels)  # (n_q, d, 2^bits)
    starts, docs, sims = [0], [owners[:0]], [scores[0, :0]]
    for table, clusters, known in zip(tables, centroids.tolist(), scores, strict=True):
        for i, cluster in enumerate(clusters):
            run = slice(int(ends[cluster]), int(ends[cluster + 1]))
            inside = alive[owners[run]]  # (n,): deleted documents are still in their cluster
            buckets = unpack(residuals[run], bits, query.shape[1])  # (n, d)
            found = known[i] + table_scores(table, buckets)  # (n,) [Eq. 2] q · (C + level[r])
            sims.append(found[inside])
            docs.append(owners[run][inside])
        starts.append(sum(map(len, docs)))
    return xp.asarray(starts), xp.concatenate(docs), xp.concatenate(sims)


@accelerated("compressed.best_scanned", work=lambda starts, owners, *_: len(owners), pays_from=1e3)
def best_scanned(
    starts: Any, owners: Any, sims: Any, k_prime: int, floor: Any
) -> tuple[Any, Any, Any, Any]:
    """The `k_prime` best scanned tokens of each query token, and the last of them.

    Ties go to the lower document. `floor (n_q,)` is the last one where nothing was scanned.
    """
    xp = get_xp(sims)
    lengths = xp.minimum(starts[1:] - starts[:-1], k_prime)
    # By query token, there by falling similarity, of equal ones by document: stable sorts, last first.
    order = xp.argsort(owners, kind="stable")
    order = order[xp.argsort(-sims[order], kind="stable")]
    order = order[xp.argsort(rows_of(starts)[order], kind="stable")]
    rank = xp.arange(len(sims)) - starts[rows_of(starts)]  # of each place, in its query token
    kept = order[rank < k_prime]
    last = kept[xp.cumsum(lengths)[lengths > 0] - 1]
    missing = floor.copy()
    missing[lengths > 0] = sims[last]
    kept = xp.sort(kept)  # as they were scanned
    return offsets_of(lengths), owners[kept], sims[kept], missing


def rows_of(starts: Any) -> Any:
    """The query token of each scanned token."""
    xp = get_xp(starts)
    return xp.searchsorted(starts, xp.arange(int(starts[-1])), side="right") - 1


@accelerated("compressed.gains", work=lambda starts, owners, *_: len(owners), pays_from=1e3)
def gains(starts: Any, owners: Any, sims: Any, missing: Any, n_docs: int) -> tuple[Any, Any]:
    """What each document has above `missing`, added up over query tokens, and whether it was hit."""
    xp = get_xp(sims)
    gain = xp.zeros(n_docs)
    hit = xp.zeros(n_docs, bool)
    for i in range(len(missing)):
        run = slice(int(starts[i]), int(starts[i + 1]))
        best = group_max(sims[run].astype(xp.float64), owners[run], n_docs)  # (n_docs,) [Eq. 3] max
        found = best > -xp.inf  # the others have nothing but what is missing
        gain = gain + xp.where(found, best - missing[i], 0.0)
        hit = hit | found
    return gain, hit


def joined(parts: list[Scanned]) -> Scanned:
    """What was scanned of several pieces, each query token's tokens side by side again."""
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate([rows_of(part.starts) for part in parts])
    order = rows.argsort(kind="stable")
    starts = np.sum([part.starts for part in parts], axis=0)
    docs, sims = (np.concatenate([part[i] for part in parts])[order] for i in (1, 2))
    return Scanned(starts, docs, sims)


class Settings(NamedTuple):
    """The options of a search."""

    k: int
    n_probe: int = 32
    t_prime: int | None = None
    kth: bool = False
    k_prime: int = 1000
    rerank: int = 0


class Looks:
    """What a search looks at in an index; `compressed_shards` looks at many on other machines."""

    def __init__(self, index: Any):
        self.index = index

    def candidates(
        self, query: Any, centroid_scores: Any, settings: Settings, allowed: Any
    ) -> tuple[Any, Any]:
        """The allowed documents that own a scanned token, in order of their numbers, and scores."""
        probes, worth = chosen_probes(self.index, centroid_scores, settings)
        return scored(self.index, query, probes, worth, settings, allowed)

    def exact_scores(self, query: Any, numbers: Any, source: Any) -> Any:
        """MaxSim of some documents, whose numbers rise, from a source or from what is decoded."""
        # By number, so that ties go to the lower one.
        docs = source[numbers] if source is not None else decoded(self.index, numbers)
        ends = np.array([0, len(query)])
        return maxsim_scores(query, ends, to_numpy(docs.tokens), to_numpy(docs.offsets))[0]

    def owning(self, allowed: Any) -> int:
        """How many of the allowed documents have tokens."""
        pieces = self.index.pieces  # a piece keeps its documents' numbers and offsets
        return sum(int((allowed[p.numbers] & (np.diff(p.offsets) > 0)).sum()) for p in pieces)


def best_documents(looks: Any, query: Any, settings: Settings, source: Any, allowed: Any) -> Any:
    """`CompressedIndex.search` of what was looked at."""
    index = looks.index
    # The one product that is always taken; all else is chosen by it.
    # This way round it is faster, and what reads it goes from centroid to centroid.
    centroid_scores = (index.codec.centroids_ @ query.T).T  # (n_q, n_centroids) [S = Q Cᵀ]
    n_centroids = len(index.sizes)
    wanted = 0 if allowed is None else min(settings.k, looks.owning(allowed))
    while True:
        docs, scores = looks.candidates(query, centroid_scores, settings, allowed)
        everything = settings.n_probe >= n_centroids and settings.k_prime >= index.n_tokens
        if len(docs) >= wanted or everything:
            break
        # Too few of the allowed documents: read further, and let more tokens count.
        settings = settings._replace(n_probe=2 * settings.n_probe, k_prime=2 * settings.k_prime)
    if settings.rerank:
        # The few that the codes find best are looked at closely.
        first = np.sort(docs[topk(scores, settings.rerank).ids])
        docs, scores = first, looks.exact_scores(query, first, source)
    best = topk(scores, settings.k)
    return SearchResult(docs[best.ids], best.values.astype(query.dtype, copy=False))


def chosen_probes(index: Any, centroid_scores: Any, settings: Settings) -> tuple[TopK, Any]:
    """The clusters that each query token reads, and what a miss is worth; by "kth" only at first."""
    probes = probed(centroid_scores, settings.n_probe)
    if settings.kth:
        # Known better when tokens were scanned; this is what stands for nothing scanned.
        return probes, probes.values[:, -1]  # of a query token whose clusters are all empty
    t_prime = settings.t_prime or max(1, round((8 * index.n_tokens) ** 0.5))
    return probes, worth_of_a_miss(centroid_scores, index.sizes, t_prime)  # (n_q,) Eq. (1)


def scored(
    index: Any, query: Any, probes: TopK, worth: Any, settings: Settings, allowed: Any
) -> tuple[Any, Any]:
    """The allowed documents that own a scanned token, in order of their numbers, and their scores."""
    # Dense, since a number is its own place.
    gain, hit = np.zeros(index.n_numbers), np.zeros(index.n_numbers, bool)
    total = 0.0
    for tokens, missing in kept_tokens(index, query, probes, worth, settings):
        more, found = gains(*tokens, missing, index.n_numbers)
        gain += more
        hit |= found
        total += float(missing.sum(dtype=np.float64))
    docs = np.flatnonzero(hit if allowed is None else hit & allowed)
    return docs, total + gain[docs]  # Eq. (3)


def kept_tokens(
    index: Any, query: Any, probes: TopK, worth: Any, settings: Settings
) -> Iterator[tuple[Scanned, Any]]:
    """The scanned tokens that count, and what a miss is worth, for some query tokens at a time."""
    for rows in query_blocks(index.sizes, probes.ids):
        tokens = scanned_tokens(index, query[rows], probes.ids[rows], probes.values[rows])
        missing = worth[rows]  # (rows,)
        if settings.kth:
            *kept, missing = best_scanned(*tokens, settings.k_prime, missing)
            tokens = Scanned(*kept)
        yield tokens, missing


def query_blocks(sizes: Any, centroids: Any) -> list[slice]:
    """Runs of query tokens that scan at most `SCANNED` tokens together, one at least."""
    ends = sizes[centroids].sum(axis=1).cumsum()  # (n_q,)
    blocks, start = [], 0
    while start < len(ends):
        before = ends[start - 1] if start else 0
        # One query token at least, whatever it scans.
        stop = max(start + 1, int(ends.searchsorted(before + SCANNED, side="right")))
        blocks.append(slice(start, stop))
        start = stop
    return blocks


def scanned_tokens(index: Any, query: Any, centroids: Any, scores: Any) -> Scanned:
    """The tokens of the probed clusters, of all pieces."""
    codec = index.codec
    parts = [
        Scanned(
            *scanned(
                query,
                centroids,
                scores,
                codec.levels_,
                codec.bits,
                piece.ends,
                piece.residuals,
                piece.owners,
                index.alive,
            )
        )
        for piece in index.pieces
    ]
    nothing = Scanned(np.zeros(len(query) + 1, np.int64), np.zeros(0, np.int32), query[0, :0])
    return joined(parts or [nothing])


def decoded(index: Any, numbers: Any) -> TokenIndex:
    """Documents as they are decoded, their tokens of length one."""
    tokens, lengths = [index.codec.centroids_[:0]], [np.zeros(0, np.int64)]
    for piece, places in index.places_of(numbers):
        rows, offsets = piece.rows(places)
        tokens.append(piece.decoded(index.codec, rows, normalize=True))
        lengths.append(np.diff(offsets))
    return TokenIndex._trusted(np.concatenate(tokens), offsets_of(np.concatenate(lengths)))
