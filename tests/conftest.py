"""Fixtures that every test may use."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
collect_ignore_glob = ["*/cases.py", "cases.py"]  # registered once, by the contract tests


@pytest.fixture
def rng():
    return np.random.default_rng(20230405)


@pytest.fixture
def cupy():
    """The CuPy double, installed as `cupy` for the length of a test."""
    import fake_cupy

    with fake_cupy.installed() as module:
        yield module


@pytest.fixture(params=["cupy", pytest.param("real_cupy", marks=pytest.mark.gpu)])
def any_cupy(request):
    """The double everywhere, and CuPy itself with `-m gpu`."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def real_cupy():
    """CuPy itself, on a machine with a device."""
    module = pytest.importorskip("cupy")
    try:
        module.zeros(1)
    except Exception as error:  # many kinds, depending on what of CUDA is missing
        pytest.skip(f"no usable GPU: {error}")
    return module
