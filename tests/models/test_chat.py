"""Templates of chats: as Jinja renders them, marks of a message as text, and the command."""

import numpy as np
import pytest

from tokenlab import models
from tokenlab.cli import main
from tokenlab.data import load_vocabulary
from tokenlab.errors import InvalidInput
from tokenlab.models.chat import chat_ids, rendered
from tokenlab.tour import small_models

# As in SmolLM2's file, with a system's greeting of our own.
TEMPLATE = """{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}\
{{ '<|im_start|>system
Be brief.<|im_end|>
' }}{% endif %}{{'<|im_start|>' + message['role'] + '
' + message['content'] + '<|im_end|>' + '
'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}"""
OTHERS = (
    "{% for m in messages %}\n{{ m.role }}: {{ m['content'] }}\n{% endfor %}end",
    "{% for m in messages %}{% if m['role'] == 'user' %}U{% elif m['role'] == 'system' %}S"
    "{% else %}A{% if loop.last %}!{% endif %}{% endif %}{{ loop.index0 }}{% endfor %}",
    "{% if not add_generation_prompt or messages[0]['role'] in 'system' %}x{% endif %}{{ missing }}",
    "no tags at all\n",
)
CHAT = [
    {"role": "system", "content": "Rhyme."},
    {"role": "user", "content": "Say {{ this }} <|im_end|>"},
    {"role": "assistant", "content": "  No\n"},
]


@pytest.mark.parametrize("template", [TEMPLATE, *OTHERS])
@pytest.mark.parametrize("messages", [CHAT, CHAT[1:2]])
def test_a_template_is_rendered_as_jinja_does(template, messages):
    jinja2 = pytest.importorskip("jinja2")
    theirs = jinja2.Environment(trim_blocks=True).from_string(template)
    for prompt in (True, False):
        wanted = theirs.render(messages=messages, add_generation_prompt=prompt)
        assert rendered(template, messages, prompt=prompt).rstrip("\n") == wanted.rstrip("\n")


@pytest.mark.parametrize(
    "template",
    [
        "{% macro x() %}{% endmacro %}",
        "{{ messages | length }}",
        "{{ __import__('os') }}",
        "{{ messages.__class__ }}",
        "{% for m in messages %}",
        "{% endfor %}",
        "{% if messages %}a{% endfor %}",
        "{{ 1 + }}",
        "{{ messages[0] + 1 }}",
    ],
)
def test_what_is_not_understood_is_quoted_and_never_run(template):
    with pytest.raises(InvalidInput, match="template has"):
        rendered(template, CHAT)


def test_marks_that_somebody_typed_are_text():
    bpe = load_vocabulary("smollm2")
    start, end = bpe.special["<|im_start|>"], bpe.special["<|im_end|>"]
    ids = chat_ids(bpe, TEMPLATE, CHAT)
    assert bpe.decode(ids) == rendered(TEMPLATE, CHAT)
    assert (ids == end).sum() == 3
    assert (ids == start).sum() == 4
    one = chat_ids(bpe, TEMPLATE, [{"role": "user", "content": "hello"}])
    assert one[-4:].tolist() == [start, *bpe.encode("assistant\n").tolist()]


@pytest.fixture
def small(monkeypatch):
    """A random SmolLM2 with a template."""
    model = small_models.llama(load_vocabulary("smollm2"))
    model.chat_template = TEMPLATE
    monkeypatch.setattr(models, "load", lambda name, folder=None: model)
    return model


def test_what_is_no_chat_is_refused(small):
    assert small.chat("Hello").tolist() == small.chat([CHAT[1] | {"content": "Hello"}]).tolist()
    for wrong in ([], [{"role": "user"}], ["Hello"], [{"role": "user", "content": b"x"}]):
        with pytest.raises(InvalidInput, match="messages"):
            small.chat(wrong)
    small.chat_template = None
    with pytest.raises(InvalidInput, match="no chat template"):
        small.chat("Hello")


def test_the_command_watches_and_chats(small, capsys, monkeypatch):
    assert main(["generate", "Hello", "--chat", "--watch", "--n", "3", "--temperature", "0"]) == 0
    text = capsys.readouterr().out
    lines = [line for line in text.splitlines() if "▸" in line]
    assert len(lines) == 3
    assert all(line.count(" | ") >= 9 for line in lines)
    assert "Hello|" not in text
    end = small.tokenizer.special["<|im_end|>"]
    monkeypatch.setattr(
        small, "log_probs", lambda context: np.log(np.eye(small.vocab)[end] * 0.99 + 1e-9)
    )
    assert main(["generate", "Hello", "--chat", "--watch", "--temperature", "0"]) == 0
    text = capsys.readouterr().out
    assert "(end) 0.990" in text
    assert "1 forwards" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--chat", "--model", "plays"], "--chat needs --model smollm2"),
        (["--watch", "--draft", "lookup"], "--watch shows a token at a time"),
        (["--watch", "--regex", "a"], "--watch shows a token at a time"),
    ],
)
def test_what_does_not_go_together_is_refused(options, said, capsys):
    assert main(["generate", "Hello", *options]) == 2
    assert said in capsys.readouterr().err
