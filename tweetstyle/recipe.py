"""The recipe's sections, fields and defaults. Every default is here, once."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, StringConstraints, model_validator

from tweetstyle.locale import N_, _
from tweetstyle.offline import NoAddress, is_loopback, parse_address
from tweetstyle.text.visible import is_blank

TARGET_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
WRITE_WORDS = N_("write a text, or remove the key if it has a default")

CUSTOM_EXAMPLE = '"<s>[{style}, {type}] {topic} => {text}</s>"'


class OneWrong(ValueError):
    """One value that cannot be; hint: what to write in its place."""

    def __init__(self, what: str, hint: str) -> None:
        self.hint = hint
        super().__init__(what)


def _not_blank(value: object) -> object:
    """Refuses a text in which nothing is visible: spaces, control and zero-width characters alone."""
    if isinstance(value, str) and is_blank(value):
        raise OneWrong(_("{value} is blank", value=repr(value[:60])), _(WRITE_WORDS))
    return value


def _usable_path(path: Path) -> Path:
    """As a shell reads a path that begins with ~/; a file may be called ~ alone."""
    try:
        return path.expanduser() if len(path.parts) > 1 else path
    except RuntimeError:
        raise OneWrong(_("there is no home directory for {user}", user=path.parts[0]), _("write the whole path")) from None


LocalPath = Annotated[Path, Field(strict=False), BeforeValidator(_not_blank), AfterValidator(_usable_path)]
Text = Annotated[str, AfterValidator(_not_blank)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_not_blank)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
"""An ISO 639-1 code."""


def _listed(value: object) -> object:
    """One path is a list of one."""
    return value if isinstance(value, list | tuple) else [value]


def _auto(value: object) -> object:
    """auto is None: no sampling of one's own."""
    if value == "auto":
        return None
    if isinstance(value, dict | Section):
        return value
    what = _("has no value") if value is None else _("{value} is neither auto nor a section", value=repr(value)[:60])
    raise OneWrong(what, _("write auto, or settings below it: temperature, top_p, min_p, top_k, repeat_penalty"))


def _on_this_machine(url: str) -> str:
    hint = _("write only host and port of the Ollama on this machine, as in http://127.0.0.1:11434")
    try:
        host = parse_address(url)[0]
    except NoAddress as error:
        raise OneWrong(_("{url} cannot be used as an address ({reason})", url=repr(url[:60]), reason=str(error)), hint) from None
    if not is_loopback(host):
        raise OneWrong(_("{url} is not this machine: tweets are sent to 127.0.0.1, ::1 or localhost only", url=repr(url[:60])), hint)
    return url


class Section(BaseModel):
    """Strict, frozen, and without unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Data(Section):
    source: Annotated[
        tuple[LocalPath, ...], Field(strict=False, min_length=1), BeforeValidator(_listed, json_schema_input_type=Path | list[Path])
    ]
    """The archive: X's own zip or folder, another network's or messenger's export, CSV, JSON Lines, plain text; of several, a list."""
    author: Annotated[tuple[Name, ...], Field(strict=False), BeforeValidator(_listed, json_schema_input_type=str | list[str])] = ()
    """Your name in chats (WhatsApp, Telegram, Facebook, Instagram), of several a list: only these people's messages are learned."""
    processed: LocalPath = Path("data/processed")
    """Directory of the cleaned CSVs, the splits and the report."""
    expected_count: int | None = Field(None, ge=1)
    """Tweets that X says there are: the difference to what was read is reported."""
    separator: str | None = None
    """The line between two tweets of a plain text file, for example ---; without it every line is a tweet."""
    since: Annotated[date, Field(strict=False)] | None = None
    """First day (UTC) whose tweets are kept: a style drifts over the years."""
    until: Annotated[date, Field(strict=False)] | None = None
    """Last day (UTC) whose tweets are kept."""
    retweets: Literal["drop", "keep"] = "drop"
    """RT @user, (via @user) and "@user: their words": someone else's text."""
    automatic_posts: Literal["drop", "keep"] = "drop"
    """What programs post in one's name, by their names, links and forms; of other templates `automatic_repeats` stay."""
    automatic_repeats: int = Field(10, ge=3)
    """Tweets that stay of each template: a text with its numbers, links and names left open. It may be a program's or a daily habit."""
    media_only: Literal["drop", "keep"] = "drop"
    """A picture or a video and no words. keep: where a text is left, as with links: placeholder."""
    link_only: Literal["drop", "keep"] = "drop"
    """Links and no words. keep: where a text is left, as other sites' links are, and X's own with links: placeholder."""
    min_characters: int = Field(1, ge=1, le=280)
    """A tweet with fewer characters, links and leading mentions not counted, is dropped as too short."""
    repeats: Literal["cap", "drop", "keep"] = "cap"
    """Texts written again. cap: short ones stay as often as they were written; of longer ones (50 characters or 8 words) every second
    copy stays. drop: the earliest of each; keep: all. Never in two splits."""
    near_duplicate_jaccard: float = Field(0.75, ge=0.5, le=1)
    """Share of common character 5-grams (Jaccard) from which two tweets are near-duplicates; 1: only the same text."""
    likely_languages: Annotated[tuple[Language, ...], Field(strict=False, min_length=2)] = ("fr", "en")
    """Languages among which each tweet's is sought, ISO 639-1."""
    languages: Annotated[tuple[Language, ...], Field(strict=False)] = ()
    """Languages kept; empty: all. A short or uncertain tweet is always kept."""
    language_confidence: float = Field(0.9, gt=0.5, lt=1)
    """How sure the language must be before a tweet is dropped for it."""
    personal_data: Literal["scrub", "keep"] = "scrub"
    """E-mail addresses, telephone numbers, IBANs, card numbers and keys become placeholders."""
    handles: Literal["mask", "keep"] = "mask"
    """@names of others within the text become @…"""
    links: Literal["remove", "placeholder"] = "remove"
    """X's own short links (t.co): taken out, or one placeholder for each."""
    shorteners: Literal["link", "keep"] = "link"
    """Addresses of bit.ly, ow.ly, twitpic and their like. link: they are treated as X's own; keep: they stay in the text."""
    validation_fraction: float = Field(0.05, gt=0, le=0.4)
    """Share of the kept tweets, those just before the test tweets."""
    test_fraction: float = Field(0.05, gt=0, le=0.4)
    """Share of the kept tweets, the latest."""
    mini_train: int = Field(100, ge=1)
    """Number of training tweets in the mini-train split, a seeded sample for a first quick run."""
    seed: int = Field(42, ge=0)

    @model_validator(mode="after")
    def _languages_are_sought(self) -> Data:
        if unknown := [language for language in self.languages if language not in self.likely_languages]:
            raise ValueError(_("data.languages has {language}, but data.likely_languages does not: add it there", language=unknown[0]))
        return self


class Prompt(Section):
    format: Literal["inst", "text", "chat", "custom"] = "inst"
    """inst: "<s>[INST] Style: X | Type: Tweet [/INST] …</s>"; text: the tweet alone; chat: the model's chat template; custom: your line."""
    style: Name
    """The name of the style. It is in every prompt; with message: playback only in descriptions of the model."""
    custom: Text | None = None
    """With format: custom, the line, with {style}, {type}, {topic} and, at its end, {text}."""
    message: Literal["topic", "playback", "first-words"] = "topic"
    """What precedes a tweet in training, and what one types later: topic: its subject; playback (format: chat): a message, written
    by a model on this machine, that the tweet would answer; first-words: its own beginning."""
    system: Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_not_blank)] | None = None
    """With format: chat, a short system line, trained and exported alike. Without it, message: playback has none but what the model's
    template puts in by itself; the others have the line of style and type, which in a line of your own are {style} and {type}."""
    topic: bool = True
    """Whether the prompt names a subject taken from the tweet, so that what one types later is the subject."""
    topic_dropout: Fraction = 0.25
    """Share of the tweets whose prompt names no subject (or no first words), so that the model can write without one too."""

    @model_validator(mode="after")
    def _settings_go_together(self) -> Prompt:
        if self.format == "custom" and not self.custom:
            raise ValueError(_("format: custom needs prompt.custom, for example {example}", example=CUSTOM_EXAMPLE))
        if self.format != "custom" and self.custom is not None:
            raise ValueError(_("prompt.custom is read with format: custom only; the format is {format}", format=self.format))
        if self.message == "playback" and self.format != "chat":
            raise ValueError(_("message: playback needs format: chat; the format is {format}", format=self.format))
        if self.message == "first-words" and self.format == "text":
            raise ValueError(_("format: text already begins with the first words: remove message: first-words"))
        if self.system is not None and self.format != "chat":
            raise ValueError(_("prompt.system is read with format: chat only; the format is {format}", format=self.format))
        topics = [key for key in ("topic", "topic_dropout") if key in self.model_fields_set]
        if self.message == "playback" and topics:
            raise ValueError(_("prompt.{key} is not read with message: playback: remove it", key=topics[0]))
        if self.message == "first-words" and not self.topic:
            raise ValueError(_("message: first-words replaces the topic: remove topic: false"))
        if self.message == "first-words" and self.custom and "{topic}" not in self.custom:
            raise ValueError(_("message: first-words needs {place} in prompt.custom: add it to the line", place="{topic}"))
        return self


class Playback(Section):
    """Read with prompt.message: playback. A model on this machine writes, for each tweet, the short message that it would answer."""

    ollama: Name | None = None
    """The model's name in the Ollama of this machine, as `ollama list` has it. Without it, gguf."""
    url: Annotated[str, AfterValidator(_on_this_machine)] = "http://127.0.0.1:11434"
    """Where that Ollama listens; an address of this machine and no other."""
    gguf: LocalPath | None = None
    """A model's GGUF, which llama.cpp runs in this process. Without it, ollama."""
    train_tweets: int = Field(5000, ge=1)
    """Training tweets that get a message. Of more, a seeded sample is taken and the others are not trained on."""
    held_out_tweets: int = Field(500, ge=1)
    """The same of validation and of test."""
    questions: Fraction = 0.5
    """Share of the tweets that answer a question."""
    remarks: Fraction = 0.25
    """Share of the tweets that answer a remark."""
    requests: Fraction = 0.25
    """Share of the tweets that answer a request for a tweet about a subject."""
    most_words: int = Field(30, ge=3, le=200)
    """A longer message is rejected."""
    most_alike: int = Field(3, ge=1)
    """Messages of a split that may be near-duplicates of one another; further ones are rejected."""
    retries: int = Field(2, ge=0, le=10)
    """Retries, each with another seed, when a message is rejected."""
    concurrency: int = Field(4, ge=1, le=64)
    """Requests at one time. Ollama answers as many at once as its OLLAMA_NUM_PARALLEL says; the others wait there."""
    temperature: float = Field(0.8, ge=0, le=5)
    seed: int = Field(42, ge=0)
    """Decides the sample, the kinds and the answers."""

    @model_validator(mode="after")
    def _one_model_on_this_machine(self) -> Playback:
        if self.ollama and self.gguf:
            raise ValueError(_("playback.ollama and playback.gguf name two models: remove one"))
        if self.gguf and "url" in self.model_fields_set:
            raise ValueError(_("playback.url is read with playback.ollama only: remove it"))
        if abs(self.questions + self.remarks + self.requests - 1) > 1e-6:
            raise ValueError(_("playback.questions, playback.remarks and playback.requests are shares: their sum must be 1"))
        return self


class Lora(Section):
    """PEFT's LoraConfig, its names."""

    r: int = Field(32, ge=1, le=1024)
    lora_alpha: int = Field(64, ge=1)
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: Annotated[tuple[Literal[TARGET_MODULES], ...], Field(strict=False, min_length=1)] = TARGET_MODULES
    use_rslora: bool = False


class Model(Section):
    base: LocalPath
    """Directory of the base model: config.json, tokenizer.json, *.safetensors in 16 or 32 bits; or a hub name already in its cache."""
    method: Literal["qlora", "lora", "full"] = "qlora"
    """qlora: adapter over a 4-bit base; lora: over a 16-bit base; full: every weight is trained."""
    lora: Lora = Lora()
    """Read by qlora and lora."""


class Training(Section):
    """TRL's SFTConfig and transformers' TrainingArguments, their names."""

    split: Literal["train", "mini-train"] = "train"
    """mini-train is a first quick run on a small sample."""
    num_train_epochs: float = Field(2.0, gt=0)
    max_steps: int = Field(-1, ge=-1)
    """Optimizer steps after which the run ends; -1: num_train_epochs decides."""
    max_length: int = Field(2048, ge=32)
    """Tokens in one pack."""
    per_device_train_batch_size: int = Field(1, ge=1)
    gradient_accumulation_steps: int = Field(8, ge=1)
    learning_rate: float = Field(1e-4, gt=0)
    lr_scheduler_type: Literal["cosine", "linear", "constant", "constant_with_warmup"] = "cosine"
    warmup_ratio: float = Field(0.05, ge=0, lt=1)
    """Share of the optimizer steps over which the learning rate rises from 0."""
    warmup_steps: int | None = Field(None, ge=0)
    """The same as a number of steps, in the place of warmup_ratio."""
    weight_decay: float = Field(0.01, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    optim: Literal["adamw_torch", "adamw_8bit", "paged_adamw_8bit"] = "adamw_8bit"
    bf16: bool = True
    """bfloat16 autocast; a card without it is reported before the run."""
    gradient_checkpointing: Literal["unsloth", True, False] = "unsloth"
    """unsloth: activations go to the host's memory; false is faster where memory allows."""
    eval_steps: int = Field(50, ge=1)
    """Optimizer steps between validations."""
    save_steps: int = Field(50, ge=1)
    """Optimizer steps between checkpoints: a multiple of eval_steps."""
    save_total_limit: int = Field(3, ge=1)
    """Checkpoints kept; the best one is always among them."""
    early_stopping_patience: int = Field(3, ge=0)
    """Validations without a better one before the run ends; 0: never."""
    logging_steps: int = Field(1, ge=1)
    report_to: Annotated[
        tuple[Literal["tensorboard"], ...], Field(strict=False), BeforeValidator(_listed, json_schema_input_type=str | list[str])
    ] = ()
    """Trackers on this machine that get the metrics besides metrics.jsonl: tensorboard, as files in model/<run>/tensorboard/."""
    samples: int = Field(4, ge=0, le=50)
    """Tweets written at each validation, to read and to see when the model starts to recite; 0: none."""
    probe: Literal["auto", "always", "never"] = "auto"
    """Three steps at the longest pack before the run, for its memory and speed (probe.json). auto: with a card; always: on a CPU too."""
    seed: int = Field(42, ge=0)

    @model_validator(mode="after")
    def _settings_go_together(self) -> Training:
        if self.warmup_steps is not None and "warmup_ratio" in self.model_fields_set:
            raise ValueError(_("warmup_ratio and warmup_steps set the same thing: remove one (a ratio suits any number of steps)"))
        if self.save_steps % self.eval_steps:
            values = {"save_steps": self.save_steps, "eval_steps": self.eval_steps}
            raise ValueError(_("save_steps ({save_steps}) must be a multiple of eval_steps ({eval_steps})", **values))
        return self


class Evaluation(Section):
    max_tweets: int = Field(500, ge=1)
    """Held-out tweets scored in each split; of more, a seeded sample."""
    examples: int = Field(20, ge=0)
    """Training tweets put before the prompt in the baseline "base, shown 20 of your tweets"; fewer where they do not fit."""
    bf16: bool = False
    """On a CPU, score under bfloat16 autocast: faster where the CPU has it, and a rounding of about 0.01% in the sums."""
    confidence: float = Field(0.95, gt=0.5, lt=1)
    """Level of the intervals."""
    samples: int = Field(200, ge=0, le=5000)
    """Tweets that each model writes, to be compared with real ones; 0: none, and no style, copying or prompt adherence is measured."""
    others: LocalPath | None = None
    """Tweets of other people of the same language and time, in any form of data.source; without it a small neutral set.

    Not used for a model that answers messages."""
    bootstrap_resamples: int = Field(2000, ge=100)
    """Resamples of the days from which an interval is made."""
    seed: int = Field(42, ge=0)

    @property
    def bootstrap(self) -> dict[str, float | int]:
        """How an interval is made: arguments of `bootstrap_t` and its like."""
        return {"confidence": self.confidence, "resamples": self.bootstrap_resamples, "seed": self.seed}


class Sampling(Section):
    """How text is generated, here and by the Modelfile alike. Ollama's names.

    The defaults draw from the model's own probabilities, without the unlikely tokens that top_p leaves out (docs/evaluation.md).
    """

    temperature: float = Field(1.0, ge=0, le=5)
    """1: the probabilities as they were learned; below 1: more of what is common, 0: always the most probable token."""
    top_k: int = Field(0, ge=0)
    """Sample from this many most probable tokens; 0: no limit."""
    top_p: float = Field(0.95, gt=0, le=1)
    """Draw among the most probable tokens that together have this probability; 1: all."""
    min_p: float = Field(0.0, ge=0, lt=1)
    """Leave out tokens less probable than this share of the most probable one; 0: none."""
    repeat_penalty: float = Field(1.0, gt=0, le=5)
    """Makes the last 64 tokens less probable; 1: not at all, for a style repeats itself on purpose."""
    num_predict: int = Field(160, ge=1)
    """Tokens after which an answer is cut."""
    seed: int | None = Field(None, ge=0)
    """With a seed the same message gets the same answer, in Ollama too."""


MOST_SCALED = 2


def _auto_or_scale(value: object) -> object:
    if value == "auto" or (isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MOST_SCALED):
        return value if value == "auto" else float(value)
    what = _("{value} is neither auto nor a number above 0 and at most {most}", value=repr(value)[:60], most=MOST_SCALED)
    raise OneWrong(what, _("write auto, or 1 for the adapter as it was trained"))


GgufType = Literal["f32", "f16", "bf16", "q8_0", "q6_k", "q5_k_m", "q4_k_m"]


class Export(Section):
    types: Annotated[tuple[GgufType, ...], Field(strict=False, min_length=1)] = ("q4_k_m",)
    """GGUF files to write, all in one pass over the weights; the Modelfile names the smallest."""
    num_ctx: int = Field(2048, ge=128)
    """Context length in tokens that Ollama reserves."""
    merge_base: Literal["auto", "16bit", "dequantised_nf4"] = "auto"
    """What a qlora adapter is added to: the base as it is stored, or as 4 bits left it. auto: what was trained on, the 4 bits. lora and
    full have one base only."""
    adapter_scale: Annotated[Literal["auto"] | float, BeforeValidator(_auto_or_scale)] = 1.0
    """What the adapter is multiplied by when it is merged, besides alpha / r. 1: as it was trained; auto: the one among 0.8 to 1.4 that
    predicts the validation tweets better than 1 beyond doubt, else 1. The evaluation judges the model with it."""
    imatrix: Literal["auto", "never"] = "auto"
    """auto: the errors of K-quants are weighed by what your own tweets pass through the weights; never: they all count the same."""
    gate: bool = True
    """Compare each file with what was trained; one that fails is renamed .rejected."""
    gate_tweets: int = Field(100, ge=10, le=1000)
    """Held-out tweets on which each file is compared."""
    gate_answers: int = Field(20, ge=1, le=200)
    """Answers that are sampled from each file, to see that they end."""


class Machine(Section):
    """The machine that a plan is made for, where it is another than the one at hand."""

    card_gib: float = Field(12.0, gt=0, le=1024)
    """Memory of the card to plan for: the GB that it is sold with (6, 8, 12, 16, 24: it reports fewer GiB to programs), or GiB. Where
    nvidia-smi finds a card, that one counts."""
    ram_gib: float | None = Field(None, gt=0, le=65536)
    """GiB of main memory beside it; left out, and where there is a card: this machine's own."""


class Recipe(Section):
    """A whole run. Paths are relative to the directory in which the command is run."""

    data: Data
    prompt: Prompt
    playback: Playback = Playback()
    model: Model
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    sampling: Annotated[
        Sampling | None,
        BeforeValidator(_auto, json_schema_input_type=Literal["auto"] | Sampling),
        Field(json_schema_extra={"default": "auto"}),
    ] = None
    """auto: the evaluation tries some ways of sampling on the validation tweets' prompts and takes the one closest to the author; how
    many tweets that takes follows evaluation.samples. With settings of your own nothing is tried."""
    export: Export = Export()
    machine: Machine = Machine()
    language: Literal["en", "fr"] | None = None
    """Language of report.html, blind.html and the model card; without it, that of the command (--lang, or the locale)."""
    _name: str = PrivateAttr("")

    @model_validator(mode="after")
    def _only_an_adapter_is_scaled(self) -> Recipe:
        if self.model.method == "full" and self.export.adapter_scale != 1:
            raise ValueError(_("export.adapter_scale is read with an adapter only, and method is full: remove it"))
        return self

    @model_validator(mode="after")
    def _playback_has_its_model(self) -> Recipe:
        by_playback = self.prompt.message == "playback"
        if by_playback and not (self.playback.ollama or self.playback.gguf):
            raise ValueError(_("message: playback needs a model that writes messages: playback.ollama (its name) or playback.gguf"))
        if not by_playback and "playback" in self.model_fields_set:
            raise ValueError(_("playback is read with prompt.message: playback only: remove the section"))
        return self

    @property
    def name(self) -> str:
        """The run's name: the recipe's file name without its ending."""
        return self._name

    @property
    def run_directory(self) -> Path:
        return Path("model") / self.name

    @property
    def export_directory(self) -> Path:
        return Path("export") / self.name
