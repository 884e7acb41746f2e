"""What a language model is here: any object with `vocab` and `log_probs(context)`."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "chain": ["ChainLM"],
        "judging": ["TextPerplexity", "perplexity"],
        "ngram": ["NGramLM"],
        "protocol": [
            "Counted",
            "from_function",
            "log_probs_batch",
            "log_probs_tree",
            "score",
        ],
        "table": ["TableLM"],
        "transformer": ["Transformer"],
    },
)
