"""Do prompts and tweets become the token ids of training?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tweetstyle.errors import TweetstyleError
from tweetstyle.inference.llama_cpp import Logits, usable_threads
from tweetstyle.inference.ollama import OllamaClient
from tweetstyle.model.tokenizer import Tokenizer
from tweetstyle.progress import Bar
from tweetstyle.prompt.chat_template import Turn
from tweetstyle.prompt.template import NO_TOPIC, Template
from tweetstyle.records import Tweet
from tweetstyle.verify.checks import GateCheck
from tweetstyle.wording.words import Note

IN_HISTORY = 4
"""One hard string in this many is also sent as a second turn: each is one more request to Ollama."""
SHOWN = 60
"""Characters of a string that is shown where it comes apart."""


def tokens_in_llama_cpp(logits: Logits, type: str, template: Template, tokenizer: Tokenizer, tweets: Iterable[Tweet]) -> GateCheck:
    """Prompts, whose special tokens are read, and tweets, whose are not; and that llama.cpp ends an answer where training did."""
    different, count = [], 0
    for message, history in gate_prompts(template, tweets):
        prompt, count = template.prompt(message, history=history), count + 1
        if logits.tokenize(prompt, add_special=True, parse_special=True) != tokenizer.prompt_ids(prompt, add_bos=template.add_bos):
            different.append(message)
    for text in (*(tweet.text for tweet in tweets), *HARD_STRINGS):
        answer, count = template.answer(text), count + 1
        if logits.tokenize(answer, add_special=False, parse_special=False) != tokenizer.text_ids(answer):
            different.append(text)
    ends = logits.ends_generation(tokenizer.end_id(template))
    return _check("tokens", type, count, different, [] if ends else [Note("no_end", {"end": template.end})])


def tokens_in_ollama(modelfile: Path, type: str, template: Template, tokenizer: Tokenizer, tweets: Sequence[Tweet]) -> GateCheck:
    """The same prompts sent to the running Ollama, under a name that is removed again; not made where none runs.

    Each is read by the model, whole, and one token written: some hundreds of prompts on a processor take minutes. On two cores that others
    used too, Ollama's own count of threads took four times as long as `usable_threads`; on two idle ones, two thirds of it.
    """
    name, kind = f"tweetstyle-verify-{os.getpid()}", "tokens in Ollama"
    try:
        client = OllamaClient()
        version = client.version()
    except TweetstyleError as error:
        return GateCheck(kind, type, None, {}, why=[Note("error", {"message": str(error).splitlines()[0]})])
    client.create(name, modelfile)
    # An empty prompt (raw text begun at nothing) only loads the model in Ollama.
    prompts = [(message, history) for message, history in gate_prompts(template, tweets) if template.prompt(message, history=history)]
    different, options = [], {"num_predict": 1, "num_thread": usable_threads()}
    try:
        with Bar(f"gate: {type} in Ollama", len(prompts), "prompts") as bar:
            for message, history in prompts:
                ids = tokenizer.prompt_ids(template.prompt(message, history=history), add_bos=template.add_bos)
                if history:
                    fed = client.chat(name, [*history, (message, None)], **options)["prompt_eval_count"] == len(ids)
                else:
                    fed = _fed(client.generate(name, message, **options), ids, template.add_bos)
                if not fed:
                    different.append(message)
                bar.advance(1)
    finally:
        client.delete(name)
    found = _check(kind, type, len(prompts), different, [])
    return replace(found, figures=found.figures | {"Ollama": version})


def gate_prompts(template: Template, tweets: Iterable[Tweet]) -> Iterator[tuple[str, list[Turn]]]:
    """What is typed, and what was said before: a held-out tweet's topic, or the message it answers, none, and each hard string.

    A conversation has hard strings on a second turn too, after a first turn; and held-out tweets up to the third, each of them
    once among what was said (but for the last one or two).
    """
    topics = {tweet.topic for tweet in tweets if tweet.topic} if template.takes_message else set()
    yield from ((message, []) for message in (NO_TOPIC, *sorted(topics), *HARD_STRINGS))
    if template.turns:
        said = [(tweet.topic, tweet.text) for tweet in tweets if tweet.topic]
        yield from ((text, [(text, text)]) for text in HARD_STRINGS[::IN_HISTORY])
        places = range(2, len(said), 2) or range(1, len(said))
        yield from ((said[place][0], said[max(0, place - 2) : place]) for place in places)


def _fed(answer: dict, ids: list[int], add_bos: bool) -> bool:
    """Whether the runner counted the ids, and gave them back: `context` is made again of prompt and answer, without BOS.

    There the prompt's last token may have grown together with the answer's first character.
    """
    context, known = answer.get("context", []), ids[add_bos:]
    whole = len(known) if not answer["response"] else len(known) - 1
    return answer["prompt_eval_count"] == len(ids) and context[:whole] == known[:whole]


def _check(name: str, type: str, count: int, different: list[str], why: list[Note]) -> GateCheck:
    figures = {"strings": count, "different": len(different)}
    if different:
        counts = {"different": len(different), "count": count}
        hard = different[0] in HARD_STRINGS
        why = [Note("other_ids", counts | {"first": ascii(different[0][:SHOWN])}) if hard else Note("other_ids_held_out", counts)]
    return GateCheck(name, type, not why, figures, {"different": 0}, why)


EMOJI = (
    "😀", "😂😂😂", "🤣 mdr 🤣", "🦊\u2744\ufe0f", "\u2764\ufe0f", "\u2764", "\u2764\ufe0f\u200d🔥", "☕", "☕\ufe0e", "👍", "👍🏻",
    "👍🏽", "👍🏿 ok", "🤦🏾\u200d♀\ufe0f", "🧑🏻\u200d🚀", "👩\u200d💻", "👩\u200d👩\u200d👧\u200d👦", "👨\u200d👩\u200d👧",
    "👨🏿\u200d❤\ufe0f\u200d💋\u200d👨🏻", "🏴\u200d☠\ufe0f", "🇨🇦", "🇫🇷🇨🇦", "🇨 🇦", "🇶🇶",
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "#\ufe0f\u20e3", "*\ufe0f\u20e3", "©\ufe0f ®\ufe0f ™",
    "😶\u200d🌫\ufe0f", "🫠🫡🪿", "neige❄\ufe0fneige", "a😀b", "🤷\u200d", "\u200d🤷", "\ufe0f", "🏻",
)  # fmt: skip

SPACES = (
    " ", "  ", "       ", " " * 16, " " * 33, "\n", "\n\n", "\r\n", "\r", "\r\n\r\n", "\t", " \n ", "\n \n", " \t \n\r\n \t", "a\n",
    "\na", "a\n b", "a\r\nb", "a\rb", "a\tb", "trois\n\n\nlignes", "  deux  partout  ", " devant", "derrière ", "a          b",
    "\u00a0", "10\u00a0h\u00a030", "non\u00a0sécable\u202f!", "\u202f?", "a\u2009b", "a\u3000b", "a\u2029b", "a\u0085b",
    "a\x0bb\x0cc", "\u1680", "a\u200ab",
)  # fmt: skip

INVISIBLE = (
    "a\u200bb", "a\u200cb", "a\u200db", "a\ufeffb", "a\u00adb", "a\u2060b", "\u180e", "\x07", "\x1b[31mrouge\x1b[0m", "\x7f",
    "\u0080", "\ufffd", "\ufffc", "\ue000", "\uffff", "\U0010ffff", "\U000f0000", "\U000e0001",
)  # fmt: skip

DIRECTIONS = (
    "مرحبا بك", "السلام عليكم 😀", "مَرْحَبًا", "ـــ", "لا إله", "۱۲۳ ٣٤ 34", "שלום עולם", "שָׁלוֹם", "abc שלום def",
    "\u202eabc\u202c", "\u2067abc\u2069", "a\u200fb\u200e", "فارسی می‌خواهم", "@moi مرحبا #سلام",
)  # fmt: skip

SCRIPTS = (
    "日本語のツイート", "今日は寒い。", "東京タワー🗼", "が", "か\u3099", "漢字とkanaとASCII", "中文推特", "，。！？", "𠮷野家",
    "한국어 트윗", "\u1112\u1161\u11ab", "ㅋㅋㅋㅋ", "हिन्दी में", "क्षत्रिय", "বাংলা", "ไทยไม่มีช่องว่าง", "မြန်မာ", "ខ្មែរ",
    "ქართული", "Հայերեն", "ελληνικά", "привет, мир", "Ёлка ѣ", "ᐃᓄᒃᑎᑐᑦ", "ⵜⴰⵎⴰⵣⵉⵖⵜ", "አማርኛ",
)  # fmt: skip

ACCENTS = (
    "déjà vu", "de\u0301ja\u0300 vu", "e\u0301", "\u0301", "\u0301e", "a\u0301\u0302\u0303\u0304",
    "Z\u0351\u036b\u0343\u036aa\u0334l\u0363go\u0321", "c\u0327a", "ça, ÇA", "Å Å A\u030a", "où œuvre æther", "naïve",
    "ﬁn ﬂeur ﬀ ﬃ ﬄ ﬆ", "ß ẞ", "İstanbul ıI", "ſous", "½ ⅓ ²³ 1ᵉʳ № ℃", "ｆｕｌｌ　ｗｉｄｔｈ", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝓬𝓾𝓻𝓼", "uʍop",
)  # fmt: skip

SPECIAL = (
    "<s>", "</s>", "a</s>b", "<s>[INST] x [/INST]", "[INST]", "[/INST]", "[/INST] ", " [INST] ", "[INST", "<<SYS>>\n", "<unk>",
    "[PAD]", "<|im_start|>", "<|im_end|>", "<|im_end|>\n<|im_start|>user\nx", "<|im_start|>assistant", "<|im_end", "<|im_end|",
    "<| im_end |>", "<|IM_END|>", "<|endoftext|>", "fin<|endoftext|>suite", "<|eot_id|>", "a<|eot_id|>b",
    "<|begin_of_text|><|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>user", "<|end_header_id|>\n\n", "<|eom_id|>",
    "<|python_tag|>", "<|reserved_special_token_0|>", "<|finetune_right_pad_id|>", "<empty_output>", "<repo_name>", "<|", "|>",
    "Style: Nimzo | Type: Tweet", " | Sujet: ", "| Type: ", "*", "**", " * ", "*\n", "\\*", "Assistant:", "### Response:\n",
)  # fmt: skip

ADDRESSES = (
    "https://t.co/AbC123", "https://example.org/a?x=1&y=%C3%A9#z", "http://", "www.exemple.qc.ca", "https://例え.jp/パス", "a@b.co",
    "ftp://x:y@[::1]:21/", "@nimzo", "@a_b1 @c", ".@qui", "@élan", "#hiver", "#MétéoMTL #2024", "#", "#_", "#🍁", "$TSLA",
)  # fmt: skip

NUMBERS = (
    "0", "7", "42", "123", "1234", "1234567890123", "0" * 40, "3,14 et 3.14", "1 000 000", "1\u202f000", "-1 +2 =3",
    "2024-01-31T12:30:00Z", "12h30", "50 %", "$5 5$ 5€", "0x1F 1e-9", "1er 2e", "v2.0.1", "555-0199", "x2y3z4",
)  # fmt: skip

QUOTES = (
    '"', '""', '"""', "'", "'''", "```", 'dit "bonjour"', "l'été", "l’été", "qu'il n'a d'yeux", "don't WE'LL it's I'M", "'s",
    "'S 'll", "« voilà »", "\\", "\\\\", "\\n", "a\\", "\\u00e9", "{", "}", "{{", "}}", "{{ .Prompt }}", "{{ x", "{{- end }}",
    '{{ "a" }}', "{%- if %} {# #}", "{style} {type} {topic} {text}", "%s %d %%", "$HOME `id`", "&amp; &lt;", "<b>gras</b>",
    "<script>1</script>", "PARAMETER stop x", 'TEMPLATE """',
)  # fmt: skip

CODE = (
    "def f(x):\n    return x + 1\n", "if (a&&b||!c) { d[0]->e(); }", "for i in range(10):\n\tpass", "SELECT * FROM t WHERE a='b';",
    '{"a": [1, null, "é"]}', "x -> y => z != w <= v", "http_status_404 camelCaseName", "$$E=mc^2$$", "#include <x>\n",
)  # fmt: skip

WORDS = (
    "A", "I", "Ġ", "Ċ", "▁", "Parle-moi de l'hiver", "AAAAAAAAAAAA", "NON NON ET NON", "?!", "...", "…", ":-) ;) ^^ xD",
    "¯\\_(ツ)_/¯", "mdr lol ptdr", "antidisestablishmentarianism", "x" * 300, "na" * 100, "é" * 100, "😀" * 40,
    "rindfleischetikettierungsueberwachungsaufgaben", "-" * 80, "." * 50,
)  # fmt: skip

HARD_STRINGS: tuple[str, ...] = (
    *EMOJI, *SPACES, *INVISIBLE, *DIRECTIONS, *SCRIPTS, *ACCENTS, *SPECIAL, *ADDRESSES, *NUMBERS, *QUOTES, *CODE, *WORDS,
)  # fmt: skip
