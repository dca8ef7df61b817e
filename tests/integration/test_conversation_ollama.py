"""Conversations in the real Ollama: every turn's prompt is the text and the ids of training, the history in it, and answers end.

The model's body is a tiny one that ends every answer at once: ids do not depend on the weights.
"""

from pathlib import Path

import pytest
from support.chat_templates import BARE, CHATML, DATED, HEADERS, messages
from support.hard_texts import hard_texts
from support.ollama import OllamaServer
from support.tiny_llama import write_ending_llama

from tweetstyle.errors import TweetstyleError
from tweetstyle.export import Exported, export
from tweetstyle.inference.llama_cpp import Logits
from tweetstyle.inference.ollama import OllamaClient
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import SpecialTokens, Template, build_template
from tweetstyle.recipe import Export, Sampling
from tweetstyle.records import Tweet
from tweetstyle.verify import checks
from tweetstyle.verify.checks import stops, tokens_in_llama_cpp, tokens_in_ollama

pytestmark = pytest.mark.integration

# Ollama takes the edge spaces of no message off, and the templates of Llama 3 those of every one: they are typed without.
TEXTS = list(dict.fromkeys(filter(None, (text.strip() for text in hard_texts(200)))))
SAMPLING = Sampling(temperature=0.0, num_predict=4)


@pytest.fixture(scope="module")
def base(base_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return write_ending_llama(tmp_path_factory.mktemp("ending"), base_model_dir)


def make(base: BaseModel, template: Template, name: str, directory: Path, ollama: OllamaServer, num_ctx: int = 1024) -> Exported:
    exported = export(base, None, template, Export(types=("f16",), num_ctx=num_ctx), SAMPLING, name, directory / name)
    OllamaClient(ollama.address).create(name, exported.modelfile)
    return exported


def shaped(base: BaseModel, chat_template: str, system: str | None = None) -> Template:
    """As of a model with this chat template, over SmolLM2's vocabulary: its <|im_end|> is the end, whatever the template's name of it."""
    chat_template = chat_template.replace("<|eot_id|>", "<|im_end|>")
    tokens = SpecialTokens(base.tokens.bos, base.tokens.eos, chat_template)
    return build_template("chat", "Nimzo", tokens, system=system, conversation=True)


SHAPES = {"own": None, "chatml": CHATML, "headers": HEADERS, "dated": DATED, "bare": BARE}


@pytest.fixture(scope="module", params=SHAPES)
def model(request, base, ollama, tmp_path_factory):
    template = shaped(base, SHAPES[request.param] or base.tokens.chat_template)
    name = f"talk-{request.param}"
    return name, template, make(base, template, name, tmp_path_factory.mktemp("talk"), ollama).gguf["f16"]


def test_each_turn_is_fed_as_it_was_trained(model: tuple[str, Template, Path], base: BaseModel, ollama: OllamaServer) -> None:
    """Turn by turn through one conversation after another, and the ids of a second turn are those of the trained document."""
    name, template, _ = model
    before = len(ollama.rendered_prompts())
    asked = [(texts[0], [], None) for texts in zip(TEXTS, strict=True)]
    asked += [(TEXTS[place + 2], [(TEXTS[place], TEXTS[place + 1])], None) for place in range(0, len(TEXTS) - 2, 3)]
    asked += [("c'est tout ?", [("un", "deux"), ("trois", "quatre"), ("cinq", "six 😀")], None)]
    if template.turns.around_system:
        asked += [(text, [("a", "b")], f"Sois {text}.") for text in TEXTS[:20]]
    answers = [ollama.chat(name, messages(history, message, system)) for message, history, system in asked]
    rendered = ollama.rendered_prompts()[before:]
    for (message, history, system), answer, prompt in zip(asked, answers, rendered, strict=True):
        assert prompt == template.prompt(message, history=history, system=system)
        assert answer["prompt_eval_count"] == len(base.tokenizer.prompt_ids(prompt, add_bos=template.add_bos)), message
        assert (answer["message"]["content"], answer["done_reason"]) == ("", "stop")


def test_two_turns_are_the_ids_of_the_trained_document(model: tuple[str, Template, Path], base: BaseModel, ollama: OllamaServer) -> None:
    name, template, _ = model
    said = [("on mange ?", "toujours. surtout à minuit 😀"), ("et l'été ?", "l'été aussi")]
    if name in ("talk-headers", "talk-dated"):
        # Two line ends before a word are two tokens here and one in Llama 3's vocabulary: this pair of template and tokenizer is refused.
        with pytest.raises(TweetstyleError, match="other token ids within a conversation than at its end"):
            base.tokenizer.check_turns(template)
        return
    base.tokenizer.check_turns(template)
    ids, _ = base.tokenizer.encode_turns(template, said)
    for turn in (1, 2):
        answer = ollama.chat(name, messages(said[: turn - 1], said[turn - 1][0]))
        prompt = base.tokenizer.prompt_ids(ollama.rendered_prompts()[-1], add_bos=template.add_bos)
        assert prompt == ids[: len(prompt)] and answer["prompt_eval_count"] == len(prompt)
        assert base.tokenizer.decode(ids[len(prompt) :]).startswith(said[turn - 1][1] + template.end)


def test_of_what_no_longer_fits_ollama_keeps_whole_turns(ollama: OllamaServer, base: BaseModel, tmp_path: Path) -> None:
    """Ollama leaves out messages one by one from the oldest on: an answer whose message is gone is not rendered."""
    template = shaped(base, base.tokens.chat_template)
    make(base, template, "talk-short", tmp_path, ollama, num_ctx=128)
    history = [(f"question {number} " + "mot " * 10, f"réponse {number} " + "mot " * 10) for number in range(9)]
    starts = set()
    for last in range(3, 9):
        for longer in ("", " encore" * 8):
            ollama.chat("talk-short", messages(history[:last], "et alors ?" + longer))
            prompt = ollama.rendered_prompts()[-1]
            kept = next(n for n in range(last + 1) if prompt == template.prompt("et alors ?" + longer, history=history[n:last]))
            starts.add(last - kept)
    assert starts <= {0, 1, 2} and len(starts) > 1


def test_the_gate_compares_conversations_and_sees_answers_end(ollama, base, tmp_path, monkeypatch):
    template, other = shaped(base, base.tokens.chat_template), shaped(base, HEADERS)
    tweets = [Tweet(str(n), f"réponse {n}", "", topic=f"question {n} ?") for n in range(5)]
    made = make(base, template, "talk-gate", tmp_path, ollama)
    monkeypatch.setenv("OLLAMA_HOST", ollama.address)
    monkeypatch.setattr(checks, "HARD_STRINGS", checks.HARD_STRINGS[::20])
    stop = stops(made.gguf["f16"], "f16", template, SAMPLING, tweets, 6)
    assert stop.passed and stop.figures == {"answers": 6, "cut": 0, "with template text": 0}
    before = len(ollama.rendered_prompts())
    in_ollama = tokens_in_ollama(made.modelfile, "f16", template, base.tokenizer, tweets)
    asked = ollama.rendered_prompts()[before:]
    assert (
        in_ollama.passed
        and template.prompt("question 2 ?", history=[("question 0 ?", "réponse 0"), ("question 1 ?", "réponse 1")]) in asked
    )
    assert len(asked) == in_ollama.figures["strings"]
    assert tokens_in_ollama(made.modelfile, "f16", other, base.tokenizer, tweets).passed is False
    with Logits(made.gguf["f16"]) as logits:
        assert tokens_in_llama_cpp(logits, "f16", template, base.tokenizer, tweets).passed
