"""Small real data, inside the package: where each file comes from is told in `SOURCES.md`."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(__name__, {"python_faq": ["FAQ", "load_faq"]})
