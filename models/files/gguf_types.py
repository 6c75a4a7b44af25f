"""The meanings of the numbers and names in a GGUF file, as llama.cpp has them."""

from __future__ import annotations

import re
from collections.abc import Mapping

# ggml.h, enum ggml_type: name, elements in a block, bytes in a block.
TENSOR_TYPES: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
    42: ("Q2_0", 64, 18),
}

# llama.h, enum llama_ftype: what most of the file's weights are stored as. Left out are numbers no longer used.
_FILE_TYPES = """0 F32 1 F16 2 Q4_0 3 Q4_1 7 Q8_0 8 Q5_0 9 Q5_1 10 Q2_K 11 Q3_K_S 12 Q3_K_M 13 Q3_K_L
14 Q4_K_S 15 Q4_K_M 16 Q5_K_S 17 Q5_K_M 18 Q6_K 19 IQ2_XXS 20 IQ2_XS 21 Q2_K_S 22 IQ3_XS 23 IQ3_XXS 24 IQ1_S
25 IQ4_NL 26 IQ3_S 27 IQ3_M 28 IQ2_S 29 IQ2_M 30 IQ4_XS 31 IQ1_M 32 BF16 36 TQ1_0 37 TQ2_0 38 MXFP4
39 NVFP4 40 Q1_0 41 Q2_0"""
FILE_TYPES: Mapping[int, str] = {int(n): name for n, name in re.findall(r"(\d+) (\S+)", _FILE_TYPES)}

EMBEDDING = "an embedding model: it turns text into vectors and cannot write or weigh it"
DIFFUSION = "a diffusion model: it does not predict a text from left to right"
DRAFT = "a draft part that only helps another model"
PROJECTOR = "a vision or audio projector that belongs beside a model"
ADAPTER = "a LoRA adapter without its model; merge it into one first (llama-export-lora)"
SPEECH = "a speech model"
# Architectures of llama.cpp that cannot say how likely a text is, word after word, and what they are instead.
NOT_A_LANGUAGE_MODEL: Mapping[str, str] = {
    "bert": EMBEDDING,
    "modern-bert": EMBEDDING,
    "nomic-bert": EMBEDDING,
    "nomic-bert-moe": EMBEDDING,
    "neo-bert": EMBEDDING,
    "jina-bert-v2": EMBEDDING,
    "jina-bert-v3": EMBEDDING,
    "eurobert": EMBEDDING,
    "t5encoder": EMBEDDING,
    "gemma-embedding": EMBEDDING,
    "gemma-embedding2": EMBEDDING,
    "llama-embed": EMBEDDING,
    "dream": DIFFUSION,
    "llada": DIFFUSION,
    "llada-moe": DIFFUSION,
    "rnd1": DIFFUSION,
    "eagle3": DRAFT,
    "dflash": DRAFT,
    "gemma4-assistant": DRAFT,
    "wavtokenizer-dec": SPEECH,
    "qwen3tts": SPEECH,
    "pockettts": SPEECH,
    "clip": PROJECTOR,
    "t5": "an encoder-decoder model; burnish needs a decoder-only one",
    "controlvector": "a control vector without a model",
}
# general.type, for files that are a part of something.
NOT_A_MODEL: Mapping[str, str] = {
    "mmproj": PROJECTOR,
    "adapter": ADAPTER,
    "lora": ADAPTER,
    "imatrix": "an importance matrix for quantising, not a model",
    "vocab": "a vocabulary without a model",
    "dataset": "a dataset, not a model",
}
