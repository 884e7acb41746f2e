"""What happens inside a trained model, and which of its words made it say the next one."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, {})
