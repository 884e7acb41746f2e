"""Training: Adam step by step, schedules, what stops it, what is stored."""

import math
import zipfile
from typing import NamedTuple

import numpy as np
import pytest

from tokenlab import training
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, StorageError
from tokenlab.models.layers import cross_entropy
from tokenlab.models.transformer import forward, init
from tokenlab.tape import mapped
from tokenlab.training import adam, adam_start, load, minibatches, save, train

X = np.random.default_rng(0).standard_normal((12, 3))
Y = X @ [1.0, -2.0, 3.0]


def squares(p, x, y):
    return ((get_xp(x, p["w"]).matmul(x, p["w"]) + p["b"] - y) ** 2).mean()


def start(dtype=np.float64):
    return {"w": np.zeros(3, dtype), "b": np.zeros((), dtype), "name": "a line", "n": 3}


def adam_by_hand(grad, x, rates, betas, eps, decay):
    """The textbook's form, one number at a time."""
    m = v = np.zeros_like(x)
    for t, rate in enumerate(rates, start=1):
        g = grad(x)
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        step = m / (1 - betas[0] ** t) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
        x = x - rate * step - rate * decay * x
    return x


def test_adam_is_the_textbooks():
    x = np.random.default_rng(1).standard_normal((2, 3))
    grad = lambda x: np.sin(3 * x) + x  # noqa: E731
    wanted = adam_by_hand(grad, x, [0.1] * 9, (0.8, 0.9), 0.0, 0.3)
    params, state = [x], adam_start([x])
    for _ in range(9):
        params, state = adam(
            params, [grad(params[0])], state, rate=0.1, betas=(0.8, 0.9), eps=0, weight_decay=0.3
        )
    np.testing.assert_allclose(params[0], wanted, rtol=1e-12)
    assert state.taken == 9


def test_train_is_adam_at_the_rates_of_the_schedule():
    rates = [training.rate_at(t, 8, 0.5, warmup=2) for t in range(8)]
    assert rates[:3] == [0.25, 0.5, 0.5]
    np.testing.assert_allclose(rates[5], 0.25)  # half way
    assert rates[7] < 0.05
    grad = lambda w: 2 * X.T @ (X @ w - Y) / len(X)  # noqa: E731
    wanted = adam_by_hand(grad, np.zeros(3), rates, (0.9, 0.999), 0.0, 0.0)
    loss = lambda w, x, y: ((x @ w - y) ** 2).mean()  # noqa: E731
    got, _ = train(loss, np.zeros(3), [(X, Y)] * 8, rate=0.5, warmup=2, eps=0.0)
    np.testing.assert_allclose(got, wanted, rtol=1e-10)


def test_a_line_is_found_and_nothing_passed_in_is_changed():
    params = start()
    found, history = train(squares, params, [(X, Y)], steps=400, rate=0.1)
    np.testing.assert_allclose(found["w"], [1, -2, 3], atol=1e-3)
    assert not params["w"].any()
    assert (found["name"], found["n"]) == ("a line", 3)
    assert len(history) == 400
    np.testing.assert_allclose(history[0], squares(params, X, Y))
    assert history[-1] < 1e-6


def test_float32_stays_and_decay_spares_vectors():
    params = {"matrix": np.ones((2, 2), np.float32), "vector": np.ones(2, np.float32)}
    loss = lambda p: (p["matrix"] * 0).sum() + (p["vector"] * 0).sum()  # noqa: E731
    found, _ = train(loss, params, [()] * 3, rate=0.1, weight_decay=0.5, schedule="constant")
    np.testing.assert_allclose(found["matrix"], 0.95**3, rtol=1e-6)
    np.testing.assert_array_equal(found["vector"], 1)
    assert {x.dtype for x in found.values()} == {np.dtype(np.float32)}


def test_clipping_is_by_the_norm_of_all():
    params = [np.array([3.0]), np.array([4.0])]
    sizes = []
    loss = lambda p: (p[0] * 300 + p[1] * 400).sum()  # noqa: E731
    real = training.updated

    def spy(params, grads, *args, **kwargs):
        sizes.append(training.norm(grads))
        return real(params, grads, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "updated", spy)
        train(loss, params, [()], rate=0.1, clip=2.0)
        train(loss, params, [()], rate=0.1, clip=1e4)
    np.testing.assert_allclose(sizes, [2.0, 500.0])


def test_batches_of_every_kind():
    loss = lambda p, rows: ((p - rows) ** 2).mean()  # noqa: E731
    go = lambda batches, **more: train(loss, np.zeros(3), batches, rate=0.1, **more)  # noqa: E731
    as_list, _ = go([X, X, X])
    np.testing.assert_array_equal(as_list, go(X for _ in range(3))[0])
    np.testing.assert_array_equal(as_list, go([(X,)], steps=3)[0])
    np.testing.assert_array_equal(as_list, go(lambda rng: X, steps=3)[0])
    draw = lambda rng: X[rng.integers(0, 12, 4)]  # noqa: E731
    one, other = (go(draw, steps=5, rng=seed) for seed in (1, 2))
    assert one[1] == go(draw, steps=5, rng=1)[1]
    assert one[1] != other[1]


def test_minibatches_are_whole_and_seeded():
    batches = minibatches(10, 3, epochs=2, rng=0)
    assert [len(rows) for rows in batches] == [3] * 6
    assert len(np.unique(np.concatenate(batches[:3]))) == 9
    assert (batches[0] == minibatches(10, 3, epochs=2, rng=0)[0]).all()
    assert sorted(minibatches(2, 5, rng=0)[0]) == [0, 1]


def test_what_is_frozen_stays():
    params = {"frozen_table": np.ones((2, 2)), "w": {"a": np.ones((2, 2))}}
    loss = lambda p: (p["frozen_table"] * p["w"]["a"]).sum()  # noqa: E731
    found, _ = train(loss, params, [()] * 2, rate=0.1, weight_decay=0.1)
    np.testing.assert_array_equal(found["frozen_table"], 1)
    assert (found["w"]["a"] < 1).all()


class Line(NamedTuple):
    w: np.ndarray
    places: tuple


def test_named_tuples_and_lists():
    params = Line(np.ones(2), (np.ones(1), [np.ones(3)]))
    loss = lambda p: (p.w**2).sum() + (p.places[1][0] ** 2).sum()  # noqa: E731
    found, _ = train(loss, params, [()] * 3, rate=0.1)
    assert type(found) is Line
    assert (found.w < 1).all()
    np.testing.assert_array_equal(found.places[0], 1)


def test_divergence_stops_with_what_there_was():
    loss = lambda p: (p**2).sum() * (1.0 if len(seen) < 3 else np.nan)  # noqa: E731
    seen = []
    counted = lambda p: (seen.append(1), loss(p))[1]  # noqa: E731
    with pytest.raises(training.Diverged, match="step 3 of 9: the loss is nan") as error:
        train(counted, np.ones(2), [()] * 9, rate=0.1)
    assert error.value.step == 3
    assert len(error.value.history) == 2
    assert np.isfinite(error.value.params).all()


def test_the_same_on_the_double(cupy):
    found, history = train(squares, start(), [(X, Y)] * 5, rate=0.1, weight_decay=0.1, clip=1.0)
    there = {k: cupy.asarray(x) if hasattr(x, "dtype") else x for k, x in start().items()}
    batches = [(cupy.asarray(X), cupy.asarray(Y))] * 5
    theirs, same = train(squares, there, batches, rate=0.1, weight_decay=0.1, clip=1.0)
    assert history == same
    np.testing.assert_array_equal(theirs["w"].get(), found["w"])


def test_a_transformer_learns_to_repeat():
    params = init(vocab=8, d=16, layers=1, heads=2, length=8, rng=0)

    def loss(p, ids):
        return cross_entropy(forward(p, ids[:, :-1]), ids[:, 1:])

    draw = lambda rng: (rng.integers(0, 8, (16, 1)) + np.arange(8)) % 8  # noqa: E731
    _, history = train(loss, params, draw, steps=60, rate=0.01, rng=0)
    assert history[0] > 1.5
    assert history[-1] < 0.2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 0}, "train: rate is 0"),
        ({"clip": -1}, "train: clip is -1"),
        ({"schedule": "linear"}, "train: schedule is 'linear'"),
        ({"warmup": -1}, "train: warmup is -1"),
        ({"betas": (1, 0.9)}, "betas is"),
        ({"batches": []}, "train: there are no batches"),
        ({"batches": lambda rng: ()}, "train: batches is a function"),
        ({"batches": iter([(X, Y)]), "steps": 2}, "train: batches ran out"),
    ],
)
def test_errors_by_name(options, message):
    options = {"batches": [(X, Y)], "rate": 0.1} | options
    with pytest.raises(InvalidInput, match=message):
        train(squares, start(), **options)


def test_what_is_saved_comes_back(tmp_path):
    path = tmp_path / "model.npz"
    params = init(vocab=5, d=4, layers=2, heads=2, rng=0)
    params |= {"file": (np.float64(3), [], {}), "text": "ü", "none": None, "on": True}
    save(params, path)
    back = load(path)
    kept = []
    mapped(lambda a, b: kept.append(np.array_equal(a, b) and type(a) is not object), params, back)
    assert all(kept)
    assert type(back["file"]) is tuple
    assert back["blocks"][1]["qkv"].dtype == np.float32
    with np.load(path) as plain:  # NumPy reads it, under nested names
        assert plain["blocks.0.norm1.gain"].shape == (4,)
    assert [p.name for p in tmp_path.iterdir()] == ["model.npz"]
    save(np.arange(3), path)
    assert load(path).tolist() == [0, 1, 2]


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.npz"
    save([np.ones(2)], path)
    for bad in ([object()], [Line(1, 2)], {1: 2}, {"a.b": X, "a": {"b": X}}):
        with pytest.raises(InvalidInput, match="save: "):
            save(bad, path)
    assert load(path)[0].tolist() == [1, 1]
    assert [p.name for p in tmp_path.iterdir()] == ["model.npz"]


def test_damaged_and_foreign_files(tmp_path):
    path = tmp_path / "model.npz"
    with pytest.raises(StorageError, match="there is no file"):
        load(path)
    save({"w": np.arange(1000.0)}, path)
    whole = path.read_bytes()
    for damage in (whole[:-20], whole[:3000], b"", whole[:4000] + b"xx" + whole[4002:]):
        path.write_bytes(damage)
        with pytest.raises(StorageError, match=r"load: .* is damaged"):
            load(path)
    np.savez(path, w=X)
    with pytest.raises(StorageError, match=r"has no tree.json"):
        load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tree.json", '{"array": "gone"}')
    with pytest.raises(StorageError, match="damaged"):
        load(path)


def test_rates_never_pass_the_largest():
    for warmup in (0, 1, 5, 20):
        rates = [training.rate_at(t, 20, 1.0, warmup) for t in range(20)]
        assert 0 < min(rates) <= max(rates) <= 1
        assert all(map(math.isfinite, rates))
