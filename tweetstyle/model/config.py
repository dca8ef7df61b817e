"""The shape of a Llama, from config.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _


@dataclass(frozen=True)
class Shape:
    """Features, counted in elements. query and key: features of all heads together; positions: the longest sequence."""

    hidden: int
    layers: int
    heads: int
    query: int
    key: int
    intermediate: int
    vocabulary: int
    positions: int
    tied: bool

    @property
    def head(self) -> int:
        """Features of one attention head."""
        return self.query // self.heads

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """(out, in) features of the linears of one layer, by PEFT's target module name (transformers, modeling_llama.py)."""
        attention = {
            "q_proj": (self.query, self.hidden),
            "k_proj": (self.key, self.hidden),
            "v_proj": (self.key, self.hidden),
            "o_proj": (self.hidden, self.query),
        }
        wide = (self.intermediate, self.hidden)
        return attention | {"gate_proj": wide, "up_proj": wide, "down_proj": (self.hidden, self.intermediate)}

    @property
    def linear_parameters(self) -> int:
        """Weights of the linears of all layers: what is put into 4 bits."""
        return self.layers * sum(rows * columns for rows, columns in self.linears.values())

    @property
    def embedding_parameters(self) -> int:
        """Weights of the input embeddings."""
        return self.vocabulary * self.hidden

    @property
    def head_parameters(self) -> int:
        """Weights of the output head; 0 where it is the input embeddings (tie_word_embeddings)."""
        return 0 if self.tied else self.vocabulary * self.hidden

    @property
    def norm_parameters(self) -> int:
        """Two RMSNorms a layer and a last one."""
        return (2 * self.layers + 1) * self.hidden

    @property
    def parameters(self) -> int:
        return self.linear_parameters + self.embedding_parameters + self.head_parameters + self.norm_parameters

    @property
    def largest_linear(self) -> int:
        """Weights of the layer's largest linear: what a dequantisation needs room for."""
        return max(rows * columns for rows, columns in self.linears.values())


def read_shape(config: Mapping[str, Any], where: str = "config.json") -> Shape:
    """The shape in a config.json. Raises TweetstyleError for a missing or invalid number."""
    keys = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size", "max_position_embeddings")
    for key in keys:
        if not isinstance(config.get(key), int) or isinstance(config[key], bool) or config[key] < 1:
            hint = _("this is not the config.json of a Llama model: use the one beside the model's weights on the hub")
            raise TweetstyleError(_("{key} is missing or not a positive number", key=key), where=where, hint=hint)
    heads = config["num_attention_heads"]
    head = config.get("head_dim") or config["hidden_size"] // heads
    return Shape(
        hidden=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=heads,
        query=heads * head,
        key=(config.get("num_key_value_heads") or heads) * head,
        intermediate=config["intermediate_size"],
        vocabulary=config["vocab_size"],
        positions=config["max_position_embeddings"],
        tied=bool(config.get("tie_word_embeddings")),
    )
