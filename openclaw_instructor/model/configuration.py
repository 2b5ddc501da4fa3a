"""Read a checkpoint's configuration: the network's shape from `config.json`, the head from the modules behind it.

Every number is checked before it is believed: a checkpoint may come from anybody.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openclaw_instructor import distribution
from openclaw_instructor.errors import InvalidCheckpoint
from openclaw_instructor.model.layout import Module, modules_of, read_json
from openclaw_instructor.model.shapes import BertShape, Head, ModernBertShape, Projection, Shape, T5Shape

MOST = 100_000_000  # limit of every size in a configuration
MOST_LAYERS = 1_000
ACTIVATIONS = {"gelu": "gelu", "relu": "relu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh"}
POOLINGS = ("mean", "cls", "lasttoken")
# Keys of older pooling configurations, in which exactly one is true.
POOLING_FLAGS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_lasttoken": "lasttoken",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}
FAMILIES = {
    "t5": "T5",
    "bert": "BERT",
    "distilbert": "DistilBERT",
    "roberta": "RoBERTa",
    "xlm-roberta": "XLM-RoBERTa",
    "camembert": "CamemBERT",
    "mpnet": "MPNet",
    "modernbert": "ModernBERT",
}


class Numbers:
    """Reads numbers of a configuration file. Raises InvalidCheckpoint for missing and impossible ones."""

    def __init__(self, values: Any, path: Path) -> None:
        if not isinstance(values, dict):
            raise InvalidCheckpoint(f"{path} is not an object of settings; download the checkpoint again")
        self.values, self.path = values, path

    def size(self, key: str, default: int | None = None, most: int = MOST, least: int = 1) -> int:
        """Return an integer from `least` to `most`. Raises InvalidCheckpoint."""
        value = self.values.get(key, default)
        if value is None:
            raise InvalidCheckpoint(f"{self.path}: key {key!r} is missing")
        if type(value) is not int or not least <= value <= most:
            raise InvalidCheckpoint(f"{self.path}: {key} is {value!r:.40}, not a number from {least} to {most:,}")
        return value

    def real(self, key: str, default: float) -> float:
        """Return a positive finite number. Raises InvalidCheckpoint."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
            raise InvalidCheckpoint(f"{self.path}: {key} is {value!r:.40}, not a number above 0")
        return float(value)

    def activation(self, key: str, default: str, known: dict[str, str] = ACTIVATIONS) -> str:
        """Return our name of an activation function. Raises InvalidCheckpoint for an unknown one."""
        value = self.values.get(key, default)
        if value not in known:
            raise InvalidCheckpoint(
                f"{self.path}: {key} is {value!r:.40}; only {' and '.join(f'`{name}`' for name in known)} run here, "
                "others as `st:` and the checkpoint's name"
            )
        return known[value]


def read_shape(folder: Path, head: Head) -> Shape:
    """Read the shape of the network. Raises InvalidCheckpoint, also for families that do not run here."""
    config = Numbers(read_json(folder / "config.json"), folder / "config.json")
    family = config.values.get("model_type")
    if family == "t5":
        return _t5(config, head)
    if family == "modernbert":
        return _modernbert(config)
    if family not in FAMILIES:
        raise InvalidCheckpoint(
            f"{folder}: model_type is {family!r:.40}; {', '.join(FAMILIES.values())} run here, any other as `st:` and "
            f"the checkpoint's name ({distribution.pip_line('sentence-transformers')})"
        )
    return _distilbert(config) if family == "distilbert" else _bert(config, str(family))


def read_head(folder: Path) -> Head:
    """Read pooling, projections and normalisation. Raises InvalidCheckpoint for modules that do not run here."""
    modules = modules_of(folder)
    kinds = [module.kind for module in modules]
    known = ("Transformer", "Pooling", "Dense", "Normalize")
    if kinds[:2] != ["Transformer", "Pooling"] or not set(kinds) <= set(known):
        raise InvalidCheckpoint(
            f"{folder}/modules.json: its modules are {', '.join(kinds)[:100]}; a Transformer, Pooling and then Dense "
            "and Normalize run here, others as `st:` and the checkpoint's name"
        )
    pooling, masks_prompt = _pooling(folder, modules[1])
    projections = tuple(_projection(folder, module) for module in modules if module.kind == "Dense")
    own = folder / "config_sentence_transformers.json"
    truncate = read_json(own).get("truncate_dim") if own.is_file() else None
    outputs = projections[-1].outputs if projections else None
    truncate = truncate if type(truncate) is int and 0 < truncate < (outputs or MOST) else None
    return Head(pooling, projections, "Normalize" in kinds, truncate, masks_prompt)


def _pooling(folder: Path, module: Module) -> tuple[str, bool]:
    path = folder / module.path / "config.json"
    values = Numbers(read_json(path), path).values
    chosen = [name for flag, name in POOLING_FLAGS.items() if values.get(flag)]
    pooling = values.get("pooling_mode") or (chosen[0] if len(chosen) == 1 else "+".join(chosen))
    if pooling not in POOLINGS:
        raise InvalidCheckpoint(
            f"{path.parent}: pooling is {pooling!r:.60}; only mean pooling, cls and lasttoken run here, others as "
            "`st:` and the checkpoint's name"
        )
    return str(pooling), values.get("include_prompt") is False


def _projection(folder: Path, module: Module) -> Projection:
    path = folder / module.path / "config.json"
    config = Numbers(read_json(path), path)
    activation = str(config.values.get("activation_function", "Identity")).rsplit(".", 1)[-1]
    if activation not in ("Identity", "Tanh"):
        raise InvalidCheckpoint(f"{path.parent}: activation {activation[:60]}; only Identity and Tanh run here")
    bias = bool(config.values.get("bias", True))
    sizes = config.size("in_features"), config.size("out_features")
    return Projection(module.path, *sizes, bias, activation.lower())


def _t5(config: Numbers, head: Head) -> T5Shape:
    width = config.size("d_model")
    plain = is_plain(head)
    return T5Shape(
        vocab_size=config.size("vocab_size"),
        width=width,
        inner=config.size("d_ff"),
        heads=config.size("num_heads"),
        head_width=config.size("d_kv"),
        layers=config.size("num_layers", most=MOST_LAYERS),
        buckets=config.size("relative_attention_num_buckets", 32, least=4),
        max_distance=config.size("relative_attention_max_distance", 128, least=4),
        epsilon=config.real("layer_norm_epsilon", 1e-6),
        dimension=head.projections[0].outputs if plain and head.projections else width,
        normalize=head.normalize and plain,
        activation=config.activation("feed_forward_proj", "relu", {"relu": "relu", "gelu": "gelu"}),
    )


def is_plain(head: Head) -> bool:
    """Whether a T5's head is at most one linear projection and a normalisation, which the kernels include."""
    few = head.projections
    return head.truncate_to is None and (
        not few or (len(few) == 1 and not few[0].bias and few[0].activation == "identity")
    )


def _bert(config: Numbers, family: str) -> BertShape:
    if config.values.get("position_embedding_type", "absolute") != "absolute":
        raise InvalidCheckpoint(f"{config.path}: position_embedding_type is not `absolute`; use `st:` and its name")
    # RoBERTa's family counts positions from the padding token's id + 1, MPNet from 2 whatever that id is.
    padding = 1 if family == "mpnet" else config.size("pad_token_id", 1, least=0)
    offset = 0 if family == "bert" else padding + 1
    width, heads = config.size("hidden_size"), config.size("num_attention_heads")
    _check_heads(config, width, heads)
    mpnet = family == "mpnet"
    return BertShape(
        family=family,
        vocab_size=config.size("vocab_size"),
        width=width,
        inner=config.size("intermediate_size"),
        heads=heads,
        layers=config.size("num_hidden_layers", most=MOST_LAYERS),
        positions=config.size("max_position_embeddings"),
        first_position=offset,
        epsilon=config.real("layer_norm_eps", 1e-12),
        activation=config.activation("hidden_act", "gelu"),
        token_types=not mpnet,
        buckets=config.size("relative_attention_num_buckets", 32, least=4) if mpnet else 0,
    )


def _distilbert(config: Numbers) -> BertShape:
    width, heads = config.size("dim"), config.size("n_heads")
    _check_heads(config, width, heads)
    return BertShape(
        family="distilbert",
        vocab_size=config.size("vocab_size"),
        width=width,
        inner=config.size("hidden_dim"),
        heads=heads,
        layers=config.size("n_layers", most=MOST_LAYERS),
        positions=config.size("max_position_embeddings"),
        first_position=0,
        epsilon=1e-12,
        activation=config.activation("activation", "gelu"),
        token_types=False,
    )


def _modernbert(config: Numbers) -> ModernBertShape:
    width, heads = config.size("hidden_size"), config.size("num_attention_heads")
    _check_heads(config, width, heads)
    layers = config.size("num_hidden_layers", most=MOST_LAYERS)
    every = config.size("global_attn_every_n_layers", 3)
    kinds = config.values.get("layer_types")
    if not isinstance(kinds, list) or len(kinds) != layers:
        kinds = ["full_attention" if index % every == 0 else "sliding_attention" for index in range(layers)]
    return ModernBertShape(
        vocab_size=config.size("vocab_size"),
        width=width,
        inner=config.size("intermediate_size"),
        heads=heads,
        layers=layers,
        epsilon=config.real("norm_eps", 1e-5),
        activation=config.activation("hidden_activation", "gelu"),
        window=config.size("local_attention", 128, least=2) // 2,
        is_global=tuple(kind == "full_attention" for kind in kinds),
        global_base=_rotary_base(config, "full_attention", "global_rope_theta", 160_000.0),
        local_base=_rotary_base(config, "sliding_attention", "local_rope_theta", 10_000.0),
        has_biases=bool(config.values.get("attention_bias")) or bool(config.values.get("mlp_bias")),
        has_norm_biases=bool(config.values.get("norm_bias")),
    )


def _rotary_base(config: Numbers, kind: str, key: str, default: float) -> float:
    """Return the rotary base, from the newer form of the configuration if present."""
    newer = config.values.get("rope_parameters")
    inner = newer.get(kind) if isinstance(newer, dict) else None
    if not isinstance(inner, dict):
        return config.real(key, default)
    if inner.get("rope_type", "default") != "default":
        raise InvalidCheckpoint(f"{config.path}: rope_type {inner['rope_type']!r:.40} does not run here; use `st:`")
    return Numbers(inner, config.path).real("rope_theta", default)


def _check_heads(config: Numbers, width: int, heads: int) -> None:
    if width % heads or width // heads % 2:
        raise InvalidCheckpoint(f"{config.path}: {heads} heads do not divide the width {width} into even shares")
