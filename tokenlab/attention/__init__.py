"""Attention in linear time without softmax, its exact references, and its neighbours."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "softmax": ["blocked_softmax_attention", "gaussian_attention", "softmax_attention"],
        "soft": ["gaussian_kernel", "soft_attention"],
        "landmarks": [
            "conv_landmarks",
            "grid_landmarks",
            "kmeans_landmarks",
            "random_landmarks",
            "segment_landmarks",
        ],
        "newton": ["newton_pinv", "pinv_vjp", "spectral_filter"],
        "soft_gradient": ["soft_attention_vjp"],
        "linear": [
            "cubic_pinv",
            "linformer_attention",
            "nystrom_attention",
            "orthogonal_features",
            "performer_attention",
        ],
        "tap_adl": ["diversification_loss", "pooling_weights", "token_aware_pool"],
    },
)
