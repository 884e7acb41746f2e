r"""What a chat looks like to a model: the template in its file, filled in with messages.

    rendered(template, [{"role": "user", "content": "Hello"}])    # '<|im_start|>user\nHello<|im_end|>...'

A template is written in Jinja. Understood is what templates of chats are made of: `for`, `if`,
`elif`, `else`, texts, names, items, `+`, comparisons, `and`, `or`, `not`, and `loop.first`, `.last`,
`.index0`. Anything else is an error that quotes it; nothing of a template is ever run as Python.
"""

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.options import shown

__all__ = ["chat_ids", "rendered"]

TAG = re.compile(r"\{([{%])-?(.*?)-?[}%]\}", re.DOTALL)
ENDS = ("endfor", "endif", "else", "elif")
HOLE = (
    "\ue000"  # a private letter where a message goes: its marks are text, the template's are marks
)
Names = dict[str, Any]
Message = Mapping[str, str]
COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


def rendered(template: str, messages: Sequence[Message], *, prompt: bool = True) -> str:
    """The text of a chat.

    Parameters
    ----------
    template : str
    messages : sequence of dict
        Each with `role` ("system", "user", "assistant") and `content`.
    prompt : bool
        Whether it ends where the assistant begins to speak.

    Returns
    -------
    str

    Examples
    --------
    >>> rendered("{% for m in messages %}<{{ m['content'] }}>{% endfor %}", [{"content": "Hello"}])
    '<Hello>'
    """
    parts = list(pieces(checks.text(template, "template")))
    said = [
        checks.mapping(message, "messages") for message in checks.sequence(messages, "messages")
    ]
    names: Names = {"messages": said, "add_generation_prompt": checks.flag(prompt, "prompt")}
    text, left = filled(parts, names, True)
    if left:
        raise InvalidInput(f"{public_caller()}: template has {left[0][1]!r} without a beginning.")
    return text


def chat_ids(tokenizer: Any, template: str, messages: Sequence[Message]) -> np.ndarray:
    """The ids of a chat, `(n,)`: marks of the template are marks, those of a message are text."""
    checked = [checked_message(message) for message in messages]
    holes = [{**message, "content": f"{HOLE}{i}{HOLE}"} for i, message in enumerate(checked)]
    text = rendered(template, holes)
    marks = "|".join(map(re.escape, tokenizer.special))
    ids: list[int] = []
    for piece in re.split(f"({marks})", text):
        if piece in tokenizer.special:
            ids.append(tokenizer.special[piece])
        elif piece:
            whole = re.sub(f"{HOLE}(\\d+){HOLE}", lambda m: checked[int(m[1])]["content"], piece)
            ids += np.asarray(tokenizer.encode(whole, special="text")).tolist()
    return np.array(ids, dtype=np.int64)


def checked_message(message: Any) -> Message:
    """A message with a role and a content that are texts."""
    parts = ("role", "content")
    if not isinstance(message, Mapping) or not all(isinstance(message.get(p), str) for p in parts):
        raise InvalidInput(
            f"{public_caller()}: messages has {shown(message)}; expected dicts with the texts "
            '"role" and "content".'
        )
    return message


def pieces(template: str) -> Iterator[tuple[str, str]]:
    """Texts, `{{ values }}` and `{% statements %}`, in order."""
    at = 0
    for tag in TAG.finditer(template):
        yield "text", template[at : tag.start()]
        yield ("value" if tag[1] == "{" else "statement"), tag[2].strip()
        at = tag.end()
        if (
            tag[1] == "%" and template[at : at + 1] == "\n"
        ):  # a statement takes its line's end along
            at += 1
    yield "text", template[at:]


def filled(parts: list[tuple[str, str]], names: Names, wanted: bool) -> tuple[str, list]:
    """The text up to an end that belongs to somebody before, and the parts from that end on."""
    text = ""
    while parts:
        (kind, inside), rest = parts[0], parts[1:]
        word = inside.partition(" ")[0]
        if kind == "statement" and word in ENDS:
            break
        if kind == "statement" and word == "for":
            more, parts = looped(inside, rest, names, wanted)
        elif kind == "statement" and word == "if":
            more, parts = chosen(parts, names, wanted)
        elif kind == "statement":
            raise InvalidInput(
                f"{public_caller()}: template has {inside!r}, which is not understood."
            )
        else:
            more, parts = inside if kind == "text" else "", rest
            if kind == "value" and wanted:
                found = value(inside, names)
                more = "" if found is None else str(found)  # a name that nobody gave
        text += more
    return text, parts


def looped(inside: str, body: list, names: Names, wanted: bool) -> tuple[str, list]:
    """`for name in values`, up to its end."""
    found = re.fullmatch(r"for (\w+) in (.+)", inside, re.DOTALL)
    if found is None:
        raise InvalidInput(f"{public_caller()}: template has {inside!r}; expected a name.")
    items = list(value(found[2], names)) if wanted else []
    text, left = "", filled(body, names, False)[1]
    for i, item in enumerate(items):
        loop = {"first": i == 0, "last": i == len(items) - 1, "index0": i}
        text += filled(body, {**names, found[1]: item, "loop": loop}, True)[0]
    return text, ended(left, "endfor")


def chosen(parts: list, names: Names, wanted: bool) -> tuple[str, list]:
    """`if`, `elif` and `else`, up to their end: the first whose condition holds."""
    text, done = "", not wanted
    while True:
        word, _, condition = parts[0][1].partition(" ")
        holds = not done and (word == "else" or bool(value(condition, names)))
        more, parts = filled(parts[1:], names, holds)
        text, done = text + more if holds else text, done or holds
        if not parts or parts[0][1].partition(" ")[0] not in ("elif", "else"):
            return text, ended(parts, "endif")


def ended(parts: list, word: str) -> list:
    """What stands behind the end."""
    if not parts or parts[0][1] != word:
        raise InvalidInput(f"{public_caller()}: template has no {word} where one belongs.")
    return parts[1:]


def value(text: str, names: Names) -> Any:
    """The value of an expression."""
    try:
        # A line's end inside of a text is one there, too.
        tree = ast.parse(text.strip().replace("\n", "\\n"), mode="eval").body
        return worth(tree, names)
    except (SyntaxError, KeyError, IndexError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"{public_caller()}: template has {text!r}, which is not understood "
            f"({type(error).__name__}: {error})."
        ) from None


def worth(node: ast.expr, names: Names) -> Any:
    """What a node of an expression says; only what is listed here means something."""

    def inside(other: ast.expr) -> Any:
        return worth(other, names)

    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names.get(node.id, {"true": True, "false": False}.get(node.id))
    if isinstance(node, ast.Subscript):
        return inside(node.value)[inside(node.slice)]
    if isinstance(node, ast.Attribute):
        return inside(node.value)[node.attr]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return inside(node.left) + inside(node.right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not inside(node.operand)
    if isinstance(node, ast.BoolOp):
        return (all if isinstance(node.op, ast.And) else any)(inside(v) for v in node.values)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
        return COMPARISONS[type(node.ops[0])](inside(node.left), inside(node.comparators[0]))
    raise TypeError(f"{type(node).__name__} is not one of the few forms")
