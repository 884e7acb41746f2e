"""DupMAE's masks on MiniLM's pieces: words are hidden as a whole, marks never."""

import numpy as np

from tokenlab.data import load_faq
from tokenlab.retrieval.dupmae import decoder_mask, encoder_mask


def words_of(tokens):
    """The number of each piece's word: `##` continues one."""
    return np.cumsum([not token.startswith("##") for token in tokens])


def check(tokens):
    words, n = words_of(tokens), len(tokens)
    for seed in range(5):
        masked = encoder_mask(n, 0.3, words=words, protect=[0, -1], rng=seed)
        assert not masked[[0, -1]].any()
        assert masked.sum() <= max(1, round(0.3 * n))
        visible = decoder_mask(n, 0.5, words=words, rng=seed)
        assert visible[:, 0].all()
        for word in np.unique(words):
            of_word = words == word
            assert masked[of_word].all() or not masked[of_word].any()
            # A row hides a word as a whole, and besides itself.
            hidden = ~visible[:, of_word] & ~np.eye(n, dtype=bool)[:, of_word]
            itself = of_word[:, None] & of_word
            assert (hidden.all(axis=1) | ~hidden.any(axis=1) | itself.any(axis=1))[1:].all()


def test_pieces_that_come_with_the_package():
    faq = load_faq()
    assert any(piece.startswith("##") for piece in faq.question_tokens[12])
    check(faq.question_tokens[12])


def test_pieces_of_the_real_minilm(minilm):
    pieces = minilm.pieces(
        "Unbelievably, CPython's tokenizer misreads antidisestablishmentarianism."
    )
    assert any(token.startswith("##") for token in pieces.tokens)
    assert len(minilm.encode("CPython misreads", normalize=False)) == len(
        minilm.pieces("CPython misreads").tokens
    )
    check(pieces.tokens)
