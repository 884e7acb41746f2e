"""Decoding: how a text is drawn from a language model, under constraints and with fewer forwards."""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "any_subset": [],
        "awrs": [],
        "byte_level": ["ByteLM", "EnsembleLM", "cover", "valid_next"],
        "chance": ["Outcomes", "choose", "exact", "flip", "without_replacement"],
        "constrained": ["generate_masked", "mask", "posterior", "rejection"],
        "constraints": ["DFA", "JSON", "TextConstraint", "pattern"],
        "insertion": ["CountedInsertion", "star_graph"],
        "insertion_model": ["TransformerInsertion"],
        "r2r": ["Router"],
        "sampling": ["filtered", "generate"],
        "smc": ["Particles", "effective_sample_size", "resample"],
        "speculative": ["draft_model", "prompt_lookup", "verify"],
        "token_recycling": ["TREE_222", "Recycler", "build_tree", "grow_tree"],
    },
)
