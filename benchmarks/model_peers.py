"""The models of `benchmarks/models.py` in torch and in onnxruntime, with the same weights."""

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tokenlab import models
from tokenlab.models.safetensors_file import read_safetensors
from tokenlab.models.vit import DEVIATION, MEAN

Run = Callable[..., Any]


def session_of(ort: Any, graph: Any) -> Any:
    """A session with as many threads as the environment says, which sleep while they wait."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", 0))
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def bert_of_torch(torch: Any, transformers: Any) -> Run:
    """MiniLM in transformers; `run(ids, mask)` with both `(texts, n)`."""
    config = transformers.BertConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536,
        vocab_size=30522,
    )  # fmt: skip
    net = transformers.BertModel(config, add_pooling_layer=False).eval()
    tensors = read_safetensors(models.find("minilm").paths["model.safetensors"])
    state = {name: torch.tensor(np.array(x)) for name, x in tensors.items()}
    net.load_state_dict(state, strict=False)

    def run(ids: Any, mask: Any = None) -> Any:
        mask = None if mask is None else torch.tensor(mask)
        with torch.no_grad():
            return net(torch.tensor(ids), attention_mask=mask).last_hidden_state.numpy()

    return run


def bert_of_ort(ort: Any, onnx: Any, params: Any) -> Run:
    """MiniLM as a graph of the operators that onnxruntime has one kernel for; `run(ids)`."""
    graph = Graph(onnx)
    embed = params["embed"]
    x = graph.node("Gather", graph.constant(embed["words"]), "ids")
    places = graph.constant(embed["places"] + embed["kind"])
    x = graph.node("Add", x, graph.node("Gather", places, "places"))
    x = graph.norm(x, embed["norm"])
    for p in params["layers"]:
        y = graph.attention(x, p)
        x = graph.norm(graph.node("Add", x, y), p["norm1"])
        h = graph.node("Gelu", graph.linear(x, p["up"]))
        x = graph.norm(graph.node("Add", x, graph.linear(h, p["down"])), p["norm2"])
    session = session_of(ort, graph.model(x))

    def run(ids: Any) -> Any:
        places = np.arange(ids.shape[1], dtype=np.int64)[None]
        return session.run([x], {"ids": np.asarray(ids, np.int64), "places": places})[0]

    return run


class Graph:
    """Nodes and constants of an ONNX graph, with names given as they come."""

    def __init__(self, onnx: Any) -> None:
        self.onnx, self.nodes, self.constants = onnx, [], []

    def constant(self, x: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(x), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        node = self.onnx.helper.make_node(kind, list(inputs), [name], **attributes)
        self.nodes.append(node)
        return name

    def linear(self, x: str, p: Any) -> str:
        weight = self.constant(p["weight"].reshape(len(p["weight"]), -1))
        y = self.node("MatMul", x, weight)
        return self.node("Add", y, self.constant(p["bias"].reshape(-1)))

    def norm(self, x: str, p: Any) -> str:
        gain, bias = self.constant(p["gain"]), self.constant(p["bias"])
        return self.node("LayerNormalization", x, gain, bias, axis=-1, epsilon=1e-12)

    def attention(self, x: str, p: Any) -> str:
        _, h, width = p["q"]["weight"].shape
        split = self.constant(np.array([0, 0, h, width]))
        parts = []
        for name, order in (("q", (0, 2, 1, 3)), ("k", (0, 2, 3, 1)), ("v", (0, 2, 1, 3))):
            y = self.node("Reshape", self.linear(x, p[name]), split)
            parts.append(self.node("Transpose", y, perm=order))
        q, k, v = parts
        scale = self.constant(np.float32(width**-0.5))
        s = self.node("Softmax", self.node("Mul", self.node("MatMul", q, k), scale), axis=-1)
        y = self.node("Transpose", self.node("MatMul", s, v), perm=(0, 2, 1, 3))
        return self.linear(self.node("Reshape", y, self.constant(np.array([0, 0, -1]))), p["out"])

    def model(self, output: str) -> Any:
        helper, kinds = self.onnx.helper, self.onnx.TensorProto
        inputs = [
            helper.make_tensor_value_info(name, kinds.INT64, ["texts" if name == "ids" else 1, "n"])
            for name in ("ids", "places")
        ]
        outputs = [helper.make_tensor_value_info(output, kinds.FLOAT, ["texts", "n", 384])]
        graph = helper.make_graph(self.nodes, "bert", inputs, outputs, self.constants)
        opset = [helper.make_opsetid("", 20)]
        return helper.make_model(graph, opset_imports=opset, ir_version=10)


def pixels_of(photo: Any) -> Any:
    """What both peers of the ViT read: (1, 3, 224, 224)."""
    x = (photo.astype(np.float32) / 255 - np.float32(MEAN)) / np.float32(DEVIATION)
    return np.ascontiguousarray(x.transpose(2, 0, 1)[None], np.float32)


def vit_of_ort(ort: Any, onnx: Any, photo: Any) -> Run:
    """The package's own graph, cut behind the backbone."""
    graph = onnx.load(str(models.find("dinov2-small").paths["vit_s_focus.onnx"]))
    del graph.graph.output[:]
    last = "/backbone/layernorm/Add_1_output_0"
    graph.graph.output.append(onnx.helper.make_tensor_value_info(last, 1, None))
    session = session_of(ort, graph)
    feed = {session.get_inputs()[0].name: pixels_of(photo)}
    return lambda: session.run([last], feed)[0][0]


def vit_of_torch(torch: Any, transformers: Any, params: Any, photo: Any) -> Run:
    """A DINOv2 of transformers with our parameters, whose LayerScale is in the matrices."""
    config = transformers.Dinov2Config(
        hidden_size=384, num_hidden_layers=12, num_attention_heads=6, patch_size=14, image_size=224,
        layerscale_value=1.0,
    )  # fmt: skip
    net = transformers.Dinov2Model(config).eval()
    embed, state = params["embed"], {}
    state["embeddings.cls_token"] = embed["cls"][None]
    state["embeddings.position_embeddings"] = embed["places"][None]
    state["embeddings.patch_embeddings.projection.weight"] = embed["patch"].T.reshape(
        384, 3, 14, 14
    )
    state["embeddings.patch_embeddings.projection.bias"] = embed["bias"]
    state["layernorm.weight"] = params["norm"]["gain"]
    state["layernorm.bias"] = params["norm"]["bias"]
    names = {"norm1": "norm1", "norm2": "norm2", "up": "mlp.fc1", "down": "mlp.fc2"}
    names |= {mine: f"attention.{mine[0]}_proj" for mine in ("q", "k", "v", "out")}
    for i, p in enumerate(params["layers"]):
        for mine, theirs in names.items():
            name = f"encoder.layer.{i}.{theirs}"
            state[f"{name}.bias"] = p[mine]["bias"].reshape(-1)
            if "gain" in p[mine]:
                state[f"{name}.weight"] = p[mine]["gain"]
            else:
                weight = p[mine]["weight"]
                state[f"{name}.weight"] = weight.reshape(len(weight), -1).T
    tensors = {name: torch.tensor(np.array(x)) for name, x in state.items()}
    wrong = net.load_state_dict(tensors, strict=False).unexpected_keys
    assert not wrong, wrong
    pixels = torch.tensor(pixels_of(photo))

    def run() -> Any:
        with torch.no_grad():
            return net(pixels).last_hidden_state[0].numpy()

    return run


def llama_of_torch(torch: Any, transformers: Any) -> Any:
    """SmolLM2 in transformers, read from the same file."""
    path = models.find("smollm2").paths["SmolLM2-135M-Instruct.Q4_1.gguf"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return transformers.AutoModelForCausalLM.from_pretrained(
            str(path.parent), gguf_file=path.name, dtype=torch.float32
        ).eval()
