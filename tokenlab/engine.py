"""Which speed: the readable function, or its Numba twin when that is installed and worth it.

    @accelerated("retrieval.score_candidates", work=lambda ids, *_: ids.size, pays_from=20_000)
    def score_candidates(ids, sims, token_to_doc, n_docs, missing): ...

The decorated body is the reference: it is what `inspect.getsource` and the API page show, and it
stays callable as `score_candidates.reference`. The twin is the function of that name in
`tokenlab.kernels.retrieval`, imported when enough work has come by to pay for it, so that a
classroom-size call never does.
"""

import functools
import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np

from tokenlab.arrays import holds, is_cupy, is_taped
from tokenlab.errors import InvalidInput, MissingDependency, TokenlabError
from tokenlab.steps import is_recording

__all__ = ["accelerated", "use_engine"]

ENGINES = ("auto", "numpy", "numba")
REGISTRY: dict[str, Any] = {}  # every accelerated function by name: the parity test walks it
BROKEN: set[str] = set()  # twins that failed once in this process
INSTALL = 'pip install "numba>=0.59" "scipy>=1.11" "threadpoolctl>=3.1"'

FIRST_USE = 3000.0
_missed = 0.0
_warned: list[str] = []  # the function that found Numba broken; the others find the same

_chosen: ContextVar[str | None] = ContextVar("tokenlab_engine", default=None)
F = TypeVar("F", bound=Callable[..., Any])


def accelerated(name: str, *, work: Callable[..., float], pays_from: float) -> Callable[[F], F]:
    """Give a readable function a Numba twin of the same signature.

    Parameters
    ----------
    name : str
        `"family.function"`; the twin is `tokenlab.kernels.family.function`.
    work : callable
        Takes the arguments of the call and estimates its work, in any unit.
    pays_from : float
        The smallest work at which the twin wins, once it is loaded.

    Returns
    -------
    callable
        A decorator; the decorated function has `.reference`, `.twin()` and `.engine_name`.
    """

    def decorate(reference: F) -> F:
        @functools.wraps(reference)
        def call(*args: Any, **kwargs: Any) -> Any:
            engine = current_engine()
            if engine == "numpy" or is_recording() or holds(elsewhere, (*args, *kwargs.values())):
                return reference(*args, **kwargs)
            if engine == "auto" and not _pays(name, work(*args, **kwargs) / pays_from):
                return reference(*args, **kwargs)
            twin = load_twin(name, required=engine == "numba")
            if twin is None or (engine == "auto" and name in BROKEN):
                return reference(*args, **kwargs)
            try:
                return twin(*args, **kwargs)
            except SystemError as error:  # Ctrl-C in a compiled loop comes as one
                if isinstance(error.__cause__, KeyboardInterrupt):
                    raise KeyboardInterrupt from None
                raise
            except (TokenlabError, MemoryError):
                raise
            except Exception as error:
                if engine == "numba":
                    raise
                without(name, error)
                return reference(*args, **kwargs)

        call.reference, call.engine_name = reference, name  # type: ignore[attr-defined]
        call.twin = functools.partial(load_twin, name, required=True)  # type: ignore[attr-defined]
        REGISTRY[name] = call
        return call  # type: ignore[return-value]

    return decorate


def without(name: str, error: Exception) -> None:
    """Do without a twin that cannot be compiled or run here, and say so once."""
    BROKEN.add(name)
    problem = f"The fast version of {name} cannot be used ({type(error).__name__}: {error})."
    warnings.warn(f"{problem} Using NumPy.", RuntimeWarning, stacklevel=4)


def elsewhere(x: Any) -> bool:
    """True for what no twin can take: an array on a GPU, a value that is differentiated."""
    return type(x) is not np.ndarray and (is_cupy(x) or is_taped(x))


@contextmanager
def use_engine(engine: str) -> Iterator[None]:
    """Choose the engine inside a `with` block: `"numpy"`, `"numba"`, or `"auto"`.

    Steps are only ever recorded from the readable functions, so a recording uses those whatever
    is chosen here; CuPy arrays stay on the GPU and use them, too, and so does what is
    differentiated. Without a `with` block the environment variable `TOKENLAB_ENGINE` decides, and
    without that, `"auto"`.

    The block's own thread is meant, or its task of asyncio. A thread that is started inside begins
    without the choice, and takes it along by
    `Thread(target=contextvars.copy_context().run, args=(work,))`.

    Raises
    ------
    InvalidInput
        When the name is not one of the three.
    MissingDependency
        On the first call of an accelerated function, when `"numba"` is asked for and absent.

    Examples
    --------
    >>> with use_engine("numpy"):
    ...     current_engine()
    'numpy'
    """
    token = _chosen.set(_checked(engine, "use_engine: engine"))
    try:
        yield
    finally:
        _chosen.reset(token)


def current_engine() -> str:
    """The engine in force here: the innermost `use_engine`, else `TOKENLAB_ENGINE`, else auto."""
    chosen = _chosen.get()
    return chosen or _checked(os.environ.get("TOKENLAB_ENGINE") or "auto", "TOKENLAB_ENGINE")


def _checked(engine: str, where: str) -> str:
    if engine not in ENGINES:
        raise InvalidInput(f"{where} is {engine!r}; expected one of {', '.join(ENGINES)}.")
    return engine


def _pays(name: str, gain: float) -> bool:
    """Whether a call of `gain` times the smallest work that pays should run the twin.

    To load Numba takes about a second. So the first `FIRST_USE` units of gain, in one call or in
    many, still run the reference. This counts work and not time: a program does the same each time.
    """
    global _missed
    if gain < 1:
        return False
    if f"tokenlab.kernels.{name.rpartition('.')[0]}" in sys.modules:
        return True
    _missed += gain
    return _missed >= FIRST_USE


@functools.cache
def load_twin(name: str, *, required: bool) -> Callable[..., Any] | None:
    """The twin, or None where Numba is absent and the engine may choose for itself."""
    family, _, function = name.rpartition(".")
    try:
        return getattr(importlib.import_module(f"tokenlab.kernels.{family}"), function)
    except Exception as error:  # absent, refusing this version of NumPy, or damaged in any way
        absent = isinstance(error, ModuleNotFoundError) and error.name == "numba"
        why = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        message = f"Numba cannot be used ({why}). Install it: {INSTALL}."
        if required:
            raise MissingDependency(f"{name}: {message}") from error
        if not (absent or _warned):
            _warned.append(name)
            warnings.warn(f"{message} Using NumPy.", RuntimeWarning, stacklevel=3)
        return None
