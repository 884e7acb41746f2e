"""SmolLM2-135M-Instruct: a language model of 49,152 tokens, with all that `tokenlab.lm` asks of one.

    model = load("smollm2")
    model.log_probs(model.encode("The capital of France is"))     # (49152,)

It has no start token, so an empty context has no answer. To the outside it has no state: each call
compares the context with that of the call before and computes what is new.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tokenlab.errors import DTypeError, InvalidInput, public_caller
from tokenlab.lm.protocol import checked_parents, ids_of
from tokenlab.models.cache import Cache
from tokenlab.models.chat import chat_ids
from tokenlab.models.llama import Config, forward
from tokenlab.numerics import log_softmax
from tokenlab.tokenizers.bpe import BPE
from tokenlab.tokenizers.text import byte_order

__all__ = ["SmolLM2"]

AT_ONCE = 512  # new tokens of a batch that go through the model together
CONTROL = 3  # the kind of a token that is no text


class SmolLM2:
    """The model: `params`, `config`, `tokenizer`, `chat_template`, and what follows from them."""

    def __init__(
        self,
        params: dict[str, Any],
        config: Config,
        tokenizer: Any = None,
        chat_template: str | None = None,
    ):
        self.params, self.config, self.tokenizer = params, config, tokenizer
        self.chat_template = chat_template
        self.vocab = len(params["embed"])
        self._cache = Cache()  # of the context that was asked for last
        self._tree: tuple[int, np.ndarray, np.ndarray] | None = None  # the last one, in the cache
        self._lock = threading.Lock()  # two threads may ask at once; the cache is one

    def __repr__(self) -> str:
        n, d = len(self.params["layers"]), self.params["embed"].shape[1]
        return f"SmolLM2({n} layers, d={d}, vocab={self.vocab})"

    def encode(self, text: str) -> np.ndarray:
        """The ids of a text, `(n,)`; a typed `<|im_end|>` is text."""
        if not isinstance(text, str):  # the tokenizer itself also takes bytes
            raise DTypeError(
                f"{public_caller()}: text is a {type(text).__name__}; expected a str."
                + (" Decode it first: text.decode()." if isinstance(text, bytes) else "")
            )
        return self.tokenizer.encode(text, special="text")

    def chat(self, messages: str | Sequence[Mapping[str, str]]) -> np.ndarray:
        """The ids of a chat by the template in the model's file, `(n,)`.

        Parameters
        ----------
        messages : str, or sequence of dict
            What the user says, or a turn each: `{"role": "user", "content": ...}`. Marks such as
            `<|im_end|>` that somebody typed into a content are text.
        """
        if self.chat_template is None:
            raise InvalidInput("SmolLM2.chat: the model has no chat template.")
        turns = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        if not turns:
            raise InvalidInput("SmolLM2.chat: messages is empty; expected something that is said.")
        return chat_ids(self.tokenizer, self.chat_template, turns)

    def decode(self, ids: Any) -> str:
        """The text of ids."""
        return self.tokenizer.decode(ids)

    def new_cache(self) -> Cache:
        """An empty cache for `forward`."""
        return Cache()

    def forward(self, ids: Any, cache: Cache | None = None, **options: Any) -> Any:
        """`llama.forward` with this model's parameters."""
        return forward(self.params, self.config, ids, cache, **options)

    def log_probs(self, context: Any) -> np.ndarray:
        """The next token's log-probabilities, `(vocab,)`."""
        ids = self._context(context, "context")
        with self._lock:
            new = self._shared(ids)
            logits = self.forward(new, self._cache, rows=[len(new) - 1])
        # In float64, so that 49,152 probabilities sum to one within 1e-12.
        return log_softmax(logits.astype(np.float64))[0]

    def log_probs_batch(self, contexts: Sequence[Any]) -> np.ndarray:
        """The same for several contexts, `(len(contexts), vocab)`; what they share is read once."""
        every = [self._context(context, "contexts") for context in contexts]
        if not every:
            return np.empty((0, self.vocab))
        same = min(common(every[0], ids) for ids in every)  # tokens that all contexts begin with
        # Each context keeps a token of its own, whose logits are wanted.
        shared = min(same, min(map(len, every)) - 1)
        rests = [ids[shared:] for ids in every]
        if shared == 0 or sum(map(len, rests)) > AT_ONCE:
            return np.stack([self.log_probs(ids) for ids in every])
        # Each rest is a branch behind what they share.
        tokens = np.concatenate(rests)
        starts = np.cumsum([0, *map(len, rests)])
        parents = np.arange(len(tokens))  # a chain: node i + 1 hangs under node i
        parents[starts[:-1]] = 0  # but each rest begins at the end of what is shared
        return self.log_probs_tree(every[0][:shared], tokens, parents)[starts[1:]]

    def log_probs_tree(self, context: Any, tokens: Any, parents: Any) -> np.ndarray:
        """The same at the end of the context and at each node behind it, `(1 + n, vocab)`."""
        ids = self._context(context, "context")
        tokens = ids_of(tokens, "tokens", self.vocab)
        seen, depth = ancestors(checked_parents(parents, len(tokens)))
        with self._lock:
            new = self._shared(ids)
            n, behind = len(new), len(tokens)
            # New tokens of the context see those before them, nodes see these and their own path.
            mask = np.tri(n + behind, dtype=bool)
            mask[n:, n:] = seen  # (behind, behind)
            start = len(ids) - n
            # Siblings stand at the same place: a node's place is its depth, not its row.
            places = np.concatenate([np.arange(start, len(ids)), len(ids) - 1 + depth])
            logits = self.forward(
                np.concatenate([new, tokens]),
                self._cache,
                positions=places,
                mask=mask,
                rows=np.arange(n - 1, n + behind),
            )
            self._tree = len(ids), tokens, np.asarray(parents)
        return log_softmax(logits.astype(np.float64))

    def _context(self, context: Any, name: str) -> np.ndarray:
        ids = ids_of(context, name, self.vocab)
        if not len(ids):
            raise InvalidInput(
                f"{public_caller()}: {name} is empty; this model has no start token. Begin with a "
                "token, such as encode('\\n')."
            )
        return ids

    def _shared(self, ids: np.ndarray) -> np.ndarray:
        """The tokens that the cache has not; at least the last one, whose logits are wanted."""
        if self._tree is not None:
            start, tokens, parents = self._tree
            self._tree = None
            before = self._cache.ids[:start]
            follows = len(ids) > start and common(before, ids) == start
            path = walked(tokens, parents, ids[start:]) if follows else []
            # Of a tree only the path that became text stays; its rows move, nothing is made anew.
            self._cache.keep(np.concatenate([np.arange(start), start + np.array(path, np.int64)]))
        n = min(common(self._cache.ids, ids), len(ids) - 1)
        self._cache.cut(n)
        return ids[n:]


def common(a: np.ndarray, b: np.ndarray) -> int:
    """How many tokens two texts have in common at their beginnings."""
    n = min(len(a), len(b))
    differ = np.flatnonzero(a[:n] != b[:n])
    return int(differ[0]) if len(differ) else n


def walked(tokens: np.ndarray, parents: np.ndarray, text: np.ndarray) -> list[int]:
    """The nodes of a tree that spell the beginning of a text, from the root down."""
    node, path = 0, []
    for token in text.tolist():
        found = np.flatnonzero((parents == node) & (tokens == token))
        if not len(found):
            break
        path.append(int(found[0]))
        node = path[-1] + 1  # node 0 is the end of the context
    return path


def ancestors(parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which nodes each node sees, itself included, and how far behind the context it stands."""
    n = len(parents)
    seen, depth = np.eye(n, dtype=bool), np.ones(n, np.int64)  # (n, n), (n,)
    for i, parent in enumerate(parents.tolist()):
        if parent:  # node 0 is the end of the context
            seen[i] |= seen[parent - 1]
            depth[i] += depth[parent - 1]
    return seen, depth


def config_of(metadata: dict[str, Any]) -> Config:
    """What the file says of positions and norms."""
    return Config(
        rope_base=float(metadata["llama.rope.freq_base"]),
        eps=float(metadata["llama.attention.layer_norm_rms_epsilon"]),
        length=int(metadata["llama.context_length"]),
    )


def tokenizer_of(metadata: dict[str, Any]) -> BPE:
    """The byte-pair tokenizer in the file: bytes are spelled as GPT-2 spells them."""
    prints = byte_order("gpt2")
    n_prints = 188  # bytes that stand for themselves; the others are spelled from U+0100 on
    byte_of = {chr(b) if i < n_prints else chr(256 + i - n_prints): b for i, b in enumerate(prints)}

    def spelled(token: str) -> bytes:
        return bytes(byte_of[letter] for letter in token)

    # The file spells bytes as letters, GPT-2's way; tokens here are the bytes.
    names = metadata["tokenizer.ggml.tokens"]
    kinds = metadata["tokenizer.ggml.token_type"]
    special = {names[i]: i for i, kind in enumerate(kinds) if kind == CONTROL}
    tokens = [name.encode() if name in special else spelled(name) for name in names]
    id_of = {name: i for i, name in enumerate(names)}
    pairs = (pair.split(" ") for pair in metadata["tokenizer.ggml.merges"])
    merges = [(id_of[a], id_of[b]) for a, b in pairs]
    return BPE(tokens, merges, split="smollm2", special=special)
