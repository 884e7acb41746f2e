"""The encoded prompts and the stored findings: there, small, and what SOURCES.md says."""

import hashlib
from pathlib import Path

import numpy as np

from tokenlab.data import load_faq, load_findings, load_prompts

DATA = Path(__file__).parents[2] / "tokenlab" / "data"


def test_prompts_are_whole():
    found, faq = load_prompts(), load_faq()
    assert len(found.texts) == len(found.tokens) == len(found.states) == 40
    for text, tokens, x in zip(found.texts, found.tokens, found.states, strict=True):
        assert text
        assert (tokens[0], tokens[-1]) == ("[CLS]", "[SEP]")
        assert x.shape == (len(tokens), 64)
        np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-5)
        assert not x.flags.writeable
    for text, (i, j) in zip(found.texts, found.pairs, strict=False):
        assert text == f"{faq.questions[i]} {faq.questions[j]}"
    for beside, alone in found.leaks:
        assert found.texts[beside].startswith(found.texts[alone])


def test_the_sources_name_these_very_files():
    sources = (DATA / "SOURCES.md").read_text(encoding="utf-8")
    for path in sorted((DATA / "prompts").iterdir()):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in sources, path.name
    assert sum(path.stat().st_size for path in (DATA / "prompts").iterdir()) < 1_000_000


def test_findings_are_stored_for_every_part():
    assert set(load_findings("embeddings")) == {
        *("debias", "decor", "flow", "cipher", "glyphs", "codes", "senses", "triplet", "icv"),
        "lexinvariant",
    }
