"""What one number, word, flag or seed must be; `tokenlab.checks` has these under the same names.

Each returns the checked value, or says function, argument, what came and what was expected. Text is
never read as a number or a flag: `"1e-2"` from a configuration file is refused, and so is
`"False"`, which Python counts as true.
"""

import math
import numbers
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from tokenlab.arrays import conversion
from tokenlab.errors import DTypeError, InvalidInput, public_caller

__all__: list[str] = []  # public in tokenlab.checks

LARGEST = 2**63 - 1  # of an int64


def count(k: Any, name: str, *, at_least: int = 1, at_most: int = LARGEST) -> int:
    """Return `k` as an `int`, or raise `InvalidInput` unless it is an integer in the range."""
    try:
        if isinstance(k, bool | np.bool_):
            raise TypeError
        value = operator.index(k)
    except TypeError:
        raise DTypeError(
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


def not_negative(x: Any, name: str) -> float:
    """Return `x` as a `float`, or raise `InvalidInput` unless it is a finite number of at least 0."""
    return number(x, name, at_least=0)


def integer(x: Any, name: str) -> int:
    """Return `x` as an `int`, below 0 or above, or raise `InvalidInput`."""
    return count(x, name, at_least=-LARGEST)


def whole(x: Any, name: str) -> int:
    """Return `x` as an `int`, or raise `InvalidInput` unless it is an integer of at least 0."""
    return count(x, name, at_least=0)


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


def function(x: Any, name: str) -> Any:
    """Return `x`, or raise `InvalidInput` unless it can be called."""
    if not callable(x):
        raise InvalidInput(f"{public_caller()}: {name} is {shown(x)}; expected a function.")
    return x


def instance(x: Any, name: str, kind: type) -> Any:
    """Return `x`, or raise `InvalidInput` unless it is an object of a class."""
    if not isinstance(x, kind):
        raise InvalidInput(
            f"{public_caller()}: {name} is {shown(x)}; expected {a_thing(kind.__name__)}."
        )
    return x


def offering(*methods: str) -> Callable[[Any, str], Any]:
    """A check of objects for what they can do: `takes(tokenizer=offering("encode"))`."""

    def check(x: Any, name: str) -> Any:
        missing = [method for method in methods if not hasattr(x, method)]
        if missing:
            raise InvalidInput(
                f"{public_caller()}: {name} is {shown(x)}; expected an object with {missing[0]}."
            )
        return x

    return check


def holding(*names: str) -> Callable[[Any, str], Any]:
    """A check of parameters for their parts: `takes(params=holding("norm", "blocks"))`."""

    def check(x: Any, name: str) -> Any:
        if not isinstance(x, Mapping) or not set(names) <= x.keys():
            raise InvalidInput(
                f"{public_caller()}: {name} is {shown(x)}; expected a dict with {', '.join(names)}."
            )
        return x

    return check


def mapping(x: Any, name: str) -> Any:
    """Return `x`, or raise `InvalidInput` unless it is a dict, or like one."""
    if not isinstance(x, Mapping):
        raise InvalidInput(f"{public_caller()}: {name} is {shown(x)}; expected a dict.")
    return x


def is_list(x: Any) -> bool:
    """Whether a thing can be gone through in its order: no text, no dict, no set, no number."""
    plain = isinstance(x, str | bytes | Mapping | Set)
    return not plain and hasattr(x, "__iter__") and getattr(x, "ndim", 1) > 0


def sequence(x: Any, name: str) -> Sequence[Any]:
    """Return `x` as it can be gone through again."""
    if not is_list(x):
        raise InvalidInput(f"{public_caller()}: {name} is {shown(x)}; expected a list.")
    return x if hasattr(x, "__len__") else list(x)


def collection(x: Any, name: str) -> Any:
    """Return `x`, a list or a set, or raise `InvalidInput`."""
    return x if isinstance(x, Set) else sequence(x, name)


def axis(x: Any, name: str, ndim: int) -> int:
    """Return one of the axes of an array, from the front or from the end."""
    n = max(ndim, 1)
    return count(x, name, at_least=-n, at_most=n - 1)


def pair(x: Any, name: str, axes: str = "height, width") -> tuple[int, int]:
    """Return two integers of at least 1, or raise `InvalidInput`."""
    if not is_list(x) or not hasattr(x, "__len__") or len(x) != 2:
        raise InvalidInput(
            f"{public_caller()}: {name} is {shown(x)}; expected two integers, ({axes})."
        )
    return count(x[0], name), count(x[1], name)


def span(x: Any, name: str) -> slice:
    """Return `x`, or raise `InvalidInput` unless it is a slice of integers."""
    if not isinstance(x, slice):
        raise InvalidInput(
            f"{public_caller()}: {name} is {shown(x)}; expected a slice, such as slice(35, 611)."
        )
    for end in (x.start, x.stop, x.step):
        if end is not None:
            integer(end, name)
    return x


def text(x: Any, name: str) -> str:
    """Return `x`, or raise `InvalidInput` unless it is a `str`."""
    if not isinstance(x, str):
        hint = " Pass x.decode()." if isinstance(x, bytes) else ""
        raise InvalidInput(f"{public_caller()}: {name} is {shown(x)}; expected a text.{hint}")
    return x


def texts(x: Any, name: str) -> list[str]:
    """Return a list of texts; a missing one, such as the NaN of a table, is named by its place."""
    if isinstance(x, str):  # a text is a sequence of texts, too: its letters
        raise InvalidInput(f"{public_caller()}: {name} is one text; expected a list of texts.")
    if not (is_list(x) or isinstance(x, Set)):
        raise InvalidInput(f"{public_caller()}: {name} is {shown(x)}; expected a list of texts.")
    found = list(x)
    for i, one in enumerate(found):
        if not isinstance(one, str):
            raise InvalidInput(
                f"{public_caller()}: {name}[{i}] is {shown(one)}; expected a text. Leave missing "
                'ones out, or pass "" in their place.'
            )
    return found


def one_or_more_texts(x: Any, name: str) -> Any:
    """Return a text, or an iterable of them, which is looked at when it is read."""
    if isinstance(x, str | Iterator):
        return x
    return texts(x, name)


def byte_string(x: Any, name: str) -> bytes:
    """Return bytes, or raise `DTypeError`."""
    if not isinstance(x, bytes | bytearray):
        raise DTypeError(
            f"{public_caller()}: {name} is a {type(x).__name__}; expected bytes, as from "
            "text.encode()."
        )
    return bytes(x)


def a_thing(name: str) -> str:
    """With its article."""
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


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


def fix_of_no_array(x: Any) -> str:
    """What helps where something came that holds arrays, or makes them."""
    if isinstance(x, Mapping):
        name = next(iter(x), None)
        return f" Pass one of its arrays, such as x[{name!r}]." if name is not None else ""
    return " Pass list(x)." if isinstance(x, Set | Iterator) else ""


def fix_of_type(x: Any, wanted: str) -> str:
    """What helps where the elements are of a type that is not wanted."""
    if x.dtype.kind == "O":
        if x.ndim == 0:
            sparse = hasattr(x[()], "toarray")
            return "Pass x.toarray()." if sparse else "Pass an array, or a list of numbers."
        first = next(iter(x.flat), None)
        if hasattr(first, "__len__") and not isinstance(first, str):
            return "Where it holds vectors of one length, numpy.stack(list(x)) makes a matrix."
        missing = sum(value is None or value != value for value in x.flat)
        if missing:
            return f"{missing} of its values are missing (None or NaN): drop or fill those rows."
    if x.dtype.kind in "US":
        return f"Text is never read as numbers; x.astype({wanted}) does that."
    if x.dtype.kind == "c":
        return "Pass x.real, or numpy.abs(x)."
    return f"Convert it with x.astype({wanted})."


def of_tensors(x: Any) -> str:
    """What helps where a list holds arrays of another library."""
    first = x[0] if isinstance(x, list | tuple) and x else None
    return f" Pass [{conversion(first)} for x in ...]." if hasattr(first, "__dlpack__") else ""
