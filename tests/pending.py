"""What does not keep the house's rules yet. These lists only get shorter."""

PENDING_WORDS: set[str] = set()
PENDING_COMMENTS: set[str] = set()
PENDING_STATEMENTS = {"kernels/tokenizers.py"}
PENDING_PACKED: set[str] = set()
PENDING_LINES: set[str] = set()
# Public functions of arrays whose checks are calls and not `@takes`, and why.
OF_INDEX = "a query must fit an index, whose arrays were checked when it was made: checked_query"
OF_BYTES = "packed rows of uint8, which are no numbers: bits.as_bytes"
CHECKED_BY_HAND = {
    "embeddings.bit_codes.hamming": OF_BYTES,
    "embeddings.bit_codes.hamming_topk": OF_BYTES,
    "embeddings.bit_codes.unpack": OF_BYTES,
    "embeddings.triplet.weight_differences": "nested dicts of arrays of any shapes",
    "retrieval.baselines.pooled_scores": OF_INDEX,
    "retrieval.buckets.unpack": OF_BYTES,
    "retrieval.colbert.maxsim": OF_INDEX + "; and it may be a list of queries",
    "retrieval.colbert.maxsim_search": OF_INDEX,
    "retrieval.muvera.muvera_search": OF_INDEX,
    "retrieval.xtr.token_topk": OF_INDEX,
    "retrieval.xtr.xtr_search": OF_INDEX,
}
