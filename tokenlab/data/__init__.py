"""Small real data, inside the package: where each file comes from is told in `SOURCES.md`."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "encoded_prompts": ["Prompts", "load_prompts"],
        "glove": ["load_glove", "load_word_lists"],
        "handwritten_digits": ["Digits", "load_digits"],
        "language_model_head": ["LMHead", "load_lm_head"],
        "limit_texts": ["Limit", "load_limit", "load_limit_words"],
        "merge_tables": ["load_bpe"],
        "python_faq": ["FAQ", "load_faq"],
        "stored_findings": ["load_findings"],
        "smollm2_walk": ["ResidualWalk", "load_residual_walk"],
        "texts": ["load_text"],
        "tiny_language_model": ["TinyLM", "load_tiny_lm"],
        "vocabularies": ["VOCABULARIES", "load_vocabulary"],
        "vit_photos": ["ViTPhotos", "load_vit_photos"],
    },
)
