"""French and English phrases by which a refusal, a wish and a label are known."""

from __future__ import annotations

import re


def _any_of(patterns: str) -> str:
    return "|".join(line.strip() for line in patterns.strip().splitlines())


LABEL = re.compile(
    r"""(?:(?:voici|voilà|here[ ]is|here['’]s)[ ])?(?:l['’]|(?:le|la|un|une|the|an?)[ ])?(?:short[ ])?
        (?:message|question|remarque|remark|demande|request|réponse|answer|ami|friend)
        (?:[ ](?:de|du|d['’]|of|from)[^:?!.]{0,20})? [ ]? : [ ]*""",
    re.I | re.X,
)
"""What a model writes before its message: "Question de l'ami :"."""

_CANNOT_FR = (
    r"\b(?:je|j') ?(?:ne |n')?"
    r"(?:(?:peux|puis|saurais|souhaite|veux|préfère)(?: malheureusement)? pas|suis pas (?:en mesure|capable|autorisée?)|ai pas le droit)"
)
_CANNOT_EN = (
    r"\bi(?: can(?:not|'t| not)| won't| will not| (?:must )?decline to"
    r"|(?: am|'m) (?:unable|not (?:able|allowed|comfortable|going)) ?(?:to)?)"
)
_THIS_FR = (
    r"(?:(?:cette|votre) question|contenus?|messages?|tweets?|textes?|phrases?|demandes?|requêtes?|consignes?|instructions?|sujets?"
    r"|ce type de|ce genre de|propos)\b"
)
_THIS_EN = (
    r"(?:content|messages?|tweets?|texts?|sentences?|requests?|prompts?|instructions?|topics?|material|that kind of|this kind of"
    r"|responses?|language)\b(?! from| of)"
)
_WORDS_FR = (
    r"(?:créer|écrire|rédiger|produire|générer|inventer|composer|traiter|répondre|donner suite|satisfaire|formuler|proposer|aborder"
    r"|continuer|discuter)"
)
_WORDS_EN = r"(?:help|provid|generat|creat|writ|produc|answer|respond|discuss|do|say|continu)(?:e|ing)?"
_DO_FR = r"(?:faire|dire|répondre à|écrire)"
_MAKERS = r"(?:openai|google|meta|mistral|alibaba|anthropic)"
_THAT_IS_ALL = r" (?:that|this|so|it)[.! ]*(?:$|[.!;])"

REFUSALS = re.compile(
    _any_of(
        rf"""
        \bas an? (?:ai|artificial|(?:large )?language model|assistant)\b
        \bi(?: am|'m) (?:just |only )?an? (?:ai|(?:large )?language model|assistant|chatbot)\b
        {_CANNOT_EN} (?:engage|assist|comply|fulfil|participate)
        {_CANNOT_EN} (?:help|assist) you (?:with|there|,|\.)
        {_CANNOT_EN} {_WORDS_EN}\b(?! (?:his|her|their|my)\b)[^.?!]{{0,40}} {_THIS_EN}
        {_CANNOT_EN} (?:help with|provide|generate|create|write|produce|answer|respond to|discuss){_THAT_IS_ALL}
        \b(?:sorry|apologi[sz]e|unfortunately|afraid)\b[,.;]? ?(?:but )?{_CANNOT_EN} (?:do|say){_THAT_IS_ALL}
        \bi don't have (?:personal (?:opinion|feeling|experience|belief|preference)|feelings(?= or|[,.]))
        \bi don't have (?:the ability to (?:feel|write|create|generate|access)|access to (?:your|that|real))
        \ben tant qu(?:e (?:modèle|assistant|chatbot)|['’]?(?:ia\b|intelligence|assistante?\b))
        \bje (?:ne )?suis (?:qu')?(?:une? )?(?:ia\b|intelligence artificielle|modèle de|assistante? (?:virtuel|ia\b)|chatbot)
        {_CANNOT_FR} (?:de |d')?vous aider
        {_CANNOT_FR} (?:de |d')?(?:t')?aider (?:avec|à|pour|sur) (?:ça|cela|cette|ce)\b
        {_CANNOT_FR}[^.?!]{{0,15}} {_WORDS_FR}\b[^.?!]{{0,25}} {_THIS_FR}
        \bje (?:refuse|dois refuser|m'abstiens) (?:de |d'){_WORDS_FR}\b[^.?!]{{0,25}} {_THIS_FR}
        \bil m'est impossible (?:de |d'){_WORDS_FR}\b
        {_CANNOT_FR} (?:de |d')?{_WORDS_FR} (?:ça|cela)[.! ]*$
        {_CANNOT_FR} (?:de )?participer à (?:cette|ce)\b
        \b(?:would be|is|not) (?:in)?appropriate (?:for me )?to (?:answer|respond|write|create|comment)
        {_CANNOT_FR} (?:de |d')?(?:générer|satisfaire|fournir)\b
        (?:désolée?|navrée?|malheureusement|excusez?-moi)\b[,.;]? ?(?:mais )?{_CANNOT_FR} (?:de )?{_DO_FR} (?:ça|cela)[.! ]*$
        \b(?:i am|i'm|je suis|je m'appelle) (?:chatgpt|gemma|llama|qwen|mistral)\b
        \b(?:trained|made|developed|created) by {_MAKERS}\b
        \b(?:entraînée?|créée?|développée?|conçue?) par {_MAKERS}\b
        """
    ),
    re.I,
)
"""Straight apostrophes. What cannot be done must be words of some kind, or all that is said: one may be unable to come."""

_ANNOUNCED = r"^(?:(?:sure|certainly|of course|bien sûr|d'accord)[,!.]? )?(?:voici|voilà|here is|here's|here are)"
_A_MESSAGE = r"(?:message|question|remarque|remark|demande|request|réponse|response|reply|phrase|sentence|tweet)s?"
ABOUT_THE_TASK = re.compile(
    _any_of(
        rf"""
        :\s*$
        ^(?:ce|le|this|the) (?:tweet|texte|text|message) (?:parle|décrit|évoque|raconte|mentionne|exprime|concerne|semble)
        ^(?:ce|le) (?:tweet|texte|message) fait référence
        ^(?:ce|le|this|the) (?:tweet|texte|text|message) (?:is about|talks? about|describes?|mentions?|expresses|refers|seems|conveys|reads)
        \b(?:l'auteure?|the author|the writer) (?:de |of )?(?:du |ce |this |the )?(?:tweet|texte|text|message)
        \b(?:texte|tweet) entre guillemets|\b(?:text|tweet) in quotes|\bquoted (?:text|tweet)
        {_ANNOUNCED} (?:une?|le|la|les|des|an?|the|your|ma|my|ta)?[ ]?(?:short |courte |petite )?{_A_MESSAGE}\b
        """
    ),
    re.I,
)
"""Words about the tweet or the task instead of a message: what a model announces, or tells of the text that it was given."""

_VERBS = _any_of(
    r"""
    tweet(?:e[rz]?|s)?|gazouille[rz]?|écri(?:re|s|vez)|rédige[rz]?|racont(?:e[rz]?)|parle[rz]?|dis|dites|dire|fais|faites|faire|donne[rz]?
    invente[rz]?|compose[rz]?|décri(?:s|re|vez)|explique[rz]?|poste[rz]?|partage[rz]?
    write|tell|say|talk|post|give|share|describe|make|compose|explain
    """
)
_JUST_BEFORE = r"(?:please|just|allez|go|hey|now|maintenant|alors|donc|et|and|plaît|stp|svp|toi|let's|to)"
_ASKS_FOR = _any_of(
    r"""
    (?:can|could|will|would) you
    (?:tu|vous) (?:peux|pourrais|veux|voudrais|pouvez|pourriez|voulez)
    (?:peux|pourrais|veux|voudrais)[-\s]tu
    (?:pouvez|pourriez|voulez)[-\s]vous
    j'aimerais|je (?:veux|voudrais)|i want|i'd (?:like|love)|i would (?:like|love)
    how about you|il faut que tu|tu dois|tu devrais|you (?:should|must|have to)
    """
)
WISH = re.compile(
    rf"""(?:^|[,;:.!?…]\W*|\b{_JUST_BEFORE}[ ])\W*(?:{_VERBS.replace(" ", "[ ]")})\b
    |\b(?:{_ASKS_FOR.replace(" ", "[ ]")})\b[^.!?]*\b(?:{_VERBS.replace(" ", "[ ]")})\b
    |^[^?]*\b(?:tweet|gazouillis)\b[^?]*$""",
    re.I | re.X,
)
"""Something to be done with words, asked for: an order, or a question whether one could; "Do you make bread?" is none.

Straight apostrophes.
"""
