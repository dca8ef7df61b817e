"""What a training is made of, its plan, and the checks of its data."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tweetstyle.dataset.examples import Document
from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import IGNORED
from tweetstyle.plan.schedule import Schedule, Steps
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Model, Training
from tweetstyle.train.metrics import Metrics


@dataclass(frozen=True)
class FitPlan:
    """What a run will do. tweets, tokens: of one epoch; cut: tweets beyond max_length; schedule: the settings that are carried out, the
    recipe's own or, where those cannot learn, adapted ones."""

    schedule: Schedule
    tweets: int
    tokens: int
    cut: int

    @property
    def steps(self) -> Steps:
        return self.schedule.steps

    @property
    def epochs(self) -> float:
        return self.steps.steps / self.steps.steps_per_epoch


@dataclass(frozen=True)
class FitInputs:
    """What a training is made of. splits: the files of the training and the validation tweets."""

    base: BaseModel
    template: Template
    model: Model
    training: Training
    splits: tuple[Path, Path]


@dataclass(frozen=True)
class FitRun(FitInputs):
    """FitInputs with the tweets loaded; training: the settings that are carried out; validated: called after each validation."""

    documents: list[Document]
    held_out: list[Document]
    plan: FitPlan
    directory: Path
    metrics: Metrics
    validated: Callable[[], None]


LEAST_ENDED = 0.5
"""Share of the tweets that must be complete, with their end token, for the model to learn where tweets end."""


def check_model(base: BaseModel, end_id: int) -> None:
    """Refuses a padding token that is also an end."""
    if base.pad_id in (base.eos_id, end_id):
        token = repr(base.pad_token)
        what = _("the padding token {token} is also an end token: padding has no loss, so no end would be learned", token=token)
        hint = _("set pad_token in tokenizer_config.json to a reserved token of the vocabulary")
        raise TweetstyleError(what, where=str(base.path / "tokenizer_config.json"), hint=hint)


def check_documents(documents: list[Document], end_id: int, where: str) -> None:
    """Refuses training data without a document, without a single label, or that hardly ever shows the end token."""
    if not documents:
        hint = _("dropped.csv beside it says why tweets were dropped")
        raise TweetstyleError(_("there is no tweet to learn from"), where=where, hint=hint)
    longer = _("write a larger training.max_length: prompt, tweet and end token must fit")
    if not any(label != IGNORED for document in documents for label in document.labels):
        raise TweetstyleError(_("no token has a loss: the prompt alone fills every document"), where=where, hint=longer)
    ended = sum(document.labels[-1] == end_id for document in documents) / len(documents)
    if ended < LEAST_ENDED:
        what = _("only {share:.0%} of the tweets keep their end token, the others are cut: the model would not learn to stop", share=ended)
        raise TweetstyleError(what, where=where, hint=longer)


def check_held_out(documents: list[Document], where: str) -> None:
    """Refuses validation data on which nothing can be measured."""
    if not any(document.text_bytes for document in documents):
        hint = _("write a larger data.validation_fraction or training.max_length")
        raise TweetstyleError(_("there is no validation tweet that fits into max_length"), where=where, hint=hint)


def check_packed(seen: dict[str, bool]) -> None:
    """Refuses a trainer that would train on padded or mixed rows: `seen` holds each sign of packing, found or not."""
    if missing := [sign for sign, there in seen.items() if not there]:
        what = _("packing is off ({signs}): documents would be padded, or attend to one another", signs=", ".join(missing))
        raise TweetstyleError(what, where="training", hint=_("install the versions in requirements.lock: make setup"))
