"""Tokenizers in the form of a tokenizer.json: what it says, as the arguments of `BPE`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenlab.errors import DTypeError, InvalidInput, StorageError, public_caller
from tokenlab.tokenizers.files import by_id
from tokenlab.tokenizers.normal_forms import FORMS
from tokenlab.tokenizers.stages import parts_of, stages
from tokenlab.tokenizers.text import byte_order

__all__: list[str] = []

Pair = tuple[int, int]
# The cuts that most tokenizers have, by the names that `splitter` knows.
KNOWN = {("ByteLevel",): "gpt2", ("Digits", "ByteLevel"): "smollm2", (): "none"}


def arguments_of(source: Any) -> tuple[list[bytes], list[Pair], dict[str, Any]]:
    """Tokens, merges and the other arguments of `BPE`."""
    # a dict, or a file that holds one
    config = source if isinstance(source, Mapping) else loaded(source)
    model = config.get("model")
    if not isinstance(model, Mapping) or not isinstance(model.get("vocab"), Mapping):
        raise InvalidInput(f"{public_caller()}: source has no model with a vocab; is it cut off?")
    refuse_what_is_missing_here(model)
    cuts = parts_of(config.get("pre_tokenizer"))
    # Without ByteLevel the letters of the vocabulary are characters, and these are merged.
    spelled = any(part["type"] == "ByteLevel" for part in cuts)
    special, added = named(config.get("added_tokens") or ())
    names = special | added
    as_spelled = bytes_of if spelled else str.encode
    ids = {word: i for word, i in model["vocab"].items() if word not in names}
    table = {as_spelled(word): i for word, i in ids.items()}
    tokens = by_id(table, names)  # raises for holes
    merges = merges_of(model.get("merges") or (), ids | names)
    rest = {
        "split": split_of(cuts, config.get("pre_tokenizer")),
        "special": special,
        "added": added,
        # chunks that are tokens are not merged up
        "whole_chunks": bool(model.get("ignore_merges", False)),
        "normalize": forms_of(config.get("normalizer")),
        "letters": not spelled,
    }
    return tokens, merges, rest


def loaded(path: Any) -> Mapping[str, Any]:
    """The content of a file."""
    if not isinstance(path, str | Path):
        raise DTypeError(
            f"{public_caller()}: source is a {type(path).__name__}; expected the path of a "
            "tokenizer.json, or what it holds as a dict."
        )
    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StorageError(
            f"{public_caller()}: source {path} is no tokenizer.json ({error})."
        ) from None
    if not isinstance(config, Mapping):
        raise StorageError(f"{public_caller()}: source {path} holds no object of JSON.")
    return config


def refuse_what_is_missing_here(model: Mapping[str, Any]) -> None:
    """Options that change what comes out, and that this library does not follow."""
    if model.get("type", "BPE") != "BPE":  # older files do not name the type
        raise InvalidInput(f"{public_caller()}: source has a {model['type']} model; expected BPE.")
    for name in ("byte_fallback", "continuing_subword_prefix", "end_of_word_suffix", "dropout"):
        if model.get(name):
            raise InvalidInput(
                f"{public_caller()}: source has model.{name} = {model[name]!r}, which is not "
                "supported; expected a BPE without it."
            )


def bytes_of(word: str) -> bytes:
    """The bytes that GPT-2's letters spell."""
    try:
        return bytes(BYTE_OF[letter] for letter in word)
    except KeyError as error:
        raise InvalidInput(
            f"{public_caller()}: source has the token {word!r}, whose letter {error.args[0]!r} "
            "stands for no byte."
        ) from None


def letters_of_bytes() -> dict[str, int]:
    """GPT-2's letter of each byte: bytes that print are their own, others follow from U+0100."""
    order = byte_order("gpt2")  # 188 that print, then 68 that do not
    return {chr(byte if i < 188 else 256 + i - 188): byte for i, byte in enumerate(order)}


BYTE_OF = letters_of_bytes()


def named(entries: Any) -> tuple[dict[str, int], dict[str, int]]:
    """The special tokens, and the others that were added."""
    special: dict[str, int] = {}
    added: dict[str, int] = {}
    for entry in entries:
        for flag in ("single_word", "lstrip", "rstrip"):
            if entry.get(flag):
                raise InvalidInput(
                    f"{public_caller()}: source has the added token {entry['content']!r} with "
                    f"{flag}, which is not supported."
                )
        # special ones are matched when asked for, others always
        kind = special if entry.get("special", False) else added
        kind[entry["content"]] = entry["id"]
    return special, added


def merges_of(entries: Any, ids: Mapping[str, int]) -> list[Pair]:
    """The merges as ids; a file has them as `"a b"` or as pairs."""
    merges = []
    for entry in entries:
        pair = entry.split(" ") if isinstance(entry, str) else list(entry)  # both forms are in use
        if len(pair) != 2 or any(part not in ids for part in (*pair, "".join(pair))):
            raise InvalidInput(
                f"{public_caller()}: source has the merge {entry!r}, whose parts or whole are no "
                "tokens of the vocabulary."
            )
        merges.append((ids[pair[0]], ids[pair[1]]))
    return merges


def forms_of(spec: Any) -> tuple[str, ...]:
    """The normal forms that a text gets, in their order."""
    if spec is None:
        return ()
    kind = spec.get("type") if isinstance(spec, Mapping) else spec  # NFC, or a sequence of forms
    if kind == "Sequence":  # forms act one after the other
        return tuple(form for part in spec.get("normalizers", ()) for form in forms_of(part))
    if kind not in FORMS:
        raise InvalidInput(
            f"{public_caller()}: normalizer {kind!r} is unknown here; expected {', '.join(FORMS)}."
        )
    return (kind,)


def split_of(cuts: list[Mapping[str, Any]], spec: Any) -> Any:
    """The name of the cuts where they have one, else the `pre_tokenizer` as it is."""
    kinds = tuple(part["type"] for part in cuts)
    last = cuts[-1] if cuts else {}  # ByteLevel stands last where there is one
    # true where the file does not say
    plain = not last.get("add_prefix_space", last.get("type") == "ByteLevel")
    regular = last.get("use_regex", True)
    # digits one by one, as SmolLM2 has them
    single = all(part.get("individual_digits") for part in cuts if part["type"] == "Digits")
    if kinds in KNOWN and single and plain and regular:
        return KNOWN[kinds]
    stages(spec)  # raises for what is unknown
    return spec
