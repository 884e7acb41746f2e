"""The token-level papers of recent machine learning, each as one small readable NumPy module."""

from tokenlab._lazy import lazy

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "arrays": ["get_xp", "has_gpu", "to_numpy"],
        "engine": ["use_engine"],
        "steps": ["record", "step"],
    },
    hidden=["kernels"],  # needs Numba
)
