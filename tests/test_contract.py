"""What every module and every public name owes its reader; found, not listed."""

import dataclasses
import inspect

import discover
import numpy as np
import pytest
from cases import CASES

from tokenlab import papers, to_numpy
from tokenlab.errors import TokenlabError

PUBLIC = discover.public()
FUNCTIONS = [(n, o) for n, o in PUBLIC if inspect.isfunction(o) or hasattr(o, "reference")]
# Shared parts of a family, which realise no paper of their own.
NOT_PAPERS = {
    "tokenlab.retrieval.cluster",
    "tokenlab.retrieval.shards",
    "tokenlab.retrieval.compressed_shards",
    "tokenlab.retrieval.workers",
    "tokenlab.analysis.mask_controls",
    "tokenlab.analysis.mask_sets",
    "tokenlab.analysis.attribution",
    "tokenlab.analysis.faithfulness",
    "tokenlab.analysis.inside",
    "tokenlab.retrieval.buckets",
    "tokenlab.retrieval.certified",
    "tokenlab.retrieval.codec",
    "tokenlab.retrieval.crisp_training",
    "tokenlab.retrieval.compressed",
    "tokenlab.retrieval.compressed_documents",
    "tokenlab.retrieval.compressed_files",
    "tokenlab.retrieval.compressed_inputs",
    "tokenlab.retrieval.compressed_pieces",
    "tokenlab.retrieval.near_centroids",
    "tokenlab.retrieval.compressed_search",
    "tokenlab.retrieval.warp",
    "tokenlab.retrieval.dupmae_index",
    "tokenlab.retrieval.dupmae_model",
    "tokenlab.retrieval.limit_bounds",
    "tokenlab.retrieval.limit_qrels",
    "tokenlab.retrieval.limit_texts",
    "tokenlab.retrieval.pooled",
    "tokenlab.retrieval.whole_words",
    "tokenlab.embeddings.bias_analogies",
    "tokenlab.embeddings.bit_codes",
    "tokenlab.embeddings.cipher_search",
    "tokenlab.embeddings.linear_probe",
    "tokenlab.embeddings.random_tables",
    "tokenlab.embeddings.relaxed",
    "tokenlab.embeddings.sense_counts",
    "tokenlab.embeddings.cbow",
    "tokenlab.embeddings.draws",
    "tokenlab.embeddings.evaluation",
    "tokenlab.embeddings.factors",
    "tokenlab.embeddings.sequential",
    "tokenlab.embeddings.soft_debiasing",
    "tokenlab.embeddings.subword_rows",
    "tokenlab.embeddings.vectors",
    "tokenlab.embeddings.windows",
    "tokenlab.embeddings.word_files",
    "tokenlab.embeddings.words",
    "tokenlab.tokenizers.chunks",
    "tokenlab.tokenizers.encoding",
    "tokenlab.tokenizers.files",
    "tokenlab.tokenizers.measures",
    "tokenlab.tokenizers.huggingface",
    "tokenlab.tokenizers.lattice",
    "tokenlab.tokenizers.merging",
    "tokenlab.tokenizers.normal_forms",
    "tokenlab.tokenizers.stages",
    "tokenlab.tokenizers.sampled",
    "tokenlab.tokenizers.split",
    "tokenlab.tokenizers.text",
    "tokenlab.tokenizers.token_vectors",
    "tokenlab.tokenizers.transplant",
    "tokenlab.tokenizers.trie",
    "tokenlab.tokenizers.words",
    "tokenlab.pruning.clusters",
    "tokenlab.pruning.density",
    "tokenlab.pruning.flops",
    "tokenlab.pruning.mergers",
    "tokenlab.pruning.reduction",
    "tokenlab.pruning.schedule",
    "tokenlab.pruning.scores",
    "tokenlab.pruning.selectors",
    "tokenlab.pruning.size_attention",
    "tokenlab.pruning.uniform",
    "tokenlab.attention.inputs",
    "tokenlab.attention.inverse",
    "tokenlab.quantization.codebook",
    "tokenlab.quantization.channel_head",
    "tokenlab.quantization.deepest_first",
    "tokenlab.quantization.linear_adapt",
    "tokenlab.quantization.mixture",
    "tokenlab.quantization.token_bytes",
    "tokenlab.objectives.distances",
    "tokenlab.objectives.entities",
    "tokenlab.objectives.flow",
    "tokenlab.retrieval.index",
    "tokenlab.retrieval.locking",
    "tokenlab.retrieval.storage",
    "tokenlab.retrieval.metrics",
    "tokenlab.logits.code_order",
    "tokenlab.logits.heads",
    "tokenlab.logits.inputs",
    "tokenlab.logits.metrics",
    "tokenlab.decoding.chance",
    "tokenlab.decoding.constrained",
    "tokenlab.decoding.constraints",
    "tokenlab.decoding.encodings",
    "tokenlab.decoding.insertion_model",
    "tokenlab.decoding.ensemble",
    "tokenlab.decoding.puzzles",
    "tokenlab.decoding.router",
    "tokenlab.decoding.sampling",
    "tokenlab.decoding.smc",
    "tokenlab.decoding.uncertainty",
    "tokenlab.lm.chain",
    "tokenlab.lm.judging",
    "tokenlab.lm.transformer",
    "tokenlab.lm.ngram",
    "tokenlab.lm.protocol",
    "tokenlab.lm.table",
}
ARRAY_FUNCTIONS = [
    name
    for name, thing in PUBLIC
    if callable(thing)
    and discover.takes_arrays(thing)
    and not dataclasses.is_dataclass(thing)  # these hold results
    and name != "tokenlab.arrays.get_xp"  # its result is a module
]


def same(expected, got):
    """Compare a NumPy result with one from the double, whatever they are wrapped in."""
    if isinstance(expected, np.ndarray | np.generic):
        assert type(got).__module__ == "cupy", "an array came back as NumPy"
        expected, got = np.asarray(expected), to_numpy(got)
        assert expected.dtype == got.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    elif isinstance(expected, tuple | list):
        assert len(expected) == len(got)
        for a, b in zip(expected, got, strict=True):
            same(a, b)
    elif isinstance(expected, dict):
        same([*expected, *expected.values()], [*got, *got.values()])
    elif type(expected).__name__ == "TokenIndex":
        same((expected.tokens, expected.offsets), (got.tokens, got.offsets))
    elif type(expected).__module__.startswith("tokenlab."):  # whatever else an object holds
        same(sorted(vars(expected)), sorted(vars(got)))
        same(
            [vars(expected)[name] for name in sorted(vars(expected))],
            [vars(got)[name] for name in sorted(vars(got))],
        )
    else:
        assert got == pytest.approx(expected)


@pytest.mark.parametrize("name", ARRAY_FUNCTIONS)
def test_cupy_double(name, cupy):
    assert name in CASES, f"register arguments for {name} in tests/<family>/cases.py with @case"
    function = dict(PUBLIC)[name]
    for make in CASES[name]:
        args, kwargs = make(np.asarray)
        expected = function(*args, **kwargs)
        args, kwargs = make(cupy.asarray)
        got = function(*args, **kwargs)
        if name == "tokenlab.arrays.to_numpy":
            np.testing.assert_array_equal(got, expected)
        else:
            same(expected, got)


@pytest.mark.gpu
@pytest.mark.parametrize("name", sorted(CASES))
def test_real_cupy(name, real_cupy):
    function = dict(PUBLIC)[name]
    for make in CASES[name]:
        args, kwargs = make(np.asarray)
        expected = function(*args, **kwargs)
        args, kwargs = make(real_cupy.asarray)
        got = function(*args, **kwargs)
        if name != "tokenlab.arrays.to_numpy":
            same(expected, got)


@pytest.mark.parametrize("name", sorted(CASES))
def test_mixed_libraries_are_refused(name, cupy):
    """Every function of two arrays, the first from NumPy and the rest from the double."""
    function = dict(PUBLIC)[name]
    for make in CASES[name]:
        mine, kwargs = make(cupy.asarray)
        theirs, _ = make(np.asarray)
        arrays = [i for i, a in enumerate(mine) if hasattr(a, "dtype") or "Index" in str(type(a))]
        if len(arrays) < 2 or kwargs.get("k_prime") == 0:
            continue
        i = arrays[0]
        with pytest.raises(TokenlabError, match="mixed array libraries"):
            function(*mine[:i], theirs[i], *mine[i + 1 :], **kwargs)


@pytest.mark.parametrize(("name", "thing"), PUBLIC, ids=[n for n, _ in PUBLIC])
def test_public_names_are_documented(name, thing):
    if callable(thing):
        assert thing.__doc__, f"{name} has no docstring"
        assert not thing.__doc__.startswith(thing.__name__ + "("), f"{name}: docstring is missing"


@pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=[n for n, _ in FUNCTIONS])
def test_functions_of_arrays_state_shapes_and_an_example(name, function):
    doc = inspect.getdoc(function)
    if discover.takes_arrays(function):
        assert "Parameters\n---" in doc
    if name.split(".")[1] in ("numerics", "retrieval"):
        assert "Examples\n---" in doc, f"{name}: add an Examples block; it runs as a doctest"
    code = [line for line in doc.splitlines() if not line.strip().startswith((".. ", ":param"))]
    assert len(code) == len(doc.splitlines()), f"{name}: no RST in docstrings"


@pytest.mark.parametrize("module", discover.paper_modules(), ids=lambda m: m.__name__)
def test_paper_modules_have_their_sections(module):
    if module.__name__ in NOT_PAPERS:
        assert module.__doc__
        return
    doc = module.__doc__
    wanted = ("paper's symbol", "$$", "Differs from the paper\n---", "Cost\n---", "Example\n---")
    if hasattr(module, "NOTES"):  # what does not explain the code stands behind it
        wanted = ("paper's symbol", "$$", "Example\n---", *wanted[2:4])
        doc += module.NOTES
    missing = [part for part in wanted if part not in doc]
    assert not missing, f"{module.__name__}: its docstring lacks {missing}"
    order = [doc.index(part) for part in wanted]
    assert order == sorted(order), f"{module.__name__}: sections are out of order"
    assert len(doc.splitlines()[0]) > 20, "the first line is the paper's title"


@pytest.mark.parametrize("module", discover.modules(), ids=lambda m: m.__name__)
def test_no_function_bears_its_modules_name(module):
    own = module.__name__.rpartition(".")[2]
    if not discover.is_package(module):
        assert own not in getattr(module, "__all__", ())


@pytest.mark.parametrize("module", discover.modules(), ids=lambda m: m.__name__)
def test_every_name_in_all_exists(module):
    for name in getattr(module, "__all__", ()):
        assert getattr(module, name) is not None
        assert name in dir(module)


@pytest.mark.parametrize("paper", papers.PAPERS, ids=lambda p: p.key)
def test_registry_points_at_modules_that_name_the_paper(paper):
    assert paper.status in ("works", "planned")
    if paper.status == "works":
        module = {m.__name__: m for m in discover.modules()}[paper.module]
        doc = " ".join(module.__doc__.split())
        assert paper.title in doc
        assert paper.authors in doc
        assert paper.identifier in doc
        assert str(paper.year) in doc
    assert papers.find(paper.key) is paper
