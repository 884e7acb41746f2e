"""Numbers that the released code gave, at the commits that official.json names.

Only numbers are kept. The functions were run beside ours on more cases than stand here: 2,000 of the
recursive estimator, 200 each of uncertainty, thresholds and insertion targets, all equal.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from tokenlab.decoding import any_subset, awrs, exact, insertion, r2r, token_recycling
from tokenlab.lm import TableLM

OFFICIAL = json.loads((Path(__file__).parent / "official.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", OFFICIAL["recursive_awrs"]["rows"])
def test_recursive_weights(row):
    p, allowed, order, cap, token, weight, calls = row
    drawn = awrs.recursive(np.log(p), order, lambda t: bool(allowed[t]), cap)
    assert drawn.token == token
    assert drawn.calls == calls
    assert np.exp(drawn.log_weight) == pytest.approx(weight, abs=1e-9)


@pytest.mark.parametrize("row", OFFICIAL["r2r"]["logu"])
def test_uncertainty(row):
    logits, k, aleatoric, epistemic, entropy = row
    found = r2r.logu(logits, k)
    assert float(found.aleatoric) == pytest.approx(aleatoric, abs=1e-11)
    assert float(found.epistemic) == pytest.approx(epistemic, abs=1e-11)
    assert float(r2r.entropy(logits)) == pytest.approx(entropy, abs=1e-11)


@pytest.mark.parametrize("row", OFFICIAL["r2r"]["threshold"])
def test_thresholds(row):
    scores, labels, min_recall, threshold = row
    assert r2r.pick_threshold(scores, labels, min_recall) == pytest.approx(threshold, abs=1e-12)


@pytest.mark.parametrize("row", OFFICIAL["ilm"]["rows"])
def test_insertion_targets(row):
    ids, dropped, target = row
    found = insertion.target(ids, np.array(dropped, dtype=bool), 5)
    np.testing.assert_allclose(found, target, atol=1e-6)


def test_the_tree_of_token_recycling():
    released = OFFICIAL["token_recycling"]
    assert len(token_recycling.TREE_222) == released["paths"]
    digest = hashlib.sha256(repr(token_recycling.TREE_222).encode()).hexdigest()
    assert digest == released["sha256"]


@pytest.mark.parametrize("row", OFFICIAL["assd"]["rows"])
def test_calls_and_texts_of_any_subset_models(row):
    """Means of many runs of the released loop on a table, against the whole distribution of ours."""
    k, first, runs, calls, error, texts = row
    table = TableLM([[[0.30, 0.05], [0.05, 0.10]], [[0.02, 0.08], [0.10, 0.30]]])
    visible = {} if first is None else {0: first}
    found = exact(lambda rng: any_subset.generate(table, visible, k=k, rng=rng))
    assert found.expect(lambda infill: infill.calls) == pytest.approx(calls, abs=4 * error + 1e-9)
    for text, count in texts.items():
        tokens = tuple(json.loads(text))
        p = found.expect(lambda infill, t=tokens: infill.tokens == t)
        assert p == pytest.approx(count / runs, abs=4 * (p * (1 - p) / runs) ** 0.5)
