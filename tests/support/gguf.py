"""Tiny model files for the real engine, written by the tests themselves: nothing is downloaded.

``random_model`` has random weights: what it says cannot be foreseen, so a schema-valid answer, a stream, a cancelled
question are the engine's work. ``scripted_model`` has neither attention nor feed-forward and a hand-written table of
next tokens: the real engine says exactly the given pieces. ``random_projector`` is a vision encoder with random
weights: a picture becomes tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Kind = gguf.TokenType

WIDTH = 64
CONTEXT = 8192
#: A chat template in ChatML that names tools as Hermes models expect them, so that llama.cpp picks that parser.
CHATML = (
    "{%- if tools %}<|im_start|>system\nYou may call functions within <tool_call></tool_call> tags: "
    '{"name": <function-name>, "arguments": <args-json-object>}\n<tools>{{ tools | tojson }}</tools><|im_end|>\n{%- endif %}'
    "{%- for m in messages %}<|im_start|>{{ m.role }}\n{%- if m.content is string %}{{ m.content }}{%- endif %}"
    "{%- if m.tool_calls %}{%- for call in m.tool_calls %}<tool_call>\n"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}\n</tool_call>'
    "{%- endfor %}{%- endif %}<|im_end|>\n{%- endfor %}{%- if add_generation_prompt %}<|im_start|>"
    "{% if messages[-1].role == 'tool' %}assistant again\n{% else %}assistant\n{% endif %}{% endif %}"
)


class Vocabulary:
    """Tokens with their kinds: the control ones, every byte, printable ASCII, and the pieces of a script."""

    def __init__(self, script: Sequence[str] = (), again: Sequence[str] = ()) -> None:
        self.texts: list[str] = []
        self.kinds: list[int] = []
        self.scores: list[float] = []
        self._add("<unk>", Kind.UNKNOWN)
        self._add("<s>", Kind.CONTROL)
        self._add("</s>", Kind.CONTROL)
        for byte in range(256):
            self._add(f"<0x{byte:02X}>", Kind.BYTE)
        self._add("<|im_start|>", Kind.CONTROL)
        self.end = self._add("<|im_end|>", Kind.CONTROL)
        for code in range(0x20, 0x7F):
            self._add("\u2581" if code == 0x20 else chr(code), Kind.NORMAL, -1.0)
        #: The last token of a prompt: a script starts behind it. The other one ends a prompt with a tool's result.
        self.start = self._add("assistant\n", Kind.USER_DEFINED)
        self.restart = self._add("assistant again\n", Kind.USER_DEFINED)
        self.script = [self._add(piece, Kind.USER_DEFINED) for piece in script]
        self.again = [self._add(piece, Kind.USER_DEFINED) for piece in again]

    def _add(self, text: str, kind: Kind, score: float = 0.0) -> int:
        self.texts.append(text)
        self.kinds.append(int(kind))
        self.scores.append(score)
        return len(self.texts) - 1

    def __len__(self) -> int:
        return len(self.texts)


def random_model(path: Path, *, seed: int = 0, layers: int = 1, feed_forward: int = 64, ends: bool = True) -> Path:
    """A llama with random weights; 0.3 MB unless it is made larger. Without ``ends`` it goes on as long as it may."""
    rng = np.random.default_rng(seed)
    words = Vocabulary()
    embedding = rng.normal(0, 1, (len(words), WIDTH)).astype(np.float32)
    output = rng.normal(0, 0.25, (len(words), WIDTH)).astype(np.float32)
    # Dimension 0 is always the same, so it works as a bias: bytes stay unlikely, as invalid UTF-8 is nothing that a
    # trained model says and the engine's parser refuses it, and strings come to an end.
    embedding[:, 0] = 4.0
    output[:, 0] = 0.0
    output[np.array(words.kinds) == int(Kind.BYTE), 0] = -8.0
    output[words.texts.index('"'), 0] = 1.0 if ends else -8.0
    if not ends:
        output[np.array(words.kinds) == int(Kind.CONTROL), 0] = -8.0

    def weights(*shape: int) -> Array:
        return rng.normal(0, 0.5 / np.sqrt(shape[-1]), shape).astype(np.float32)

    _write(path, words, embedding, output, weights, layers=layers, feed_forward=feed_forward)
    return path


def scripted_model(path: Path, script: Sequence[str], again: Sequence[str] = ()) -> Path:
    """A llama that answers with the pieces of ``script``, and with those of ``again`` once a tool has answered.

    A token has one successor, so the pieces must differ from one another and have more than one character.
    """
    pieces = [*script, *again]
    if len(set(pieces)) != len(pieces) or any(len(piece) < 2 for piece in pieces):
        raise ValueError("the pieces of a script must differ and have more than one character")
    words = Vocabulary(script, again)
    size = -(-len(words) // 32) * 32
    output = np.zeros((len(words), size), np.float32)
    for chain in ([words.start, *words.script, words.end], [words.restart, *words.again, words.end]):
        for token, successor in pairwise(chain):
            output[successor, token] = 4.0

    def weights(*shape: int) -> Array:
        return np.zeros(shape, np.float32)

    _write(path, words, np.eye(len(words), size, dtype=np.float32), output, weights)
    return path


def aborting_model(path: Path) -> Path:
    """A file over which the engine aborts while it loads it: two of its tokens are the same."""
    words = Vocabulary(["}"])

    def weights(*shape: int) -> Array:
        return np.zeros(shape, np.float32)

    table = np.zeros((len(words), WIDTH), np.float32)
    _write(path, words, table, table, weights)
    return path


def _write(
    path: Path,
    words: Vocabulary,
    embedding: Array,
    output: Array,
    weights: Any,
    *,
    layers: int = 1,
    feed_forward: int = 64,
) -> None:
    heads, width, size = 2, 16, embedding.shape[1]
    file = gguf.GGUFWriter(path, "llama")
    file.add_name(path.stem)
    file.add_context_length(CONTEXT)
    file.add_embedding_length(size)
    file.add_block_count(layers)
    file.add_feed_forward_length(feed_forward)
    file.add_head_count(heads)
    file.add_head_count_kv(heads)
    file.add_key_length(width)
    file.add_value_length(width)
    file.add_rope_dimension_count(width)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_vocab_size(len(words))
    file.add_file_type(gguf.LlamaFileType.ALL_F32)
    file.add_tokenizer_model("llama")
    file.add_token_list(words.texts)
    file.add_token_scores(words.scores)
    file.add_token_types(words.kinds)
    file.add_bos_token_id(1)
    file.add_eos_token_id(2)
    file.add_eot_token_id(words.end)
    file.add_unk_token_id(0)
    file.add_add_bos_token(False)
    file.add_add_space_prefix(False)
    file.add_chat_template(CHATML)
    file.add_tensor("token_embd.weight", embedding)
    file.add_tensor("output_norm.weight", np.ones(size, np.float32))
    file.add_tensor("output.weight", output)
    for layer in range(layers):
        block = f"blk.{layer}."
        file.add_tensor(f"{block}attn_norm.weight", np.ones(size, np.float32))
        file.add_tensor(f"{block}ffn_norm.weight", np.ones(size, np.float32))
        for name in ("attn_q", "attn_k", "attn_v"):
            file.add_tensor(f"{block}{name}.weight", weights(heads * width, size))
        file.add_tensor(f"{block}attn_output.weight", weights(size, heads * width))
        file.add_tensor(f"{block}ffn_gate.weight", weights(feed_forward, size))
        file.add_tensor(f"{block}ffn_up.weight", weights(feed_forward, size))
        file.add_tensor(f"{block}ffn_down.weight", weights(size, feed_forward))
    _close(file)


def random_projector(path: Path, *, seed: int = 0) -> Path:
    """A vision encoder for :func:`random_model`, as llava's: a picture of 56 × 56 becomes 16 tokens."""
    rng = np.random.default_rng(seed)
    side, patch, size, feed_forward, layers = 56, 14, 32, 64, 3

    def weights(*shape: int) -> Array:
        return rng.normal(0, 0.05, shape).astype(np.float32)

    def zeros(*shape: int) -> Array:
        return np.zeros(shape, np.float32)

    file = gguf.GGUFWriter(path, "clip")
    file.add_string("general.type", "mmproj")
    file.add_name(path.stem)
    file.add_file_type(gguf.LlamaFileType.ALL_F32)
    file.add_bool("clip.has_vision_encoder", True)
    file.add_string("clip.projector_type", "mlp")
    file.add_bool("clip.use_gelu", False)
    numbers = {
        "image_size": side,
        "patch_size": patch,
        "embedding_length": size,
        "feed_forward_length": feed_forward,
        "block_count": layers,
        "attention.head_count": 2,
        "projection_dim": WIDTH,
    }
    for name, number in numbers.items():
        file.add_uint32(f"clip.vision.{name}", number)
    file.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    file.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    file.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    tensors = {
        "v.class_embd": weights(size),
        "v.patch_embd.weight": weights(size, 3, patch, patch),
        "v.position_embd.weight": weights((side // patch) ** 2 + 1, size),
        "v.pre_ln.weight": np.ones(size, np.float32),
        "v.pre_ln.bias": zeros(size),
        "mm.0.weight": weights(WIDTH, size),
        "mm.0.bias": zeros(WIDTH),
        "mm.2.weight": weights(WIDTH, WIDTH),
        "mm.2.bias": zeros(WIDTH),
    }
    for layer in range(layers):
        block = f"v.blk.{layer}."
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            tensors[f"{block}{name}.weight"] = weights(size, size)
            tensors[f"{block}{name}.bias"] = zeros(size)
        for name in ("ln1", "ln2"):
            tensors[f"{block}{name}.weight"] = np.ones(size, np.float32)
            tensors[f"{block}{name}.bias"] = zeros(size)
        tensors[f"{block}ffn_up.weight"] = weights(feed_forward, size)
        tensors[f"{block}ffn_up.bias"] = zeros(feed_forward)
        tensors[f"{block}ffn_down.weight"] = weights(size, feed_forward)
        tensors[f"{block}ffn_down.bias"] = zeros(size)
    for name, tensor in tensors.items():
        file.add_tensor(name, tensor)
    _close(file)
    return path


def _close(file: gguf.GGUFWriter) -> None:
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
