"""Chat: the prompts and sampling of training and Ollama, and the commands of the terminal."""

import os
import signal
import sys
import threading
from itertools import islice
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file
from support.chat_templates import HEADERS
from support.llama_cpp import LlamaServer
from support.terminal import Terminal
from support.tiny_llama import SPECIAL, write_llama

from tweetstyle.errors import TweetstyleError
from tweetstyle.export import export
from tweetstyle.inference.chat import ChatModel, ChatSession, chat
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import SpecialTokens, Template, Topic, build_template
from tweetstyle.recipe import Export, Sampling

SHORT = Sampling(num_predict=24, seed=7)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    """A random model that babbles on: one value that all embeddings share speaks against the tokens that end."""
    made = write_llama(tmp_path_factory.mktemp("base"), max_position_embeddings=8192)
    weights = load_file(made.shards[0])
    weights["model.embed_tokens.weight"][:, 0] = 3
    weights["lm_head.weight"][:, 0] = 0
    weights["lm_head.weight"][[made.tokenizer.token_id(text) for text in SPECIAL], 0] = -50
    save_file(weights, made.shards[0], metadata={"format": "pt"})
    return made


@pytest.fixture(scope="module")
def template(base: BaseModel) -> Template:
    return build_template("inst", "Nimzo", base.tokens)


@pytest.fixture(scope="module")
def gguf(base: BaseModel, template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(base, None, template, Export(types=("f16",)), SHORT, "tiny", tmp_path_factory.mktemp("out") / "tiny").gguf["f16"]


def speaker(gguf: Path, template: Template, **sampling: object) -> ChatModel:
    return ChatModel(gguf, template, Sampling(**SHORT.model_dump() | sampling))


@pytest.fixture(scope="module")
def seeded(gguf: Path, template: Template) -> ChatModel:
    return speaker(gguf, template)


# -- requests to llama.cpp ------------------------------------------------------------------------------------


def test_greedy_it_says_what_llama_cpp_says_to_the_ids_of_training(base: BaseModel, gguf: Path, template: Template) -> None:
    ours = speaker(gguf, template, temperature=0.0, repeat_penalty=1.0)
    with LlamaServer(gguf) as server:
        for message in ("hiver", "*", "l'été 😀 <|end_of_text|> [INST]"):
            ids = base.tokenizer.prompt_ids(template.prompt(message), add_bos=True)
            theirs = server.complete(ids, n_predict=24, repeat_penalty=1.0, stop=list(template.stops))
            assert ours.answer(message) == template.shown(theirs.text)


def test_the_recipes_sampling_is_all_of_the_request(gguf: Path, template: Template) -> None:
    sampling = Sampling(temperature=0.3, top_k=5, top_p=0.7, min_p=0.2, repeat_penalty=1.3, num_predict=9, seed=4)
    request = ChatModel(gguf, template, sampling).request("x")
    named = {name: request[{"num_predict": "n_predict"}.get(name, name)] for name in Sampling.model_fields}
    assert named == sampling.model_dump()
    assert request["stop"] == ["<|end_of_text|>", "[INST]"]


def test_a_stop_text_ends_an_answer_and_is_not_in_it(original_gguf: Path) -> None:
    plain = Template("custom", "x", (Topic(),), False, "<|im_end|>", "", ("<|im_end|>", " three"))
    counting = ChatModel(original_gguf, plain, Sampling(temperature=0.0, num_predict=40))
    answer = counting.answer("Count: one, two, three, four, five. Again: one,")
    assert answer == " two,"
    assert counting.ended


def test_the_pieces_are_the_answer_and_the_formats_own_space_is_not_shown(seeded: ChatModel) -> None:
    pieces = list(seeded.stream("hiver"))
    answer = "".join(pieces)
    assert len(pieces) > 5 and answer == seeded.answer("hiver") and not answer.startswith(" ")


def test_an_answer_that_is_left_stops_and_the_next_one_is_whole(gguf: Path, template: Template) -> None:
    patient = speaker(gguf, template, num_predict=6000)
    stream = patient.stream("hiver")
    next(stream)
    stream.close()
    assert not patient.ended
    assert threading.active_count() < 20
    first = list(islice(patient.stream("été"), 20))
    assert list(islice(patient.stream("été"), 20)) == first


# -- what goes wrong ----------------------------------------------------------------------------------------


def test_a_message_too_long_for_the_context_is_one_clear_message(seeded: ChatModel) -> None:
    with pytest.raises(TweetstyleError, match=r"the message has \d,\d+ tokens, the context has room for 1,\d+\n.*shorter"):
        seeded.answer("très long " * 500)
    assert seeded.answer("hiver")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such model\n.*tweetstyle-fit RECIPE.*tweetstyle export RECIPE"),
        (b"<html>", "llama.cpp cannot load it"),
        (b"GGUF", "llama.cpp cannot load it"),
    ],
)
def test_a_missing_and_a_damaged_gguf_are_one_clear_message(template, tmp_path, content, message):
    path = tmp_path / "x.gguf"
    if content:
        path.write_bytes(content)
    with pytest.raises(TweetstyleError, match=f"x.gguf: {message}"):
        ChatModel(path, template, SHORT)


# -- the terminal -------------------------------------------------------------------------------------------


def test_one_answer_and_nothing_else_with_prompt(seeded: ChatModel, capsys: pytest.CaptureFixture[str]) -> None:
    chat(seeded, "hiver", "")
    assert capsys.readouterr().out == seeded.answer("hiver") + "\n"


def test_the_commands_of_the_terminal(seeded: ChatModel, template: Template, capsys: pytest.CaptureFixture[str]) -> None:
    talk = ChatSession(seeded, "the subject of the tweet")
    for message in ("été", "hiver"):
        talk.say(message)
    assert talk.turns == [("été", seeded.answer("été")), ("hiver", seeded.answer("hiver"))], "each answered without the other"
    talk.command("/clear")
    assert talk.turns == []
    talk.command('/set system "Style: Poe | Type: Vers"')
    talk.say("mer")
    assert talk.turns[-1][1] == seeded.answer("mer", system="Style: Poe | Type: Vers")
    talk.command("/set system")
    assert capsys.readouterr().out.endswith(f"the prompt now says: {template.system_line()}\n")
    talk.say("mer")
    assert talk.turns[-1][1] == seeded.answer("mer")
    talk.command("/?")
    shown = capsys.readouterr().out
    for part in ("is the subject of the tweet", "of the prompt: Style: Nimzo | Type: Tweet", "/clear", "/bye"):
        assert part in shown
    talk.command("/quit")
    assert capsys.readouterr().out == "there is no command /quit; /? lists them\n"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_help_is_wrapped_within_its_second_column(seeded: ChatModel, language: str, capsys, monkeypatch) -> None:
    monkeypatch.setenv("LANGUAGE", language)
    monkeypatch.setattr("tweetstyle.console.terminal_width", lambda stream: 70)
    ChatSession(seeded, "the subject of the tweet").command("/?")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 5 and all(len(line) <= 70 and line[19:21] == "  " and line[21] != " " for line in lines), lines


def test_a_format_without_style_says_that_there_is_nothing_to_set(gguf: Path, base: BaseModel, capsys: pytest.CaptureFixture[str]) -> None:
    talk = ChatSession(speaker(gguf, build_template("text", "Nimzo", base.tokens)), "the first words")
    talk.command("/set system X")
    assert "nothing to set" in capsys.readouterr().out
    assert talk.system is None


PROGRAM = """
import sys
from pathlib import Path
from tweetstyle.inference.chat import ChatModel, chat
from tweetstyle.prompt.template import SpecialTokens, build_template
from tweetstyle.recipe import Sampling
template = build_template("inst", "Nimzo", SpecialTokens("<|begin_of_text|>", "<|end_of_text|>"))
chat(ChatModel(Path(sys.argv[1]), template, Sampling(seed=7, num_predict=5000)), None, "the subject of the tweet")
"""


def test_ctrl_c_stops_the_answer_and_the_conversation_goes_on(gguf: Path) -> None:
    terminal = Terminal([sys.executable, "-c", PROGRAM, str(gguf)], dict(os.environ))
    try:
        terminal.wait_for(">>> ", 1, timeout=60)
        terminal.type("hiver")
        terminal.wait_for("e", terminal.output.count("e") + 20, timeout=60)  # of an answer that babbles on
        terminal.process.send_signal(signal.SIGINT)
        terminal.wait_for(">>> ", 2, timeout=60)
        terminal.type("/bye")
        assert " (stopped)\n\n>>> /bye" in terminal.finish(timeout=60) and terminal.process.returncode == 0
    finally:
        terminal.close()


# -- a conversation -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answering(base: BaseModel) -> Template:
    return build_template("chat", "Nimzo", SpecialTokens(*SPECIAL[:2], HEADERS), system="Sois bref.", conversation=True)


def test_the_second_message_is_answered_with_the_first_turn_before_it(gguf, base, answering, capsys):
    seeded = ChatModel(gguf, answering, SHORT, num_ctx=1024)
    talk = ChatSession(seeded, "a message", base.tokenizer)
    talk.say("été ?")
    talk.say("et l'hiver ?")
    first = seeded.answer("été ?")
    assert talk.turns == [("été ?", first), ("et l'hiver ?", seeded.answer("et l'hiver ?", history=[("été ?", first)]))]
    assert talk.turns[1][1] != seeded.answer("et l'hiver ?")
    talk.command("/clear")
    talk.say("et l'hiver ?")
    assert talk.turns == [("et l'hiver ?", seeded.answer("et l'hiver ?"))]
    talk.command("/set system Autrement.")
    talk.command("/set system")
    assert capsys.readouterr().out.endswith("the prompt now says: Sois bref.\n")


def test_what_no_longer_fits_the_context_is_forgotten_by_whole_turns_from_the_oldest_and_told(gguf, base, answering, capsys):
    turns = [(f"message {number}", "mot " * 20) for number in range(8)]
    talk = ChatSession(ChatModel(gguf, answering, SHORT, num_ctx=512), "a message", base.tokenizer, turns=turns)
    kept = talk.remembered("et alors ?")
    assert f"(the first {8 - len(kept)} of 8 turns are beyond the context of 512 tokens)" in capsys.readouterr().out

    def size(history: list[tuple[str, str]]) -> int:
        return len(base.tokenizer.prompt_ids(answering.prompt("et alors ?", history=history), add_bos=True))

    assert 0 < len(kept) < 8 and kept == turns[-len(kept) :]
    assert size(kept) + SHORT.num_predict <= 512 < size(turns[-len(kept) - 1 :]) + SHORT.num_predict
    assert talk.remembered("mot " * 500) == []
