r"""CRISP's loss: a linear map over frozen vectors, trained with the clustering inside."""

from collections.abc import Sequence
from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, shared_library
from tokenlab.errors import ShapeError, public_caller
from tokenlab.models.layers import cross_entropy
from tokenlab.numerics import segment_max, segment_sum, unit
from tokenlab.retrieval.pooled import cluster_means
from tokenlab.steps import step

__all__ = ["loss"]


@takes(params=checks.holding("weight"), temperature="positive")
def loss(
    params: Any,
    queries: Sequence[Any],
    docs: Sequence[Any],
    query_codes: Sequence[Any],
    doc_codes: Sequence[Any],
    *,
    temperature: float = 1.0,
) -> Any:
    r"""The contrastive loss of a linear map that is trained with the clustering inside, Eq. (3).

    Parameters
    ----------
    params : dict
        `weight (d, d_out)`; a token becomes the unit vector of `x @ weight`.
    queries, docs : list of ndarray of shape (n_i, d)
        Query i belongs to document i; the other documents are the wrong ones.
    query_codes, doc_codes : list of ndarray of shape (n_i,)
        The cluster of each token, as in `Pooled`, which is a constant: the gradient goes through the
        means. -1 leaves a token out.
    temperature : float
        $\tau$.

    Returns
    -------
    float, or a taped value
        The mean over queries.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Lists of different lengths, codes that do not fit, a text of which nothing is left.

    Examples
    --------
    >>> import numpy as np
    >>> x = [np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])]
    >>> codes = [np.array([0]), np.array([0])]
    >>> round(float(loss({"weight": np.eye(2)}, x, x, codes, codes)), 4)
    0.3133
    """
    queries, docs = checks.sequence(queries, "queries"), checks.sequence(docs, "docs")
    if len(queries) != len(docs) or not len(docs):
        raise ShapeError(
            f"{public_caller()}: queries are {len(queries)} and docs {len(docs)}; expected as many "
            "of both, at least one."
        )
    names = [f"{name}[{i}]" for name in ("queries", "docs") for i in range(len(docs))]
    xp = shared_library([params["weight"], *queries, *docs], ["params", *names])
    weight = checks.vectors(params["weight"], "params", "d", xp)
    query_vectors, query_ends = pooled(queries, query_codes, "queries", "query_codes", weight)
    doc_vectors, doc_ends = pooled(docs, doc_codes, "docs", "doc_codes", weight)
    similarity = doc_vectors @ query_vectors.T  # (clusters of all documents, of all queries)
    best = segment_max(similarity, doc_ends)  # (n_docs, clusters of all queries)
    chamfer = segment_sum(best.T, query_ends)  # (n_queries, n_docs), Eq. (2)
    scores = step(chamfer / temperature)  # (n_queries, n_docs) [Chamfer / τ (2)] all with all
    return cross_entropy(scores, xp.arange(len(docs)))  # Eq. (3)


def pooled(xs: Any, codes: Any, name: str, codes_name: str, weight: Any) -> tuple[Any, Any]:
    """The means of all texts' clusters, `(n_clusters, d_out)`, and where each text's end."""
    xp = get_xp(weight)
    if len(checks.sequence(codes, codes_name)) != len(xs):
        raise ShapeError(
            f"{public_caller()}: {codes_name} are {len(codes)}; expected {len(xs)}, one for each of "
            f"{name}."
        )
    matrices, numbers, ends = [], [], [0]
    for i, (x, own) in enumerate(zip(xs, codes, strict=True)):
        x = checks.vectors(x, f"{name}[{i}]", "n", xp)
        checks.same_width(x, f"{name}[{i}]", "n", weight.T, "params", "d_out")
        own, n_clusters = numbered(own, len(x), f"{codes_name}[{i}]", xp)
        numbers.append(xp.where(own < 0, -1, own + ends[-1]))
        matrices.append(x)
        ends.append(ends[-1] + n_clusters)
    tokens = unit(xp.concatenate(matrices) @ weight)  # (n, d_out) of all texts
    return cluster_means(tokens, xp.concatenate(numbers), ends[-1]), xp.asarray(ends)  # Eq. (1)


def numbered(codes: Any, n: int, name: str, xp: Any) -> tuple[Any, int]:
    """A text's codes without gaps, and how many clusters it has."""
    codes = checks.shaped(checks.integers(codes, name, xp), name, ("n",))
    if len(codes) != n or not bool((codes >= 0).any()) or int(codes.min()) < -1:
        raise ShapeError(
            f"{public_caller()}: {name} are {codes.shape}, {int((codes >= 0).sum())} of them 0 or more; "
            f"expected n = {n}, one for each token: its cluster, or -1, and not -1 for all."
        )
    used, compact = xp.unique(codes, return_inverse=True)  # -1 comes first, where there is one
    dropped = int(used[0] < 0)
    return compact.reshape(-1) - dropped, len(used) - dropped
