"""Models as pure functions of nested dicts of arrays: layers, a transformer to train, real ones."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "bert": ["MiniLM"],
        "cache": ["Cache"],
        "hooks": ["Block", "residual_moves"],
        "loading": ["load"],
        "smollm2": ["SmolLM2"],
        "sources": ["SOURCES", "find"],
        "vit": ["DINOv2"],
        "wordpiece": ["Pieces", "WordPiece"],
    },
)
