"""Fewer tokens: which to keep, which to merge, what that costs and what it saves."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "density": ["density_clusters", "knn_density"],
        "divprune": ["k_center"],
        "evit": ["fuse"],
        "hiprune": ["neighbours4"],
        "mergers": ["group_means"],
        "recoverable": ["lof_ratio", "outlier_factor"],
        "reduction": ["Reduction", "Sparse"],
        "schedule": ["Run", "Schedule"],
        "scores": ["cls_row", "column_mean", "last_row", "text_cosine"],
        "selectors": ["budget", "topk"],
        "size_attention": ["size_aware_attention", "size_bias"],
        "todre": ["max_sum"],
        "token_transforming": ["soft_assign"],
        "uniform": ["random_k", "stride"],
        "visionzip": ["contextual"],
    },
)
