"""The Modelfile says what training said, and refuses what Ollama would read otherwise."""

import pytest
from support.chat_templates import CHATML

from tweetstyle.errors import TweetstyleError
from tweetstyle.export.modelfile import check_context, head_length, modelfile, quoted
from tweetstyle.model.base import read_base_model
from tweetstyle.prompt.template import SpecialTokens, build_template
from tweetstyle.recipe import Export, Sampling

TOKENS = SpecialTokens("<s>", "</s>", None)


def test_every_line_is_written_as_ollama_reads_it():
    """Real Ollama reads them back in tests/integration/test_modelfile_ollama.py."""
    template = build_template("inst", 'Nimzo "le grand"', TOKENS)
    sampling = Sampling(temperature=0.7, top_k=30, top_p=0.9, min_p=0.02, repeat_penalty=1.2, num_predict=99, seed=7)
    comment, *lines = modelfile("nimzo-q4_k_m.gguf", template, Export(num_ctx=1024), sampling, 9).splitlines()
    assert comment.startswith("#")
    assert lines == [
        "FROM ./nimzo-q4_k_m.gguf", f'TEMPLATE """{template.ollama()}"""', 'PARAMETER stop "</s>"', 'PARAMETER stop "[INST]"',
        "PARAMETER temperature 0.7", "PARAMETER top_k 30", "PARAMETER top_p 0.9", "PARAMETER min_p 0.02",
        "PARAMETER repeat_penalty 1.2", "PARAMETER num_predict 99", "PARAMETER num_ctx 1024", "PARAMETER num_keep 9", "PARAMETER seed 7",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("format", "custom", "head"),
    [
        ("inst", None, "[INST] Style: Nimzo | Type: Tweet | Sujet:"),
        ("text", None, ""),
        ("chat", None, "<|im_start|>system\nStyle: Nimzo | Type: Tweet<|im_end|>\n<|im_start|>user\n"),
        ("custom", "<s>{style}/{type}: {topic} => {text}", "Nimzo/Tweet:"),
        ("custom", "{topic} by {style}: {text}", ""),
        ("custom", "<s>{style} writes: {text}", "Nimzo writes:"),
    ],
)
def test_the_head_is_what_stands_before_the_message_in_whole_tokens(base_model_dir, format, custom, head):
    """The space before a subject is of the subject's first token. Ids by transformers."""
    from transformers import AutoTokenizer

    base = read_base_model(base_model_dir)
    template = build_template(format, "Nimzo", base.tokens, custom)
    assert template.prompt("hiver").startswith(head)
    expected = len(AutoTokenizer.from_pretrained(base_model_dir)(head, add_special_tokens=False)["input_ids"])
    assert head_length(template, base.tokenizer) == expected


def test_a_head_that_leaves_the_message_less_than_half_of_the_context_is_refused(base_model_dir):
    base = read_base_model(base_model_dir)
    template = build_template("chat", "Nimzo", base.tokens, system="Be brief. " * 20, conversation=True)
    head = head_length(template, base.tokenizer)
    check_context(template, base.tokenizer, 2 * head)
    with pytest.raises(TweetstyleError, match=f"export.num_ctx: the prompt has {head} tokens before the message") as caught:
        check_context(template, base.tokenizer, 2 * head - 1)
    assert "prompt.system" in caught.value.hint


@pytest.mark.parametrize("refused", ["\u00a0", "\u200d", "\x00", "\r", '"""\n'])
def test_what_ollama_would_read_otherwise_is_refused_by_its_number(refused):
    name = f"U\\+{ord(refused):04X}" if len(refused) == 1 else '"""'
    with pytest.raises(TweetstyleError, match=f"prompt: {name} is not allowed in a Modelfile"):
        quoted(f"a{refused}b", "prompt")


def test_a_system_line_is_in_the_modelfile_where_it_was_trained():
    tokens = SpecialTokens("<|im_start|>", "<|im_end|>", CHATML)
    line = 'Réponds "vite"\net bien'
    with_line, without = (build_template("chat", "Nimzo", tokens, system=of, conversation=True) for of in (line, None))
    assert f'SYSTEM """{line}"""\nPARAMETER stop "<|im_end|>"\n' in modelfile("a.gguf", with_line, Export(), Sampling(), 9)
    assert "SYSTEM" not in modelfile("a.gguf", without, Export(), Sampling(), 9)
