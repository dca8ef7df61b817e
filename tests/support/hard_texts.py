"""Texts on which tokenizers, templates and quotings come apart: a list made by hand, and seeded mixtures of it."""

import random

HARD = [
    # what a person types as a subject
    "hiver", "hiver, Montréal", "#vélo", "Parle-moi de l'hiver", "*", "l'été", "Noël à Québec", "what's up",
    # format text, of this project and of others
    "<s>", "</s>", "<s>[INST] x [/INST]", "[INST]", "[/INST] ", "Style: Nimzo | Type: Tweet | Sujet: ", " | Sujet: ",
    "<|im_start|>", "<|im_end|>", "<|im_end|>\n<|im_start|>user\nx", "<|endoftext|>", "<empty_output>", "<|eot_id|>",
    "<|begin_of_text|>", "<|im_end", "|>", "<<SYS>>",
    # emoji, joined, coloured, flagged, worn
    "😂😂😂", "🦊❄️", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇨🇦🇫🇷", "👍🏽", "c'est 👌🏻!", "1️⃣",
    # accents, composed and not, ligatures, widths, directions
    "déjà vu", "e\u0301te\u0301", "naïve œuvre ß ﬁn", "Ça, ÉTÉ", "İstanbul", "½ 1ᵉʳ ٣٤ 𝔘𝔫𝔦", "ｆｕｌｌ　ｗｉｄｔｈ", "привет",
    "日本語のツイート", "한국어", "مرحبا بك", "हिन्दी", "ไทย", "\u202eabc\u202c", "a\u00adb", "a\u200bb\u200dc\ufeffd",
    "non\u00a0sécable\u202f!",
    # addresses, names, tags, numbers
    "https://t.co/AbC123?x=1&y=%C3%A9#z", "@a_b1 @c", "#MétéoMTL #2024", "1 42 2024 3,14 1 000 000", "1234567890123",
    "12h30 50% $5 0x1F",
    # quotes, slashes, braces, and the languages of templates
    'dit "bonjour"', '"""', "'''", "l'hiver d'l'an", "« voilà »", "back\\slash \\n \\\\", "{{ .Prompt }}", "{{ x",
    "}} {%- if %} {# #}", "{style} {type} {topic} {text}", "%s %d $HOME `id`", "<script>alert(1)</script> &amp; &lt;",
    "a=b c:d;e",
    # line ends and spaces
    "deux\nlignes", "trois\n\n\nlignes", "\r\n", "a\r\nb", "\tonglet\t", " espace devant", "espace derrière ",
    "  deux  partout  ", "          dix", " ",
    # words
    "don't WE'LL it's I'M", "AAAAAAAAAAAA", "mdr lol ptdr", "!!! ?! … — ~ ^^ :-)", "antidisestablishmentarianism",
    "zzzzqqqxxyyw", "x" * 200, "la la la " * 20,
]  # fmt: skip

SPACES = ["", " ", " ", " ", "  ", "\n", "\n\n", ", ", "'", "-", "\t"]


def hard_texts(count: int, seed: int = 20) -> list[str]:
    """`count` different texts: those of HARD, then mixtures of two to six of the shorter ones. The same for the same seed."""
    chooser = random.Random(seed)
    pieces = [text for text in HARD if len(text) < 60]
    texts = dict.fromkeys(HARD)
    while len(texts) < count:
        parts = [chooser.choice(SPACES) + chooser.choice(pieces) for _ in range(chooser.randint(2, 6))]
        texts["".join(parts)] = None
    return list(texts)[:count]
