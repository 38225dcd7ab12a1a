"""MiniLM as sentence-transformers runs it, exported with torch: mean of the tokens' embeddings, of length 1."""
import json
import os
import warnings

import numpy as np


def export(folder, path):
    import torch
    from transformers import BertConfig, BertModel

    class Sentence(torch.nn.Module):
        def __init__(self, bert):
            super().__init__()
            self.bert = bert

        def forward(self, input_ids, attention_mask, token_type_ids):
            tokens = self.bert(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)[0]
            weights = attention_mask.unsqueeze(-1).to(tokens.dtype)
            mean = (tokens * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, dim=1)

    bert = BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="eager")
    names = ["input_ids", "attention_mask", "token_type_ids"]
    example = tuple(torch.ones(1, 12, dtype=torch.int64) for _ in names)
    axes = {name: {0: "batch", 1: "sequence"} for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Sentence(bert).eval(), example, path, opset_version=17, input_names=names, dynamo=False,
            output_names=["sentence_embedding"], dynamic_axes={**axes, "sentence_embedding": {0: "batch"}},
        )


def feeds(folder, texts):
    """One sentence each, as long as it is."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tokenizer.no_padding()
    with open(os.path.join(folder, "sentence_bert_config.json")) as file:
        tokenizer.enable_truncation(json.load(file)["max_seq_length"])
    row = lambda values: np.array([values], np.int64)
    encoded = [tokenizer.encode(text) for text in texts]
    return [
        {"input_ids": row(e.ids), "attention_mask": row(e.attention_mask), "token_type_ids": row(e.type_ids)} for e in encoded
    ]
