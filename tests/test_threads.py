"""Rows shared out over the cores: every row once, in order, and BLAS as it was before."""

import sys
import threading

import numpy as np
import pytest
from cores import share_among

pytest.importorskip("numba")
threadpoolctl = pytest.importorskip("threadpoolctl")

from tokenlab.kernels import threads  # noqa: E402


def blas_threads():
    return {library["num_threads"] for library in threads._blas().info()}


@pytest.fixture(autouse=True)
def three(monkeypatch):
    share_among(monkeypatch, 3)


@pytest.fixture
def two_blas_threads():
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        if max(blas_threads(), default=1) != 2:
            pytest.skip("this BLAS does not say how many threads it uses")
        yield


@pytest.mark.parametrize("n", [3, 4, 100, 101])
def test_every_row_is_in_one_share_and_results_are_in_order(n):
    with threads.shares(n, 1.0) as cores:
        parts = cores.run(lambda first, last: list(range(first, last)))
    assert len(parts) == 3
    assert [row for part in parts for row in part] == list(range(n))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_shares_run_at_the_same_time():
    meeting = threading.Barrier(3, timeout=30)
    with threads.shares(3, 1.0) as cores:
        assert sorted(cores.run(lambda *_: meeting.wait())) == [0, 1, 2]


def test_bounds_of_ones_own():
    with threads.shares(9, 1.0) as cores:
        assert cores.run(lambda *pair: pair, [0, 0, 7, 9]) == [(0, 0), (0, 7), (7, 9)]


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_rows_to_share_stay_on_this_thread(n):
    with threads.shares(n, 1e30) as cores:
        assert cores.run(lambda *pair: (pair, threading.get_ident())) == [
            ((0, n), threading.get_ident())
        ]


def test_little_work_stays_on_this_thread(monkeypatch):
    monkeypatch.setattr(threads, "SMALLEST", 2e9)
    with threads.shares(1000, 3.9e6) as cores:
        assert len(cores.run(lambda *pair: pair)) == 1
    with threads.shares(1000, 4e6) as cores:
        assert len(cores.run(lambda *pair: pair)) == 2


def test_blas_has_one_thread_inside_and_what_it_had_after(two_blas_threads):
    before = blas_threads()
    with threads.shares(30, 1.0) as cores:
        assert blas_threads() == {1}
        assert cores.run(lambda *_: blas_threads()) == [{1}] * 3
    assert blas_threads() == before


def test_an_error_in_a_share_comes_out_and_leaves_nothing_behind(two_blas_threads):
    def fail(first, last):
        if first:
            raise MemoryError(f"{first} to {last}")

    before = blas_threads()
    with pytest.raises(MemoryError, match="10 to 20"), threads.shares(30, 1.0) as cores:
        cores.run(fail)
    assert blas_threads() == before
    with threads.shares(30, 1.0) as cores:
        assert len(cores.run(lambda *pair: pair)) == 3


def test_a_call_within_a_call_does_not_share_and_does_not_wait(two_blas_threads):
    before = blas_threads()

    def inner(first, last):
        with threads.shares(last - first, 1.0) as cores:
            return cores.run(lambda a, b: (first + a, first + b))

    with threads.shares(30, 1.0) as cores:
        assert cores.run(inner) == [[(0, 10)], [(10, 20)], [(20, 30)]]
    assert blas_threads() == before


def test_calls_on_many_threads_give_the_same_as_one(two_blas_threads):
    kernels = pytest.importorskip("tokenlab.kernels.quantization")
    rng, before = np.random.default_rng(0), blas_threads()
    x, codebook = rng.integers(-9, 9, (500, 8)) * 1.0, rng.integers(-9, 9, (20, 8)) * 1.0
    wanted, found = kernels.nearest(x, codebook), []
    callers = [
        threading.Thread(target=lambda: found.append(kernels.nearest(x, codebook)))
        for _ in range(8)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 8
    for codes, distances in found:
        np.testing.assert_array_equal(codes, wanted[0])
        np.testing.assert_array_equal(distances, wanted[1])
    assert blas_threads() == before


def test_the_number_of_threads_is_what_blas_may_use(monkeypatch, two_blas_threads):
    monkeypatch.undo()
    threads._blas.cache_clear()
    assert threads._threads() == 2
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        assert threads._threads() == 1


def test_without_threadpoolctl_there_is_one_share(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(threads, "SMALLEST", 1.0)
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    threads._blas.cache_clear()
    try:
        with threads.shares(100, 1.0) as cores:
            assert cores.run(lambda *pair: pair) == [(0, 100)]
    finally:
        threads._blas.cache_clear()
