"""Which of the two functions runs, and what happens where Numba is missing or broken."""

import contextvars
import inspect
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from tokenlab import engine, record, use_engine
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, MissingDependency


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    monkeypatch.delenv("TOKENLAB_ENGINE", raising=False)
    monkeypatch.setattr(engine, "REGISTRY", {})
    monkeypatch.setattr(engine, "BROKEN", set())
    monkeypatch.setattr(engine, "_warned", [])
    forget = engine.load_twin.cache_clear
    forget()
    yield
    forget()


@pytest.fixture
def double(monkeypatch):
    """An accelerated function whose answer says which of the two ran; it pays from 10 on."""

    @accelerated("family.double", work=lambda x, scale=1: len(x) * scale, pays_from=10)
    def double(x, scale=1):
        """Say who ran."""
        return "reference"

    twin = lambda x, scale=1: "twin"  # noqa: E731
    monkeypatch.setattr(engine, "load_twin", lambda name, required: twin)
    return double


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Load twins at the first call that pays, as after a long day's work."""
    monkeypatch.setattr(engine, "FIRST_USE", 0.0)


def test_numba_is_loaded_only_when_the_work_pays_for_it(double, monkeypatch):
    monkeypatch.setattr(engine, "FIRST_USE", 5.0)
    monkeypatch.setattr(engine, "_missed", 0.0)
    assert double([0] * 9) == "reference"  # does not pay, and does not count
    assert double([0] * 20) == "reference"  # two units
    assert double([0] * 20) == "reference"  # four
    assert double([0] * 20) == "twin"  # six
    assert double([0] * 9) == "reference"
    assert double([0] * 10) == "twin"


def test_one_large_call_loads_numba_by_itself(double, monkeypatch):
    monkeypatch.setattr(engine, "FIRST_USE", 5.0)
    monkeypatch.setattr(engine, "_missed", 0.0)
    assert double([0] * 50) == "twin"


def test_a_family_that_is_loaded_runs_at_once(double, monkeypatch):
    monkeypatch.setattr(engine, "FIRST_USE", 5.0)
    monkeypatch.setattr(engine, "_missed", 0.0)
    monkeypatch.setitem(sys.modules, "tokenlab.kernels.family", object())
    assert double([0] * 10) == "twin"


def test_auto_looks_at_the_work(double):
    assert double([0] * 9) == "reference"
    assert double([0] * 10) == "twin"
    assert double([0], scale=10) == "twin"
    assert double(x=[0] * 9, scale=1) == "reference"


def test_the_choice_of_the_block_wins_and_ends_with_it(double):
    with use_engine("numba"):
        assert double([]) == "twin"
        with use_engine("numpy"):
            assert double([0] * 99) == "reference"
        assert double([]) == "twin"
    assert double([]) == "reference"
    with pytest.raises(ZeroDivisionError), use_engine("numba"):
        raise ZeroDivisionError
    assert double([]) == "reference"


def test_the_environment_decides_without_a_block(double, monkeypatch):
    monkeypatch.setenv("TOKENLAB_ENGINE", "numba")
    assert double([]) == "twin"
    with use_engine("auto"):
        assert double([]) == "reference"
    monkeypatch.setenv("TOKENLAB_ENGINE", "numpy")
    assert double([0] * 99) == "reference"
    monkeypatch.setenv("TOKENLAB_ENGINE", "")
    assert double([0] * 99) == "twin"
    monkeypatch.setenv("TOKENLAB_ENGINE", "cuda")
    with pytest.raises(
        InvalidInput, match="TOKENLAB_ENGINE is 'cuda'; expected one of auto, numpy"
    ):
        double([])


@pytest.mark.parametrize("name", ["NumPy", "", "jax", None, 1])
def test_unknown_engines(name):
    with pytest.raises(InvalidInput, match="use_engine: engine"), use_engine(name):
        pass


def test_a_recording_uses_the_reference(double):
    with use_engine("numba"), record():
        assert double([0] * 99) == "reference"


def test_gpu_arrays_use_the_reference(double, cupy):
    with use_engine("numba"):
        assert double(cupy.asarray(np.zeros(99))) == "reference"


def test_a_thread_starts_with_the_default(double):
    answers = []
    with use_engine("numba"):
        thread = threading.Thread(target=lambda: answers.append(double([])))
        thread.start()
        thread.join()
    assert answers == ["reference"]


def test_a_thread_takes_the_choice_along_with_its_context(double):
    answers = []
    with use_engine("numba"):
        run = contextvars.copy_context().run
        thread = threading.Thread(target=run, args=(lambda: answers.append(double([])),))
        thread.start()
        thread.join()
    assert answers == ["twin"]


@pytest.mark.parametrize("error", [EOFError("cut off"), OSError(28, "No space left"), ValueError()])
def test_a_twin_that_fails_costs_one_warning(monkeypatch, error):
    def twin(x):
        raise error

    monkeypatch.setattr(engine, "load_twin", lambda name, required: twin)
    function = make()
    with pytest.warns(RuntimeWarning, match=type(error).__name__ + r".*Using NumPy") as caught:
        assert [function([1, 2]), function([1, 2])] == ["reference", "reference"]
    assert len(caught) == 1
    with use_engine("numba"), pytest.raises(type(error)):  # asked for: told
        function([1, 2])


@pytest.mark.parametrize("error", [InvalidInput("f: x"), MemoryError(), KeyboardInterrupt()])
def test_what_is_no_fault_of_the_twin_comes_out(monkeypatch, error):
    def twin(x):
        raise error

    monkeypatch.setattr(engine, "load_twin", lambda name, required: twin)
    with pytest.raises(type(error)):
        make()([1, 2])
    assert set() == engine.BROKEN


def test_an_interrupted_loop_is_an_interruption(monkeypatch):
    def twin(x):
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt()

    monkeypatch.setattr(engine, "load_twin", lambda name, required: twin)
    with pytest.raises(KeyboardInterrupt):
        make()([1, 2])


def test_the_decorated_function_is_still_the_one_to_read(double):
    assert 'return "reference"' in inspect.getsource(double)
    assert double.__doc__ == "Say who ran."
    assert double.reference([0] * 99) == "reference"
    assert double.engine_name == "family.double"
    assert {"family.double": double} == engine.REGISTRY
    assert str(inspect.signature(double)) == "(x, scale=1)"


def make(pays_from=1.0):
    @accelerated("retrieval.score_candidates", work=lambda x: len(x), pays_from=pays_from)
    def sum_hits(x):
        return "reference"

    return sum_hits


@pytest.fixture
def without_numba(monkeypatch):
    """As if Numba were not installed."""
    for name in [n for n in sys.modules if n.startswith("tokenlab.kernels")]:
        monkeypatch.delitem(sys.modules, name)

    class Refuse:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "numba":
                raise ModuleNotFoundError("No module named 'numba'", name="numba")

    for name in [n for n in sys.modules if n.partition(".")[0] == "numba"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Refuse, *sys.meta_path])


@pytest.mark.usefixtures("without_numba")
def test_without_numba_auto_is_silent_and_numba_says_what_to_install():
    function = make()
    assert function([1, 2]) == "reference"
    with (
        use_engine("numba"),
        pytest.raises(MissingDependency, match=r"pip install \"numba>=") as caught,
    ):
        function([1, 2])
    assert isinstance(caught.value, ImportError)
    assert "retrieval.score_candidates" in str(caught.value)
    with pytest.raises(MissingDependency):
        function.twin()


@pytest.mark.parametrize("error", [EOFError(), OSError("disk"), AttributeError("numpy.x")])
def test_a_numba_that_is_damaged_warns_once_for_all_functions(monkeypatch, error):
    def fail(name):
        raise error

    monkeypatch.setattr(engine.importlib, "import_module", fail)
    first, second = make(), make()
    with pytest.warns(RuntimeWarning, match=type(error).__name__):
        assert first([1, 2]) == "reference"
    engine.load_twin.cache_clear()
    assert second([1, 2]) == "reference"  # and a second warning would be an error
    with use_engine("numba"), pytest.raises(MissingDependency, match=type(error).__name__):
        first([1, 2])


CACHE = """
import sys, warnings
import numpy as np
sys.path.insert(0, {folder!r})
warnings.simplefilter("always")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import loops
    print(loops.total(np.arange(4.0)), len(caught), *(w.message for w in caught))
"""


def test_a_damaged_cache_is_made_anew(tmp_path):
    """In processes of their own: the first fills the cache, the next finds it cut off, then whole."""
    pytest.importorskip("numba")
    (tmp_path / "loops.py").write_text(
        "from tokenlab.kernels import njit\n@njit\ndef total(x):\n    return x.sum()\n"
    )

    def run():
        code = CACHE.format(folder=str(tmp_path))
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        return done.stdout

    assert run().split()[:2] == ["6.0", "0"]
    for pattern in ("*.nbi", "*.nbc"):
        for file in (tmp_path / "cache").rglob(pattern):
            file.write_bytes(file.read_bytes()[:9])
        assert run().split()[:3] == ["6.0", "1", "Numba's"]
        assert run().split()[:2] == ["6.0", "0"]


def test_a_numba_that_fails_to_import_warns_and_numpy_goes_on(monkeypatch):
    def fail(name):
        raise ImportError("Numba needs NumPy 2.2 or less")

    monkeypatch.setattr(engine.importlib, "import_module", fail)
    function = make()
    with pytest.warns(RuntimeWarning, match=r"NumPy 2\.2 or less.*Using NumPy"):
        assert function([1, 2]) == "reference"
    assert function([1, 2]) == "reference"  # and says so once
    with use_engine("numba"), pytest.raises(MissingDependency, match=r"NumPy 2\.2"):
        function([1, 2])
