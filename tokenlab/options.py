"""What one number, word, flag or seed must be; `tokenlab.checks` has these under the same names.

Each returns the checked value, or says function, argument, what came and what was expected. Text is
never read as a number or a flag: `"1e-2"` from a configuration file is refused, and so is
`"False"`, which Python counts as true.
"""

import math
import numbers
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from tokenlab.errors import InvalidInput, public_caller

__all__: list[str] = []  # public in tokenlab.checks

LARGEST = 2**63 - 1  # of an int64


def count(k: Any, name: str, *, at_least: int = 1, at_most: int = LARGEST) -> int:
    """Return `k` as an `int`, or raise `InvalidInput` unless it is an integer in the range."""
    try:
        if isinstance(k, bool | np.bool_):
            raise TypeError
        value = operator.index(k)
    except TypeError:
        raise InvalidInput(
            f"{public_caller()}: {name} is {shown(k)}; expected an integer of at least {at_least}."
            f"{advice(k, int)}"
        ) from None
    if value < at_least:
        raise InvalidInput(f"{public_caller()}: {name} is {value}; expected at least {at_least}.")
    if value > at_most:
        raise InvalidInput(f"{public_caller()}: {name} is {value}; expected at most {at_most}.")
    return value


def number(
    x: Any,
    name: str,
    *,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return `x` as a `float`, or raise `InvalidInput` unless it is finite and in the range.

    Examples
    --------
    >>> number(0.95, "level", above=0, below=1)
    0.95
    """
    value = x if type(x) is float else as_float(x)
    if at_least <= value <= at_most and above < value < below:  # False for NaN
        return value
    if at_least > -math.inf and at_most < math.inf:
        wanted = f"a number from {at_least:g} to {at_most:g}"
    else:
        limits = {"of at least": at_least, "above": above, "of at most": at_most, "below": below}
        given = [f"{word} {limit:g}" for word, limit in limits.items() if math.isfinite(limit)]
        wanted = "a number " + " and ".join(given) if given else "a finite number"
    raise InvalidInput(
        f"{public_caller()}: {name} is {shown(x)}; expected {wanted}.{advice(x, float)}"
    )


def positive(x: Any, name: str) -> float:
    """Return `x` as a `float`, or raise `InvalidInput` unless it is a finite number above 0."""
    return number(x, name, above=0)


def share(x: Any, name: str) -> float:
    """Return `x` as a `float`, or raise `InvalidInput` unless it is a number from 0 to 1."""
    return number(x, name, at_least=0, at_most=1)


def as_float(x: Any) -> float:
    """A real number as a `float`; NaN for all that is none: text, a boolean, None, an array."""
    if isinstance(x, np.ndarray) and x.ndim == 0:
        x = x[()]
    if isinstance(x, bool) or not isinstance(x, numbers.Real):
        return math.nan
    try:
        return float(x)
    except OverflowError:  # an integer of hundreds of digits
        return math.nan


def flag(x: Any, name: str) -> bool:
    """Return `x` as a `bool`; numbers and text raise `InvalidInput`."""
    if isinstance(x, np.ndarray) and x.ndim == 0:
        x = x[()]
    if isinstance(x, bool | np.bool_):
        return bool(x)
    hint = " Text counts as true in Python, whatever it says." if isinstance(x, str) else ""
    raise InvalidInput(f"{public_caller()}: {name} is {shown(x)}; expected True or False.{hint}")


def choice(x: Any, name: str, options: Sequence[Any]) -> Any:
    """Return `x`, or raise `InvalidInput` unless it is one of the options."""
    if not any(x is option or (isinstance(x, str) and x == option) for option in options):
        words = [f'"{option}"' if isinstance(option, str) else repr(option) for option in options]
        named = ", ".join(words[:-1]) + " or " * (len(words) > 1) + words[-1]
        raise InvalidInput(f"{public_caller()}: {name} is {shown(x)}; expected one of {named}.")
    return x


def generator(rng: Any, name: str = "rng") -> np.random.Generator:
    """The generator that a seed stands for; a generator itself goes on from where it is.

    Examples
    --------
    >>> int(generator(0).integers(9)), int(generator(generator(0)).integers(9))
    (7, 7)
    """
    if rng is None or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    try:
        if isinstance(rng, bool | np.bool_):
            raise TypeError
        seed = operator.index(rng)
    except TypeError:
        seed = -1
    if seed < 0:
        raise InvalidInput(
            f"{public_caller()}: {name} is {shown(rng)}; expected an integer of at least 0, a "
            "numpy.random.Generator such as numpy.random.default_rng(0), or None for another draw "
            f"each time.{advice(rng, int)}"
        )
    return np.random.default_rng(seed)


def shown(x: Any) -> str:
    """A value as an error shows it; of an array, and of what is long, no more than what it is."""
    if getattr(x, "ndim", 0) or isinstance(x, dict):
        return f"a {type(x).__name__}" + (f" {x.shape}" if hasattr(x, "shape") else "")
    text = repr(x)
    return text if len(text) <= 60 else f"{text[:50]}… (a {type(x).__name__})"


def advice(x: Any, kind: type) -> str:
    """What helps where text came for a number."""
    if not isinstance(x, str):
        return ""
    try:
        return f" It came as text; pass {kind(x)!r}."
    except (ValueError, OverflowError):
        return " It came as text."
