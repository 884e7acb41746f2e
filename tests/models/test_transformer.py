"""The transformer: what it sees, its gradients, and the same as torch."""

import numpy as np
import pytest

from tokenlab.autograd import gradcheck, value_and_grad
from tokenlab.errors import TokenlabError
from tokenlab.models.layers import cross_entropy
from tokenlab.models.transformer import forward, init, states
from tokenlab.tape import mapped

IDS = np.random.default_rng(0).integers(0, 7, (3, 5))


def small(**options):
    return init(**({"vocab": 7, "d": 4, "layers": 2, "heads": 2, "length": 8, "rng": 0} | options))


def loss(params, ids, **options):
    return cross_entropy(forward(params, ids[:, :-1], **options), ids[:, 1:])


def leaves(tree):
    found = []
    mapped(found.append, tree)
    return found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"norm": "rms"},
        {"embeddings": "untied"},
        {"cross": True},
        {"heads": 1, "hidden": 3, "layers": 1},
    ],
    ids=str,
)
def test_gradients_are_those_of_central_differences(options):
    params = small(**options, dtype=np.float64)
    states = {"cross": np.random.default_rng(1).standard_normal((6, 4))}
    states = states if "cross" in options else {}
    assert gradcheck(lambda p: loss(p, IDS, **states), params) < 1e-6


def test_parameters_are_nested_dicts_and_lists_of_float_arrays():
    params = small()
    assert type(params["blocks"]) is list
    assert len(params["blocks"]) == 2
    assert {x.dtype for x in leaves(params)} == {np.dtype(np.float32)}
    assert forward(params, IDS).dtype == np.float32
    wide = small(dtype=np.float64)
    assert forward(wide, IDS).dtype == np.float64
    again = small()
    assert all((a == b).all() for a, b in zip(leaves(params), leaves(again), strict=True))


def test_a_batch_is_its_sequences_one_by_one():
    params = small(dtype=np.float64)
    both = forward(params, IDS)
    assert both.shape == (3, 5, 7)
    for ids, logits in zip(IDS, both, strict=True):
        np.testing.assert_allclose(forward(params, ids), logits, atol=1e-12)


def test_nothing_is_seen_of_what_comes_later():
    params, other = small(), IDS.copy()
    other[:, 3:] = (other[:, 3:] + 1) % 7
    before, after = forward(params, IDS), forward(params, other)
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (before[:, 3:] != after[:, 3:]).any()


def test_any_mask_of_booleans():
    params, other = small(), IDS.copy()
    other[:, 1] = (other[:, 1] + 1) % 7
    mask = np.ones((5, 5), bool)
    mask[0, 1] = False  # the first token sees all but the second; in two layers it hears of it
    assert (forward(params, IDS, mask=mask)[:, 0] != forward(params, other, mask=mask)[:, 0]).any()
    alone = np.eye(5, dtype=bool)
    before, after = (forward(params, x, mask=alone) for x in (IDS, other))
    kept = [0, 2, 3, 4]
    np.testing.assert_array_equal(before[:, kept], after[:, kept])
    each = np.stack([alone, np.ones((5, 5), bool), np.tri(5, dtype=bool)])
    apart = forward(params, IDS, mask=each)
    np.testing.assert_allclose(apart[0], forward(params, IDS[0], mask=alone), atol=1e-5)
    np.testing.assert_allclose(apart[2], forward(params, IDS[2]), atol=1e-5)


def test_given_positions():
    params = small()
    np.testing.assert_array_equal(
        forward(params, IDS, positions=np.arange(5)), forward(params, IDS)
    )
    turned = [4, 3, 2, 1, 0]  # the order of tokens is in the positions and in the mask alone
    mask = np.ones((5, 5), bool)
    forth = forward(params, IDS, mask=mask)
    back = forward(params, IDS[:, ::-1], mask=mask, positions=turned)
    np.testing.assert_allclose(forth, back[:, ::-1], atol=1e-5)


def test_frozen_embeddings_get_no_gradient():
    embed = np.random.default_rng(2).standard_normal((7, 4))
    params = small(embeddings="frozen", embed=embed)
    np.testing.assert_array_equal(params["frozen_embed"], embed.astype(np.float32))
    _, grads = value_and_grad(loss)(params, IDS)
    assert not grads["frozen_embed"].any()
    assert grads["place"].any()


def test_cross_states_for_one_or_for_all():
    params = small(cross=True)
    states = np.random.default_rng(1).standard_normal((3, 6, 4)).astype(np.float32)
    got = forward(params, IDS, cross=states)
    for i in range(3):
        np.testing.assert_allclose(
            got[i], forward(params, IDS[i], cross=states[i]), atol=1e-5, rtol=1e-4
        )
    np.testing.assert_allclose(
        forward(params, IDS, cross=states[0])[0], got[0], atol=1e-5, rtol=1e-4
    )


def test_what_the_second_part_adds_can_be_seen_and_replaced():
    params, added, stream = small(), {}, {}
    logits = forward(params, IDS, edit_mlp=added.__setitem__, tap=stream.__setitem__)
    assert sorted(added) == [1, 2]
    np.testing.assert_array_equal(logits, forward(params, IDS))
    without = {}
    forward(params, IDS, edit_mlp=lambda layer, y: 0 * y, tap=without.__setitem__)
    np.testing.assert_allclose(without[1] + added[1], stream[1], atol=1e-6)


def test_a_tap_sees_every_layer_and_may_replace_it():
    params, seen = small(), {}

    def keep(layer, x):
        seen[layer] = x

    logits = forward(params, IDS, tap=keep)
    assert list(seen) == [0, 1, 2]
    assert {x.shape for x in seen.values()} == {(3, 5, 4)}
    np.testing.assert_array_equal(seen[0], params["embed"][IDS] + params["place"][:5])
    put_back = forward(params, IDS * 0, tap=lambda layer, x: seen[1] if layer == 1 else x)
    np.testing.assert_array_equal(put_back, logits)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: forward(p, [7]), "forward: ids runs from 7 to 7; expected 0 to 6"),
        (lambda p: forward(p, [0.5]), "forward: ids has dtype float64"),
        (lambda p: forward(p, [[[1]]]), "forward: ids is"),
        (lambda p: forward(p, [1] * 9), "forward: positions runs from 0 to 8; expected 0 to 7"),
        (lambda p: forward(p, [1, 2], mask=np.zeros((2, 2), bool)), "forward: mask has 2 rows"),
        (lambda p: forward(p, [1, 2], mask=np.ones((3, 3), bool)), "forward: mask is"),
        (lambda p: forward(p, [1], cross=np.ones((2, 4))), "forward: cross is given"),
        (lambda p: forward(p, [1], tap=lambda layer, x: x[:, :2]), "forward: tap returned"),
        (lambda p: small(heads=3), "init: d is 4 and heads is 3"),
        (lambda p: small(norm="batch"), "init: norm is 'batch'"),
        (lambda p: small(layers=0), "init: layers is 0"),
        (lambda p: small(embed=np.ones((3, 4))), "init: embed is"),
        (lambda p: forward(small(cross=True), [1]), "forward: cross is None"),
    ],
)
def test_errors_by_name(call, message):
    with pytest.raises(TokenlabError, match=message):
        call(small())


def torch_loss(torch, p, ids):
    f = torch.nn.functional
    x = p["embed"][ids[:, :-1]] + p["place"][: ids.shape[1] - 1]
    b, n, d = x.shape
    for block in p["blocks"]:
        y = f.layer_norm(x, (d,), block["norm1"]["gain"], block["norm1"]["bias"])
        y = torch.einsum("bnd,dphw->pbhnw", y, block["qkv"])
        y = f.scaled_dot_product_attention(*y, is_causal=True)
        x = x + y.swapaxes(1, 2).reshape(b, n, d) @ block["out"]
        y = f.layer_norm(x, (d,), block["norm2"]["gain"], block["norm2"]["bias"])
        x = x + f.gelu(y @ block["up"], approximate="tanh") @ block["down"]
    logits = f.layer_norm(x, (d,), p["norm"]["gain"], p["norm"]["bias"]) @ p["embed"].T
    return f.cross_entropy(logits.reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))


def test_loss_and_every_gradient_are_those_of_torch():
    torch = pytest.importorskip("torch")
    params = init(vocab=31, d=16, layers=2, heads=4, length=9, rng=0)
    noise = np.random.default_rng(3)
    params = mapped(lambda x: x + (noise.standard_normal(x.shape) / 9).astype(np.float32), params)
    ids = noise.integers(0, 31, (4, 9))
    theirs = mapped(lambda x: torch.tensor(x, requires_grad=True), params)
    wanted = torch_loss(torch, theirs, torch.tensor(ids))
    wanted.backward()
    value, grads = value_and_grad(loss)(params, ids)
    assert abs(value - float(wanted.detach())) < 1e-5
    for mine, x in zip(leaves(grads), leaves(theirs), strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, x.grad.numpy(), atol=1e-5)


def test_states_are_what_the_head_multiplies():
    params = init(vocab=9, d=8, layers=2, heads=2, rng=0, dtype=np.float64)
    x = states(params, [1, 2, 3], positions=[2, 0, 1])
    wanted = forward(params, [1, 2, 3], positions=[2, 0, 1])
    np.testing.assert_array_equal(x @ params["embed"].T, wanted)
