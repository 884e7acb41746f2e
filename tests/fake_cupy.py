"""A stand-in for CuPy on machines without a GPU, stricter than the real one.

`FakeArray` holds a NumPy array and never turns into one by itself: it refuses NumPy functions,
NumPy operands, NumPy arrays as indices and `numpy.asarray`. The module offers the names that CuPy
really has (`cupy_names.txt`) and no others. So the four classic mistakes fail without a GPU:
`x + np.zeros(3)`, `np.exp(x)`, `x[np_index]`, `np.asarray(x)`.
"""

import functools
import operator
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

NAMES = {
    line
    for line in (Path(__file__).parent / "cupy_names.txt").read_text().splitlines()
    if not line.startswith("#")
}
SCATTER = {"add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"}


class FakeArray:
    """An array that claims to come from `cupy` and refuses everything that CuPy refuses."""

    __module__ = "cupy"
    __array_ufunc__ = None  # np_array + fake is handed to __radd__, which refuses

    def __init__(self, host: np.ndarray):
        self._host = host

    def get(self) -> np.ndarray:
        return self._host.copy()

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Use .get().")

    def __array_function__(self, function: Any, *_: Any) -> Any:
        raise TypeError(f"numpy.{function.__name__} was called with a CuPy array")

    def __getitem__(self, key: Any) -> Any:
        return wrap(self._host[unwrap(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._host[unwrap(key)] = unwrap(value)

    def __iter__(self) -> Iterator[Any]:
        return (wrap(row) for row in self._host)

    def __len__(self) -> int:
        return len(self._host)

    def __bool__(self) -> bool:
        return bool(self._host)

    def __int__(self) -> int:
        return int(self._host)

    def __float__(self) -> float:
        return float(self._host)

    def __index__(self) -> int:
        return operator.index(self._host)

    def __repr__(self) -> str:
        return f"fake {self._host!r}"

    def __getattr__(self, name: str) -> Any:
        if f"ndarray.{name}" not in NAMES:
            raise AttributeError(f"cupy.ndarray has no attribute {name!r}")
        value = getattr(self._host, name)
        if isinstance(value, np.ndarray):
            return wrap(value)
        return guarded(value) if callable(value) and not isinstance(value, type) else value


def _unary(self: FakeArray, function: Any) -> Any:
    return wrap(function(self._host))


def _binary(name: str) -> Any:
    def method(self: FakeArray, other: Any) -> Any:
        if not isinstance(other, FakeArray) and getattr(other, "__array_ufunc__", 0) is None:
            return NotImplemented  # the real one leaves such an operator to the other, too
        return wrap(getattr(operator, name)(self._host, unwrap(other)))

    def reflected(self: FakeArray, other: Any) -> Any:
        return wrap(getattr(operator, name)(unwrap(other), self._host))

    def in_place(self: FakeArray, other: Any) -> FakeArray:
        self._host = getattr(operator, f"i{name.rstrip('_')}")(self._host, unwrap(other))
        return self

    return method, reflected, in_place


for _name in (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and_",
    "or_",
    "xor",
):
    _method, _reflected, _in_place = _binary(_name)
    _bare = _name.rstrip("_")
    setattr(FakeArray, f"__{_bare}__", _method)
    setattr(FakeArray, f"__r{_bare}__", _reflected)
    setattr(FakeArray, f"__i{_bare}__", _in_place)
for _name in ("lt", "le", "eq", "ne", "gt", "ge"):
    setattr(FakeArray, f"__{_name}__", _binary(_name)[0])
for _name in ("neg", "pos", "abs", "invert"):
    setattr(FakeArray, f"__{_name}__", functools.partialmethod(_unary, getattr(operator, _name)))
FakeArray.__hash__ = None  # type: ignore[assignment]


def wrap(value: Any) -> Any:
    """Arrays and NumPy scalars (which CuPy returns as 0-d arrays) become fake arrays."""
    if isinstance(value, np.ndarray | np.generic):
        return FakeArray(np.asarray(value))
    if type(value) in (tuple, list):
        return type(value)(map(wrap, value))
    if isinstance(value, tuple):  # named results of linalg
        return type(value)(*map(wrap, value))
    return value


def unwrap(value: Any) -> Any:
    """The NumPy array inside; a bare NumPy array is refused."""
    if isinstance(value, FakeArray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>: move it with cupy.asarray(x)")
    if isinstance(value, tuple | list):
        return type(value)(map(unwrap, value))
    if isinstance(value, dict):
        return {key: unwrap(item) for key, item in value.items()}
    return value


def guarded(function: Any) -> Any:
    """A NumPy function that takes and returns fake arrays only."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return wrap(function(*unwrap(args), **unwrap(kwargs)))

    return call


class FakeUfunc:
    """A universal function; only some can scatter with `.at`, none has `.reduceat`."""

    def __init__(self, ufunc: np.ufunc):
        self._ufunc = ufunc

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return guarded(self._ufunc)(*args, **kwargs)

    def at(self, array: FakeArray, indices: Any, values: Any = None) -> None:
        if self._ufunc.__name__ not in SCATTER:
            raise NotImplementedError(f"cupy.{self._ufunc.__name__}.at is not supported")
        if self._ufunc in (np.maximum, np.minimum) and array.dtype == np.float64:
            raise NotImplementedError(f"cupy.{self._ufunc.__name__}.at rounds to float32")
        self._ufunc.at(unwrap(array), unwrap(indices), unwrap(values))


class FakeModule(types.ModuleType):
    """`cupy`, as far as NumPy has the same function under the same name."""

    def __init__(self, name: str, source: Any, prefix: str = ""):
        super().__init__(name)
        self._source, self._prefix = source, prefix

    ndarray = FakeArray

    def __getattr__(self, name: str) -> Any:
        if self._prefix + name not in NAMES:
            raise AttributeError(f"cupy has no attribute {self._prefix + name!r}")
        value = getattr(self._source, name)
        if isinstance(value, np.ufunc):
            return FakeUfunc(value)
        if isinstance(value, types.ModuleType):
            return FakeModule(f"cupy.{name}", value, f"{name}.")
        return guarded(value) if callable(value) and not isinstance(value, type) else value

    def asarray(self, value: Any, dtype: Any = None) -> FakeArray:
        """The one way in: like the real one it takes host arrays, and lists, explicitly."""
        if isinstance(value, FakeArray):
            return FakeArray(np.asarray(value._host, dtype))
        return FakeArray(np.array(value, dtype))  # a copy: the device has memory of its own

    def array(self, value: Any, dtype: Any = None) -> FakeArray:
        return FakeArray(self.asarray(value, dtype)._host.copy())

    def asnumpy(self, value: Any) -> np.ndarray:
        return value.get()


@contextmanager
def installed() -> Iterator[FakeModule]:
    """Put the double where `import cupy` finds it."""
    before = sys.modules.get("cupy")
    module = FakeModule("cupy", np)
    sys.modules["cupy"] = module
    try:
        yield module
    finally:
        if before is None:
            del sys.modules["cupy"]
        else:
            sys.modules["cupy"] = before
