r"""Neural Machine Translation of Rare Words with Subword Units: byte-pair encoding (BPE).

Rico Sennrich, Barry Haddow, Alexandra Birch. ACL 2016. arXiv:1508.07909

Count the pairs of neighbours, merge the most frequent one into a new token, repeat. A text is
encoded by the same merges in the order in which they were learned. Bytes are the first tokens, so
that nothing is unknown; chunks (words) keep merges from crossing their borders.

| paper's symbol | name here | shape |
|---|---|---|
| vocabulary | `tokens` | list of bytes |
| merge operations | `merges` | `(m, 2)` |

$$(a, b) = \arg\max_{(a, b)} \sum_{\text{chunks } c} \mathrm{count}(c)\,
\#\{i : c_i = a,\, c_{i+1} = b\}$$

Example
-------
    tokenizer = BPE.train(text, 1024)
    tokenizer.decode(tokenizer.encode("low lower lowest"))
    BPE.from_ranks("cl100k.tiktoken", split="cl100k", special={"<|endoftext|>": 100257})
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.steps import is_recording, step
from tokenlab.tokenizers import files, huggingface
from tokenlab.tokenizers.chunks import distinct, spread
from tokenlab.tokenizers.encoding import Encoder
from tokenlab.tokenizers.merging import learned_merges, merged
from tokenlab.tokenizers.normal_forms import normalized
from tokenlab.tokenizers.text import as_bytes, byte_order, checked_names, checked_text

__all__ = ["BPE", "pair_counts"]

Pair = tuple[int, int]
LIMIT = 1 << 62  # bytes of a token where nothing else is asked for
CLASSROOM = 2000  # bytes of distinct chunks: so little is learned by counting anew


def pair_counts(chunks: Sequence[Sequence[int]], counts: Sequence[int]) -> Counter[Pair]:
    """How often two tokens stand side by side; overlapping ones count, too."""
    pairs: Counter[Pair] = Counter()  # pair -> how often, over all chunks
    for chunk, count in zip(chunks, counts, strict=True):
        for pair in itertools.pairwise(chunk):
            pairs[pair] += count  # a chunk that occurs often counts as often
    return pairs


def learn(
    chunks: Sequence[list[int]],
    counts: Sequence[int],
    n_merges: int,
    first: int,
    min_count: int,
    allowed: Callable[[Pair], bool],
    name: Callable[[Pair, int], None],
) -> list[Pair]:
    """Count, merge, repeat; the token of merge i is `first + i`, and `name` is told of each."""
    merges: list[Pair] = []
    while len(merges) < n_merges:
        pairs = {pair: n for pair, n in pair_counts(chunks, counts).items() if allowed(pair)}
        if not pairs or max(pairs.values()) < min_count:  # nothing is left, or all is rare
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))  # of equal ones the lowest ids
        new = first + len(merges)
        name(best, new)
        pair = step(np.array(best))  # (2,) [arg max] the pair that is merged next
        chunks = [merged(chunk, best, new) for chunk in chunks]  # merge everywhere, count anew
        merges.append((int(pair[0]), int(pair[1])))
    return merges


class BPE(Encoder):
    """A byte-pair tokenizer; `BPE.train`, `BPE.from_ranks` and `BPE.load` make one.

    Examples
    --------
    >>> tokenizer = BPE.train("hug hug pug pun bun hugs", 264)
    >>> [tokenizer.tokens[i] for i in tokenizer.encode("hug pugs bug hugs")]
    [b'hug', b' pug', b's', b' b', b'ug', b' hug', b's']
    """

    # Learning.

    @classmethod
    def train(
        cls,
        text: str | Iterable[str],
        vocab_size: int,
        *,
        split: Any = "gpt2",
        special: Sequence[str] = (),
        min_count: int = 1,
        max_token_bytes: int | None = None,
        alphabet: str = "bytes",
    ) -> "BPE":
        """Learn merges from a text or several.

        Parameters
        ----------
        text : str, or iterable of str
        vocab_size : int
            Bytes and merges, at least 256; fewer come when no pair is left.
        split : str or callable
            See `splitter`; merges stay within chunks.
        special : sequence of str
            Names of tokens that get the ids behind; they count in `vocab`.
        min_count : int
            Stop at pairs that occur less often.
        max_token_bytes : int, optional
            Pairs that would be longer are not merged.
        alphabet : str
            `"bytes"`: the id of a byte is its number. `"gpt2"`: in GPT-2's order of letters.

        Returns
        -------
        BPE
        """
        vocab_size = checks.count(vocab_size, "vocab_size", at_least=256)
        checks.choice(alphabet, "alphabet", ("bytes", "gpt2"))
        start = cls([bytes([byte]) for byte in byte_order(alphabet)], split=split)
        grown = start._grown(text, vocab_size - 256, min_count, max_token_bytes)
        if not special:
            return grown
        # ids behind all others
        wanted = dict.fromkeys(checked_names(special))  # once each, in order
        names = {name: grown.vocab + i for i, name in enumerate(wanted)}
        tokens = grown.tokens + [name.encode() for name in names]
        return cls(tokens, grown.merges, split=split, special=names)

    def extend(self, text: str | Iterable[str], vocab_size: int, *, min_count: int = 1) -> "BPE":
        """A new tokenizer that goes on learning from another text; its special tokens move up."""
        vocab_size = checks.count(vocab_size, "vocab_size", at_least=256)
        n = vocab_size - (self.vocab - len(self.special))  # merges that are still to come
        return self._renamed(self._plain()._grown(text, max(n, 0), min_count, None))

    def truncate(self, vocab_size: int) -> "BPE":
        """A new tokenizer of the first merges alone; its special tokens move down."""
        n = checks.count(vocab_size, "vocab_size", at_least=256)
        plain = self._plain()
        first = plain.vocab - len(plain.merges)  # the ids of bytes come before those of merges
        kept = plain.merges[: max(n - first, 0)]
        return self._renamed(self._like(plain.tokens[: first + len(kept)], kept))

    def _like(self, tokens: Any, merges: Any, special: Mapping[str, int] | None = None) -> "BPE":
        """Other tokens, and the same ways of cutting a text."""
        return BPE(
            tokens,
            merges,
            split=self.split,
            special=special,
            normalize=self.normalize,
            letters=self.letters,
        )

    def _plain(self) -> "BPE":
        """The same without special tokens, which stand behind the others."""
        n = self.vocab - len(self.special)
        return self._like(self.tokens[:n], self.merges)

    def _renamed(self, plain: "BPE") -> "BPE":
        """The special tokens again, with the ids behind all others."""
        names = {name: plain.vocab + i for i, name in enumerate(self.special)}
        tokens = plain.tokens + [name.encode() for name in names]
        return self._like(tokens, plain.merges, names)

    def _words(self, text: Any) -> Counter[bytes]:
        """The distinct chunks of a text or several, and how often each occurs."""
        words: Counter[bytes] = Counter()
        several = isinstance(text, Iterable) and not isinstance(text, str | bytes)
        for part in text if several else [text]:
            normal = normalized(checked_text(part), self.normalize)
            found, owner = distinct(normal, self.split, self._split)
            times = np.bincount(owner, minlength=len(found)).tolist()
            for chunk, count in zip(found, times, strict=True):
                words[as_bytes(chunk)] += count
        return words

    def _grown(self, text: Any, n_merges: int, min_count: int, longest: int | None) -> "BPE":
        min_count = checks.count(min_count, "min_count")
        if longest is not None:
            longest = checks.count(longest, "max_token_bytes")
        words = self._words(text)
        # what was learned before is merged already
        parts = self._together(list(words), False)
        ids = spread(*parts, np.arange(len(words)))  # (n,) chunk after chunk
        offsets = np.concatenate([[0], np.cumsum(parts.sizes)]).astype(np.int64)  # (n_chunks + 1,)
        tokens = list(self.tokens)

        def name(pair: Pair, new: int) -> None:
            tokens.append(tokens[pair[0]] + tokens[pair[1]])

        known = set(self.tokens)  # two merges may spell the same bytes: only one makes a token

        def allowed(pair: Pair) -> bool:
            made = tokens[pair[0]] + tokens[pair[1]]
            return made not in known and (longest is None or len(made) <= longest)

        # who watches sees each count, as `learn` states it
        first = len(tokens)
        more: Any
        if len(ids) <= CLASSROOM or is_recording():
            chunks = [ids[a:b].tolist() for a, b in itertools.pairwise(offsets.tolist())]
            more = learn(chunks, list(words.values()), n_merges, first, min_count, allowed, name)
        else:
            counts = np.array(list(words.values()), dtype=np.int64)
            limit = LIMIT if longest is None else longest
            more = learned_merges(ids, offsets, counts, n_merges, tokens, min_count, limit)
            more = list(map(tuple, more.tolist()))
            for i, pair in enumerate(more):
                name(pair, first + i)
        return self._like(tokens, [*map(tuple, self.merges.tolist()), *more])

    @classmethod
    def from_ranks(
        cls,
        ranks: Any,
        *,
        split: Any,
        special: Mapping[str, int] | None = None,
        whole_chunks: bool = True,
    ) -> "BPE":
        """A tokenizer from tiktoken's form: a file, or a dict, of tokens and their ids.

        With `whole_chunks` a chunk that is a token is that token, whatever the merges say.
        """
        table = dict(ranks) if isinstance(ranks, Mapping) else files.read_ranks(Path(ranks))
        tokens = files.by_id(table, special or {})  # raises for holes
        merges = files.merges_of(table)  # ranks alone say which two parts a token has
        return cls(tokens, merges, split=split, special=special, whole_chunks=whole_chunks)

    @classmethod
    def from_huggingface(cls, source: Any) -> "BPE":
        """A tokenizer from a tokenizer.json: its path, or what it holds as a dict.

        Read are byte-pair models with their splitters (ByteLevel, Digits, Punctuation, Split),
        normal forms, added tokens and `ignore_merges`; other parts are refused by name. Tokens that
        a post-processor would put around a text are left out, since `encode` is of the text alone.
        """
        tokens, merges, rest = huggingface.arguments_of(source)
        return cls(tokens, merges, **rest)

    def save(self, path: str | Path) -> Path:
        """Write tiktoken's form, and beside it what that loses: splitter and special tokens."""
        return files.write(self, path)

    @classmethod
    def load(cls, path: str | Path) -> "BPE":
        """Read what `save` wrote."""
        tokens, merges, rest = files.read(path)
        return cls(tokens, merges, **rest)


NOTES = r"""
Differs from the paper
----------------------
- The first tokens are bytes, as in GPT-2; the paper's are characters with an end of word.
- Ties go to the pair of the lowest ids, as in other libraries; the paper leaves them open.

Cost
----
Learning: the number of places at which merges happen, since counts are kept up to date. Encoding:
each distinct chunk once; a chunk of n bytes costs n log n.

Why not just
------------
- *take the longest token at each place?* That is another tokenizer: `lower` may be `low|er` by
  merges and `lowe|r` by length.
- *judge models by perplexity per token?* Longer tokens are harder to guess and fewer: count bits a
  byte.
"""
