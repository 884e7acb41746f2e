"""Fewer tokens: which to keep, which to merge, what that costs and what it saves."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "clusters": [],
        "divprune": [],
        "evit": [],
        "fastv": [],
        "flops": [],
        "hiprune": [],
        "mergers": [
            "contextual",
            "density_clusters",
            "fuse",
            "group_means",
            "soft_assign",
        ],
        "recoverable": [],
        "reduction": ["Reduction", "Sparse"],
        "schedule": ["Run", "Schedule"],
        "scores": [
            "cls_row",
            "column_mean",
            "knn_density",
            "last_row",
            "lof_ratio",
            "outlier_factor",
            "text_cosine",
        ],
        "selectors": [
            "budget",
            "k_center",
            "max_sum",
            "neighbours4",
            "random_k",
            "stride",
            "top_k",
        ],
        "size_attention": ["size_aware_attention", "size_bias"],
        "sparsevlm": [],
        "todre": [],
        "token_transforming": [],
        "tome": [],
        "transprune": [],
        "uniform": [],
        "visionzip": [],
    },
)
