"""Finding documents by their tokens: late interaction, token retrieval, and its baselines."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "index": ["SearchResult", "TokenIndex"],
        "colbert": ["Alignment", "alignment", "maxsim", "maxsim_search"],
        "xtr": ["scoring_flops", "token_topk", "xtr_scores", "xtr_search"],
        "xtr_training": ["xtr_loss", "xtr_train_scores"],
        "baselines": ["BM25", "bm25_scores", "pooled_scores", "pooled_vectors"],
        "metrics": ["ndcg", "recall"],
        "codec": ["ResidualCodec"],
        "compressed": ["CompressedIndex"],
        "crisp": ["cluster_tokens", "pool_index"],
        "token_pooling": ["ward"],
        "muvera": ["FDE", "muvera_search"],
    },
)
