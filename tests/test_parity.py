"""Every accelerated function against its own reference; found, not listed."""

import numpy as np
import pytest
from cases import PARITY
from cores import share_among
from discover import modules

from tokenlab import engine, to_numpy

numba = pytest.importorskip("numba")
for _ in modules():
    pass  # importing every module fills the registry


def flat(result):
    """The arrays of a result, whatever tuples they are in."""
    return (
        [to_numpy(result)]
        if not isinstance(result, tuple)
        else [a for r in result for a in flat(r)]
    )


def test_something_is_accelerated():
    assert engine.REGISTRY


@pytest.mark.parametrize("cores", [1, 3])
@pytest.mark.parametrize("name", sorted(engine.REGISTRY))
def test_twin_agrees_with_its_reference(name, cores, monkeypatch):
    if cores > 1:
        pytest.importorskip("threadpoolctl")
    share_among(monkeypatch, cores)
    assert name in PARITY, f"register inputs for {name} in tests/<family>/cases.py with @parity"
    function = engine.REGISTRY[name]
    n = 0
    for args in PARITY[name]():
        same(function.reference(*args), function.twin()(*args))
        n += 1
    assert n >= 5


def same(expected, got, float32=2e-6, float64=1e-12):
    expected, got = flat(expected), flat(got)
    assert len(expected) == len(got)
    for a, b in zip(expected, got, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        scale = max([1.0, *np.abs(a[np.isfinite(a)])]) if a.dtype.kind == "f" else 1
        tolerance = float32 if a.dtype == np.float32 else float64
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("name", sorted(engine.REGISTRY))
def test_reference_agrees_on_the_double(name, cupy):
    same_on(cupy, name)


@pytest.mark.gpu
@pytest.mark.parametrize("name", sorted(engine.REGISTRY))
def test_reference_agrees_on_a_gpu(name, real_cupy):
    same_on(real_cupy, name)


def same_on(cupy, name):
    function = engine.REGISTRY[name]
    for args in PARITY[name]():
        moved = [cupy.asarray(a) if isinstance(a, np.ndarray) else a for a in args]
        # Sums of products run in another order there; exp_product takes differences of large ones.
        same(function.reference(*args), function(*moved), float32=5e-5, float64=1e-12)


@pytest.mark.parametrize("name", sorted(engine.REGISTRY))
def test_the_engine_runs_what_it_says(name, monkeypatch):
    function = engine.REGISTRY[name]
    args = next(iter(PARITY[name]()))
    ran = []
    monkeypatch.setattr(engine, "load_twin", lambda *_, **__: lambda *a: ran.append("twin"))
    with engine.use_engine("numba"):
        function(*args)
    assert ran == ["twin"]
    with engine.use_engine("numpy"):
        function(*args)
    assert ran == ["twin"]
    with engine.use_engine("auto"):
        function(*args)  # the first case is small
    assert ran == ["twin"]
