"""300 strings on which tokenizers, templates and quotings come apart. Written for this purpose; none is anyone's tweet.

What cannot be seen is escaped. NUL is not among them: it ends a C string, and prepare leaves no tweet that holds one.
"""

from __future__ import annotations

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
