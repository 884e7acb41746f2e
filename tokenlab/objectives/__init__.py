"""What a model is trained for beyond the next token, and samplers that follow from it."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, {})
