"""Vectors as numbers of a codebook: the clustering that all papers share, and what builds on it."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "kmeans": ["Assignment", "Clustering"],
        "seeding": ["plus_plus", "random_rows"],
    },
)
