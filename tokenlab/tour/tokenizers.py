"""The tour's part on tokenizers: what a language pays, how merges grow, what a batch can spare."""

import functools
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.data import load_text, load_vocabulary
from tokenlab.steps import Steps, record
from tokenlab.tokenizers import BPE, UnigramLM, fvt, hybrid, ppmi_vectors
from tokenlab.tokenizers.dynamic import merge_batch
from tokenlab.tokenizers.kl3m import boundary_stability
from tokenlab.tokenizers.turkish import report
from tokenlab.tokenizers.word_pooled import WordPooled, split_words
from tokenlab.tokenizers.zett import Hypernetwork, surface_forms
from tokenlab.tour import Minute
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, table

# The first article of the Universal Declaration of Human Rights.
ENGLISH = (
    "All human beings are born free and equal in dignity and rights. They are endowed with reason "
    "and conscience and should act towards one another in a spirit of brotherhood."
)
TURKISH = (
    "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana sahiptirler "
    "ve birbirlerine karşı kardeşlik zihniyeti ile hareket etmelidirler."
)
NAMES = ("gpt2", "cl100k", "o200k", "smollm2")
WORDS = ("lowest", "another", "brotherhood", "kardeşlik")
SHOWN = 2  # the word of the step-throughs


def run(out: Path) -> None:
    """Print what two languages cost, a word merged, a batch that shrinks."""
    _languages()
    _merges()
    _batch()
    page = bpe_steps(SHOWN).to_html(out / "bpe.html", title="BPE, step by step")
    print(f"\nStep through the merges in a browser: {page}")


def minute(out: Path) -> Minute:
    """One result: the same article in two languages, in three tokenizers."""
    costs = {name: prices(name) for name in ("gpt2", "cl100k")}
    page = bpe_steps(SHOWN).to_html(out / "bpe.html", title="BPE, step by step")
    (old_en, old_tr), (new_en, new_tr) = costs.values()
    return Minute(
        "what does one article of human rights cost in English and in Turkish?",
        f"""{old_en} and {old_tr} tokens in GPT-2's vocabulary, {old_tr / old_en:.1f} times as many;
        {new_en} and {new_tr} in that of GPT-4, {new_tr / new_en:.1f} times as many. Whoever pays
        by the token pays for that.""",
        "a token is a piece of text that a model reads as one.",
        page,
    )


def prices(name: str) -> tuple[int, int]:
    """Tokens of the article in English and in Turkish."""
    tokenizer = load_vocabulary(name)
    return len(tokenizer.encode(ENGLISH)), len(tokenizer.encode(TURKISH))


def count() -> int:
    """Words that can be shown."""
    return len(WORDS)


def subject(number: int) -> str:
    """A word."""
    return f"The word {WORDS[number]!r}"


def spelled(tokenizer: Any, ids: Any) -> str:
    """Tokens between bars."""
    return "|".join(tokenizer.tokens[i].decode(errors="replace") for i in np.asarray(ids).tolist())


def _languages() -> None:
    heading("One article in two languages")
    paragraph(
        "Tokens of the same content. A vocabulary that was learned mostly from English cuts other "
        "languages into small pieces."
    )
    rows = []
    for name in NAMES:
        english, turkish = prices(name)
        each = load_vocabulary(name).vocab
        rows.append((name, f"{each:,}", f"{english}", f"{turkish}", f"{turkish / english:.2f}"))
    table(("vocabulary", "tokens known", "English", "Turkish", "ratio"), rows)
    for name in ("gpt2", "o200k"):
        tokenizer = load_vocabulary(name)
        paragraph(spelled(tokenizer, tokenizer.encode(TURKISH[:66])), f"{name}: ")


def _merges() -> None:
    heading("A word merged, step by step")
    tokenizer = learned()
    word = f" {WORDS[SHOWN]}"
    paragraph(
        f"{tokenizer.vocab} tokens learned from Hamlet: the most frequent pair becomes one token, "
        "again and again. A word is put together by the same merges, in the same order."
    )
    for n in range(256, tokenizer.vocab + 1, 64):
        cut = tokenizer.truncate(n)
        print(f"  {n:5} tokens   {spelled(cut, cut.encode(word))}")


def _batch() -> None:
    heading("A batch that gets shorter")
    paragraph(
        "Dynamic tokenization merges the most frequent pairs of a batch, here a page of each "
        "language in SmolLM2's tokens, never beyond a word."
    )
    rows = []
    for name, text in (("English", "shakespeare"), ("Turkish", "turkish")):
        lengths = batch(load_text(text)[:6000], 400).lengths
        left = [f"{lengths[min(n, len(lengths) - 1)]}" for n in (0, 25, 100, 400)]
        rows.append((name, *left, f"{1 - int(left[-1]) / lengths[0]:.0%}"))
    table(("", "tokens", "after 25", "after 100", "after 400", "spared"), rows)


def batch(text: str, n_merges: int) -> Any:
    """Pieces of a text in SmolLM2's tokens, merged."""
    tokenizer = load_vocabulary("smollm2")
    pieces = [text[i : i + 600] for i in range(0, len(text), 600)]
    ids, offsets = tokenizer.encode_batch(pieces)
    special = tokenizer.special.values()
    return merge_batch(ids, offsets, tokenizer.tokens, n_merges, boundary="word", special=special)


@functools.cache
def learned(size: int = 512) -> BPE:
    """A tokenizer of Hamlet."""
    return BPE.train(load_text("shakespeare")[:100_000], size)


@step_through("bpe", "the most frequent pair becomes one token", merges=8)
def bpe_steps(number: int, merges: int) -> Steps:
    """The merges of a few words, among them the one that is shown."""
    word = WORDS[number]
    with record() as steps:
        BPE.train(f"{word} {word[:4]} {word[-4:]} {word}", 256 + merges)
    return steps


@step_through("unigram", "the likeliest cut of a word")
def unigram_steps(number: int) -> Steps:
    """The best cut of a word, by the probabilities of tokens."""
    text = load_text("shakespeare")[:20_000]
    model = UnigramLM.fit(text, 400)
    names = [token.decode(errors="replace") for token in model.tokens]
    with record({"vocab": names}) as steps:
        model.viterbi(WORDS[number].encode())
    return steps


def small_model(d: int = 8) -> tuple[BPE, BPE, np.ndarray]:
    """An old tokenizer with vectors of its tokens, and a new one."""
    text = load_text("shakespeare")[:30_000]
    old = learned(320)
    new = BPE.train(text[::-1][:3000] + text[:9000], 360)
    return old, new, ppmi_vectors(old.encode(text), old.vocab, d).astype(np.float32)


@step_through("zett", "the mean of the pieces, and what the network adds")
def zett_steps(number: int) -> Steps:
    """Predicted embeddings of tokens that an old tokenizer lacks."""
    old, _, vectors = small_model()
    tokens = [word.encode() for word in (WORDS[number], WORDS[number][:4], WORDS[number][-4:])]
    pieces, _ = surface_forms(tokens, old)
    labels = {"new": [token.decode(errors="replace") for token in tokens]}
    with record(labels) as steps:
        Hypernetwork(vectors.shape[1], hidden=16, rng=0).predict(pieces, vectors)
    return steps


@step_through("tokenadapt", "weights of pieces and of neighbours")
def tokenadapt_steps(number: int) -> Steps:
    """Rows for new tokens, from pieces and from old tokens whose vectors are near."""
    old, _, vectors = small_model()
    new = BPE([f" {word}".encode() for word in (WORDS[number], "lords")])
    theirs = fvt(old, new).apply(vectors)  # stand-ins for the vectors of a text encoder
    with record() as steps:
        hybrid(old, new, vectors, theirs).apply(vectors)
    return steps


@step_through("dynamic", "the most frequent pair of a batch is merged", merges=6)
def dynamic_steps(number: int, merges: int) -> Steps:
    """Merges within a batch of two sentences."""
    tokenizer = load_vocabulary("smollm2")
    ids, offsets = tokenizer.encode_batch([TURKISH, f"{WORDS[number]} {TURKISH}"])
    with record() as steps:
        merge_batch(ids, offsets, tokenizer.tokens, merges, boundary="word")
    return steps


@step_through("word-pooled", "words as vectors, spelled again")
def word_pooled_steps(number: int) -> Steps:
    """An untrained model reads four words: the shapes are what one sees."""
    words, _, alphabet = split_words(f"to be {WORDS[number]} or", max_chars=12)
    sizes: dict[str, Any] = {"p": 2, "max_chars": 12, "max_words": 4, "d": 8, "heads": 2}
    with record() as steps:
        WordPooled(len(alphabet) + 1, **sizes, rng=0).log_probs(words)
    return steps


@step_through("kl3m", "boundaries that stay when a letter is misread")
def kl3m_steps(number: int) -> Steps:
    """Token boundaries of a line, and of the line with one letter replaced."""
    word = WORDS[number]
    text = f"the {word} of the king"
    noisy = text.replace(word, word[:2] + "x" + word[3:])
    tokenizer = learned()
    with record() as steps:
        boundary_stability(tokenizer, text, noisy)
    return steps


@step_through("turkish", "which tokens a lexicon knows")
def turkish_steps(number: int) -> Steps:
    """The tokens of an article, looked up in the words of the article."""
    lexicon = [word.strip(".,") for word in TURKISH.split()] + [WORDS[number]]
    with record() as steps:
        report(load_vocabulary("gpt2"), f"{TURKISH} {WORDS[number]}", lexicon)
    return steps
