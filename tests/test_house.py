"""How the text reads: its figures, its words, and who says what a function takes; all found."""

import ast
import dataclasses
import inspect
import re

import discover
import house
import pending

MAX_WORDS, MIN_COMMENTS, MAX_STATEMENTS, MAX_LINES = 200, 0.12, 30, 350
ROWS = {path: house.figures(text) for path, text in house.files()}
OF_FAMILIES = [path for path, _ in house.files(families_only=True)]
PUBLIC = discover.public()


def beyond(paths, waiting, breaks):
    """Files that break a rule and are not on its list; those on the list that keep it now."""
    broken = {path for path in paths if breaks(ROWS[path])}
    return sorted(broken - waiting), sorted(waiting - broken)


def test_figures_of_the_house(capsys):
    with capsys.disabled():
        print("\n" + "\n".join(house.table()))


def test_at_most_200_words_before_the_code():
    assert beyond(OF_FAMILIES, pending.PENDING_WORDS, lambda row: row.words > MAX_WORDS) == ([], [])


def test_an_eighth_of_the_lines_are_comments():
    few = lambda row: row.comments < MIN_COMMENTS  # noqa: E731
    assert beyond(OF_FAMILIES, pending.PENDING_COMMENTS, few) == ([], [])


def test_functions_of_at_most_30_statements():
    many = lambda row: row.statements > MAX_STATEMENTS  # noqa: E731
    assert beyond(ROWS, pending.PENDING_STATEMENTS, many) == ([], [])


def test_no_line_packs_what_is_unrelated():
    assert beyond(ROWS, pending.PENDING_PACKED, lambda row: row.packed) == ([], [])


def test_files_of_at_most_350_lines():
    assert beyond(ROWS, pending.PENDING_LINES, lambda row: row.lines > MAX_LINES) == ([], [])


def test_the_figures_are_counted_as_they_say():
    text = '''"""Title of 4 words $$x = y$$ | a table |."""

def f(x):
    """A docstring."""
    if x:  # why
        return 1
    a, b = g(x), h(x)
    c, d = g(x), h(a)
    return 2

NOTES = """
not counted
"""
'''
    row = house.figures(text)
    assert row.words == 5  # Title, of, words, a, table
    assert row.comments == 1 / 6
    assert (row.longest, row.statements) == ("f", 6)
    assert [line.partition(":")[0] for line in row.packed] == ["8"]


# one vocabulary ---------------------------------------------------------------------------------

# A pattern that a whole name must not fit, and the word that all families use.
NOT_OURS = {
    r"top_?k|k_best|n_best|num_best|best_k": "topk, or k",
    r"num_.*|n_of_.*": "n_ and what is counted",
    r"tau|softness": "temperature, or threshold",
    r"cutoff|bound|thresh": "threshold",
    r"seed|random_state|generator": "rng",
    r"n_iter|max_iter|n_iters|iterations|num_iters|max_iters": "iters",
    r"n_epochs|passes": "epochs",
    r"n_steps|num_steps|updates": "steps",
    r"grad_.*|d[qkvwx]|dL_.*": "x_grad",
    r"losses|loss_history|curve": "history",
    r"vocab_size|n_vocab|vocabulary|n_words": "vocab",
    r"token_ids|input_ids|indices": "ids",
    r"visual.*|vision.*|img|picture|image_tokens": "image",
    r"question|instruction_tokens|text_tokens": "text",
    r"mode|version|flavou?r|reading": "variant, kind, how or method",
    r"normali[sz]ed?_rows|normalise|normalized|unit_norm": "normalize",
    r"lam|lambda_|l2|damping|jitter": "ridge, or weight",
    r"frac|fraction|proportion|portion|percent": "share",
    r"candidates|n_cand|pool_size": "n_candidates",
    r"lr|learning_rate|step_size|eta": "rate",
    r"multiplicity|token_size|sizes": "size, counts or weights",
}

# A name that an issue or the specification of a paper writes out goes before the table.
WRITTEN_OUT = {
    ("retrieval.warp.warp_select", "sizes"): "the issue: tokens of each cluster",
    ("attention.tap_adl.diversification_loss", "lam"): "the specification of the paper",
    ("decoding.sampling.filtered", "top_k"): "the issue of the decoding family",
    ("decoding.sampling.generate", "top_k"): "the issue of the decoding family",
    ("tokenizers.bpe.BPE.extend", "vocab_size"): "the table: a size wished for",
    ("tokenizers.bpe.BPE.train", "vocab_size"): "the table: a size wished for",
    ("tokenizers.bpe.BPE.truncate", "vocab_size"): "the table: a size wished for",
    ("tokenizers.unigram.UnigramLM.fit", "vocab_size"): "the table: a size wished for",
    ("tokenizers.supertokens.learn", "vocab_size"): "the table: a size wished for",
    ("tokenizers.zett.Hypernetwork.fit", "vocab_size"): "the table: a size wished for",
    ("tokenizers.sampled.sample_tokenizer", "vocab_size"): "the table: a size wished for",
    ("tokenizers.kl3m.train_recipe", "vocab_size"): "the table: a size wished for",
    ("tokenizers.kl3m.padding_tokens", "vocabulary"): "the issue of the tokenizers family",
    ("objectives.entities.block_causal_mask", "sizes"): "the issue of tokens of pictures",
    ("pruning.token_transforming.reduce", "mode"): "the specification of the paper",
    ("pruning.token_transforming.soft_assign", "mode"): "the specification of the paper",
    ("quantization.tokenbridge.channel_order", "cutoff"): "the issue of tokens of pictures",
    ("quantization.tokenbridge.low_frequency_share", "cutoff"): "the issue of tokens of pictures",
}


def names():
    """`(public name, argument or field)` of all functions, methods and results."""
    for name, thing in PUBLIC:
        if inspect.isclass(thing):
            yield from ((name, field) for field in getattr(thing, "_fields", ()))
            if dataclasses.is_dataclass(thing):
                yield from ((name, field.name) for field in dataclasses.fields(thing))
            for own in vars(thing):
                if not own.startswith("_") and callable(getattr(thing, own)):
                    yield from arguments(f"{name}.{own}", getattr(thing, own))
        if callable(thing):
            yield from arguments(name, thing)


def arguments(name, function):
    try:
        return [(name, own) for own in inspect.signature(function).parameters]
    except (TypeError, ValueError):
        return []


def test_one_word_for_one_thing():
    found = {
        (name, own): word
        for name, own in names()
        for pattern, word in NOT_OURS.items()
        if re.fullmatch(pattern, own) and name.split(".")[1] in house.FAMILIES
    }
    wrong = [
        f"{name}: {own} is called {word} here"
        for (name, own), word in found.items()
        if (name.removeprefix("tokenlab."), own) not in WRITTEN_OUT
    ]
    assert wrong == []
    assert len(list(names())) > 500


def test_no_public_argument_is_a_gradient_by_another_name():
    """`d_…` is a width: a name of that form has integers or nothing to do with gradients."""
    widths = [own for _, own in names() if own.startswith("d_")]
    assert set(widths) <= {"d_v", "d_model", "d_logits", "d_z", "d_proj"}


# who says what a function takes -----------------------------------------------------------------


def bears_takes(function):
    return hasattr(function, "takes")


def test_functions_of_arrays_say_what_they_take():
    bare = {
        name.removeprefix("tokenlab.")
        for name, thing in PUBLIC
        if name.split(".")[1] in house.FAMILIES
        and (inspect.isfunction(thing) or hasattr(thing, "reference"))
        and discover.takes_arrays(thing)
        and not bears_takes(thing)
    }
    assert sorted(bare ^ pending.CHECKED_BY_HAND.keys()) == []


def test_nobody_compares_two_formatted_texts_to_decide():
    """`f"{a}" != f"{b}"` differs where a space does; and so do names that hold such texts."""
    for path, text in house.files():
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, ast.FunctionDef):
                formatted = {
                    ast.unparse(node.targets[0])
                    for node in ast.walk(function)
                    if isinstance(node, ast.Assign) and isinstance(node.value, ast.JoinedStr)
                }
                for node in ast.walk(function):
                    if isinstance(node, ast.Compare) and len(node.comparators) == 1:
                        sides = (node.left, node.comparators[0])
                        both = all(
                            isinstance(side, ast.JoinedStr) or ast.unparse(side) in formatted
                            for side in sides
                        )
                        assert not both, f"{path}: {ast.unparse(node)}"
