"""Models as pure functions of nested dicts of arrays, for `autograd` and `training`."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, {"layers": [], "transformer": []})
