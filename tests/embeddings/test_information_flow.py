"""Patching, swapping, merging, and the probe: by hand, by loops, by another minimiser."""

import numpy as np
import pytest

from tokenlab.embeddings import information_flow as flow
from tokenlab.errors import TokenlabError

H = [[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]]


def test_patch_by_hand():
    assert flow.patch(H, [2], [0, 0]).tolist() == [[0, 0], [0, 0], [2, 2]]
    assert flow.patch(H, [0, 1, 2], [9, 9]).tolist() == H
    places = [[7.0, 1], [7, 2], [7, 3]]
    assert flow.patch(H, [], places).tolist() == places
    assert flow.patch(H, [False, True, False], places).tolist() == [[7, 1], [0, 1], [7, 3]]
    mask = np.array([False, True, False])
    assert flow.patch(H, mask, places).tolist() == flow.patch(H, [1], places).tolist()


def test_swapping_is_local_and_once():
    h, clean = np.array(H), np.array([[5.0, 5], [6, 6], [7, 7]])
    swapped = flow.swap_span(h, (1, 2), clean, (0, 1))
    assert swapped.tolist() == [[1, 0], [5, 5], [2, 2]]
    assert h.tolist() == H
    np.testing.assert_array_equal(flow.swap_span(swapped, (1, 2), clean, (0, 1)), swapped)
    assert flow.leakage(swapped, (1, 2), clean, (0, 1)) == pytest.approx(0)
    rng = np.random.default_rng(0)
    h, clean = rng.standard_normal((6, 4)), rng.standard_normal((5, 4))
    wanted = [
        1 - h[i] @ clean[j] / np.linalg.norm(h[i]) / np.linalg.norm(clean[j])
        for i, j in zip((2, 3), (0, 1), strict=True)
    ]
    np.testing.assert_allclose(flow.leakage(h, (2, 4), clean, (0, 2)), wanted)


def test_ranges_become_their_means():
    rng = np.random.default_rng(1)
    h = rng.standard_normal((8, 3))
    merged = flow.merge_ranges(h, [(5, 8), (1, 3)])
    wanted = np.stack([h[0], h[1:3].mean(0), h[3], h[4], h[5:8].mean(0)])
    np.testing.assert_allclose(merged.h, wanted)
    assert merged.owner.tolist() == [0, 1, 1, 2, 3, 4, 4, 4]
    np.testing.assert_array_equal(flow.merge_ranges(h, []).h, h)
    assert flow.merge_ranges(h, [(0, 8)]).owner.tolist() == [0] * 8


def test_the_judge_is_asked_for_each_token_alone_and_for_the_whole():
    rng = np.random.default_rng(2)
    h, fill = rng.standard_normal((6, 3)), rng.standard_normal(3)
    asked = []

    def judge(x):
        asked.append(x)
        return x[:, 0].sum()

    found = flow.representative(h, (2, 5), fill, judge, threshold=0.0)
    assert len(asked) == 4
    for i, seen in zip((2, 3, 4), asked, strict=False):
        wanted = np.tile(fill, (6, 1))
        wanted[i] = h[i]
        np.testing.assert_array_equal(seen, wanted)
    np.testing.assert_array_equal(asked[3][[0, 1, 5]], np.tile(fill, (3, 1)))
    np.testing.assert_array_equal(asked[3][2:5], h[2:5])
    np.testing.assert_array_equal(found.representative, found.scores >= 0)
    on_the_line = flow.representative(H, (0, 1), [0, 0], lambda h: 0.5)
    assert on_the_line.representative.tolist() == [True]


def test_the_probe_is_the_minimum():
    minimize = pytest.importorskip("scipy.optimize").minimize
    rng = np.random.default_rng(3)
    x = rng.standard_normal((60, 4))
    labels = x @ [1.0, -2, 0.5, 0] + rng.standard_normal(60) > 0.3
    for ridge in (1e-3, 0.1):

        def loss(w, ridge=ridge):
            margins = np.where(labels, 1, -1) * (x @ w[:4] + w[4])
            return np.logaddexp(0, -margins).mean() + ridge / 2 * (w[:4] @ w[:4])

        best = minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-9})
        probe = flow.fit_probe(x, labels, ridge=ridge)
        assert loss(np.append(probe.weights, probe.bias)) <= best.fun + 1e-9
        np.testing.assert_allclose(np.append(probe.weights, probe.bias), best.x, atol=1e-4)
    assert (probe.predict(x) == labels).mean() > 0.8
    assert probe.predict(x).dtype == bool
    numbers = flow.fit_probe(x, labels.astype(int), ridge=0.1)
    np.testing.assert_array_equal(numbers.weights, probe.weights)


def test_classes_that_a_line_divides_and_vectors_of_any_length():
    x = np.array([[0.0], [1.0], [2.0], [3.0]])
    for scale in (1e-3, 1.0, 1e6):
        probe = flow.fit_probe(x * scale, x[:, 0] > 1, ridge=1e-3)
        assert np.isfinite(probe.weights).all()
        if scale >= 1:
            assert probe.predict(x * scale).tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: flow.patch(H, [3], [0, 0]), "patch: keep has rows [3]"),
        (lambda: flow.patch(H, [-1], [0, 0]), "patch: keep has rows [-1]"),
        (lambda: flow.patch(H, [True], [0, 0]), "patch: keep is a mask of shape (1,)"),
        (lambda: flow.patch(H, [0], [0, 0, 0]), "patch: fill"),
        (lambda: flow.patch([[np.nan, 0]], [0], [0, 0]), "patch: h has 1 values"),
        (lambda: flow.swap_span(H, (0, 2), H, (0, 1)), "swap_span: span (0, 2) has 2 tokens"),
        (lambda: flow.swap_span(H, (1, 1), H, (0, 0)), "swap_span: span is (1, 1)"),
        (lambda: flow.swap_span(H, (0, 1), H, (3, 4)), "swap_span: clean_span is (3, 4)"),
        (lambda: flow.swap_span(H, 1, H, (0, 1)), "swap_span: span is 1"),
        (lambda: flow.leakage([[0.0, 0]], (0, 1), H, (0, 1)), "leakage: h has 1 rows of zeros"),
        (lambda: flow.merge_ranges(H, [(0, 2), (1, 3)]), "merge_ranges: ranges (0, 2) and (1, 3)"),
        (lambda: flow.merge_ranges(H, [(0, 0)]), "merge_ranges: ranges is (0, 0)"),
        (lambda: flow.representative(H, (0, 1), [0, 0], lambda h: h), "representative: judge is"),
        (lambda: flow.representative(H, (0, 1), [0, 0], 3), "representative: judge is 3"),
        (lambda: flow.fit_probe(H, [True] * 3), "fit_probe: labels has 1 different"),
        (lambda: flow.fit_probe(H, [0, 1, 2]), "fit_probe: labels has 3 different"),
        (lambda: flow.fit_probe(H, [0, 1, 1], ridge=0), "fit_probe: ridge is 0"),
        (lambda: flow.fit_probe(H, [0, 1, 1]).predict([[1.0]]), "Probe.predict: "),
    ],
)
def test_bad_input_is_refused_by_name(call, says):
    with pytest.raises(TokenlabError) as error:
        call()
    assert says in str(error.value)
