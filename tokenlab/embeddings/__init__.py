"""A token's vector: how it is made, edited, frozen and judged."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "words": ["Neighbours", "Words", "load"],
    },
)
