"""Fixtures that every test may use."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
collect_ignore_glob = ["*/cases.py", "cases.py"]  # registered once, by the contract tests


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """The whole suite runs on all cores, where pytest-xdist is installed; `-n 0` keeps it on one.

    A few files, or a debugger, run as they always do. Compiled twins lie in Numba's cache on disk,
    which the processes share.
    """
    option = config.option
    whole = config.args == config.getini("testpaths") and "not site" in option.markexpr
    whole = whole and "PYTEST_XDIST_WORKER" not in os.environ  # a worker starts no workers
    undecided = getattr(option, "numprocesses", 0) is None and option.dist == "no"
    cores = min(os.cpu_count() or 1, 8)
    if whole and undecided and cores > 1 and not (option.collectonly or option.usepdb):
        option.numprocesses, option.dist = cores, "worksteal"


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
