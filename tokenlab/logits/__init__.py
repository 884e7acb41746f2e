"""Output layers of language models: vector-quantised logits, and what they are measured against."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "vq_logits": ["VQHead"],
        "vq_mappings": [
            "balanced_mapping",
            "centroids",
            "fit_codes",
            "frequency_mapping",
            "tie_floor",
        ],
        "vq_training": ["learn_mapping", "reassign", "train"],
        "certified": ["FullHeadIndex", "certified_topk"],
        "baselines": ["FullHead", "LowRankHead", "ResidualHead", "low_rank"],
        "adaptive": ["AdaptiveHead"],
        "metrics": ["perplexity"],
        "heads": ["cross_entropy"],
    },
)
