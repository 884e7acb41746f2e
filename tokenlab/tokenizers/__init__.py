"""Tokenizers: how a text is cut into tokens, and what that costs."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "bpe": ["BPE"],
        "measures": ["bits_per_byte", "compression", "fertility", "parity", "renyi_efficiency"],
        "encoding": [],
        "files": [],
        "huggingface": [],
        "lattice": [],
        "merging": [],
        "normal_forms": [],
        "split": ["random_chunks", "random_lengths", "random_whitespace", "splitter"],
        "stages": [],
        "text": [],
        "trie": ["Trie"],
        "unigram": ["UnigramLM"],
    },
)
