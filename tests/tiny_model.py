"""A real model server for tests: llama.cpp on loopback, with a small model that is made on the spot.

The model is of the llama architecture and random, with one tilt: tokens that close a text, a list, an object or the
reply are likely, so that its nonsense ends. Its vocabulary: single characters, bytes, and the commonest words of our
prompts.
"""

import re
from collections import Counter
from pathlib import Path

import gguf
import numpy as np
import xllamacpp

PROMPTS = Path(__file__).resolve().parent.parent / "prompts"
WIDTH, LAYERS, HEADS, HIDDEN = 64, 2, 4, 128
WORDS = 700
CONTEXT = 65_536
CLOSING = frozenset(('"', "]", "}", "</s>"))
TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: "


class TinyModelServer:
    """llama.cpp's own HTTP server, in threads of this process, until it is forgotten."""

    def __init__(self, folder: Path, *, slots: int = 1) -> None:
        file = folder / "tiny.gguf"
        write_model(file)
        params = xllamacpp.CommonParams()
        params.model.path = str(file)
        params.model_alias = ["tiny"]
        params.n_ctx = CONTEXT
        params.n_parallel = slots
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        params.n_gpu_layers = 0
        params.warmup = False
        params.verbosity = 0
        self._server = xllamacpp.Server(params)

    @property
    def base_url(self) -> str:
        return f"{self._server.listening_address}/v1"


def write_model(file: Path) -> None:
    """Write the model, always the same, as one GGUF file of less than a megabyte."""
    rng = np.random.default_rng(0)
    pieces, scores, kinds = vocabulary()
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(pieces))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(pieces)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.1, shape).astype(np.float32)

    embedding, output = draw(len(pieces), WIDTH), draw(len(pieces), WIDTH)
    embedding[:, 0] = 1  # every token carries it, so the first column of the output is a bias
    tilts = {gguf.TokenType.NORMAL: 0.0, gguf.TokenType.BYTE: -1.0}
    output[:, 0] = [0.7 if p in CLOSING else tilts.get(k, 0.0) for p, k in zip(pieces, kinds, strict=True)]
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", output)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{block}.{norm}.weight", np.ones(WIDTH, np.float32))
        for square in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"{block}.{square}.weight", draw(WIDTH, WIDTH))
        for wide in ("ffn_gate", "ffn_up"):
            writer.add_tensor(f"{block}.{wide}.weight", draw(HIDDEN, WIDTH))
        writer.add_tensor(f"{block}.ffn_down.weight", draw(WIDTH, HIDDEN))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def vocabulary() -> tuple[list[str], list[float], list[int]]:
    """Return the pieces of the SentencePiece vocabulary, their scores and their kinds."""
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(PROMPTS.rglob("*.md")))
    counts = Counter(re.findall(r" ?[A-Za-z]{2,12}", text))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))[:WORDS]
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256
    whole = [piece.replace(" ", "▁") for piece in [*map(chr, range(32, 127)), *ranked]]
    scores = [0.0] * len(pieces) + [float(len(piece)) for piece in whole]
    return [*pieces, *whole], scores, [*kinds, *[gguf.TokenType.NORMAL] * len(whole)]
