"""Tokenizers: how a text is cut into tokens, and what that costs."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "bpe": ["BPE"],
        "measures": ["bits_per_byte", "compression", "fertility", "parity", "renyi_efficiency"],
        "dynamic": ["EmbeddingCache", "SearchHead", "longest_prefix", "merge_batch"],
        "encoding": [],
        "files": [],
        "huggingface": [],
        "kl3m": ["boundary_stability", "curated_tokens", "train_recipe"],
        "lattice": [],
        "merging": [],
        "normal_forms": [],
        "sampled": ["sample_tokenizer"],
        "split": ["random_chunks", "random_lengths", "random_whitespace", "splitter"],
        "stages": [],
        "supertokens": ["multi_word"],
        "text": [],
        "token_vectors": ["ppmi_vectors", "procrustes", "word_space"],
        "tokenadapt": ["global_weights", "hybrid", "local_weights"],
        "transplant": ["Transplant", "focus", "fvt", "lexical", "wechsel"],
        "trie": ["Trie"],
        "turkish": ["PUBLISHED", "correlation", "permutation_p", "report"],
        "unigram": ["UnigramLM"],
        "word_pooled": ["WordPooled"],
        "words": ["split_words"],
        "zett": ["Hypernetwork", "surface_forms"],
    },
)
