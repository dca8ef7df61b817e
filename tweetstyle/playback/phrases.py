"""Phrases by which a model refuses or talks about the task."""

from __future__ import annotations

import re


def any_of(patterns: str) -> str:
    """One pattern that matches where one of these does, each on a line of its own."""
    return f"(?:{'|'.join(line.strip() for line in patterns.strip().splitlines())})"


LABEL = re.compile(
    r"""(?:(?:voici|voilà|here[ ]is|here['’]s)[ ])?(?:l['’]|(?:le|la|un|une|the|an?)[ ])?(?:short[ ])?
        (?:message|question|remarque|remark|demande|request|réponse|answer|ami|friend)
        (?:[ ](?:de|du|d['’]|of|from)[^:?!.]{0,20})? [ ]? : [ ]*""",
    re.I | re.X,
)
"""What a model writes before its message: "Question de l'ami :"."""

_ANNOUNCED = r"^(?:(?:sure|certainly|of course|bien sûr|d'accord)[,!.]? )?(?:voici|voilà|here is|here's|here are)"
_A_MESSAGE = r"(?:message|question|remarque|remark|demande|request|réponse|response|reply|phrase|sentence|tweet)s?"
ABOUT_THE_TASK = re.compile(
    any_of(
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

_VERBS = any_of(
    r"""
    tweet(?:e[rz]?|s)?|gazouille[rz]?|écri(?:re|s|vez)|rédige[rz]?|racont(?:e[rz]?)|parle[rz]?|dis|dites|dire|fais|faites|faire|donne[rz]?
    invente[rz]?|compose[rz]?|décri(?:s|re|vez)|explique[rz]?|poste[rz]?|partage[rz]?
    write|tell|say|talk|post|give|share|describe|make|compose|explain
    """
)
_JUST_BEFORE = r"(?:please|just|allez|go|hey|now|maintenant|alors|donc|et|and|plaît|stp|svp|toi|let's|to)"
_ASKS_FOR = any_of(
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
"""A request for something done with words: an order, or a question whether one could; "Do you make bread?" is none.

Straight apostrophes.
"""

_SELF = any_of(
    r"""
    \b(?:as|i(?: am|'m)(?: just| only)?) an? (?:ai|artificial|(?:large )?language model|(?:virtual |ai )?assistant|chatbot)\b
    \b(?:i am|i'm|je suis|je m'appelle) (?:chatgpt|gemma|llama|qwen|mistral|smollm)\b
    \bi don't have (?:personal |feelings(?= or|[,.])|the ability to|access to (?:your|that|real))
    \b(?:against|violates?) my (?:guidelines|programming|policies)\b
    \ben tant qu(?:e (?:modèle|assistant|chatbot|programme)|'?(?:ia\b|intelligence|assistante?\b))
    \bje (?:ne )?suis (?:qu')?(?:une? )?(?:ia\b|intelligence artificielle|modèle de lang|assistante? (?:virtuel|ia\b)|chatbot)
    \bje n'ai pas (?:d'opinions? personnelle|d'émotions?|de sentiments?(?= ni|[,.])|accès à (?:internet|vos))
    \b(?:trained|made|developed|created|entraînée?|créée?|développée?|conçue?) (?:by|par) (?:openai|google|meta|mistral|alibaba|anthropic)\b
    """
)
"""A model that speaks of itself."""
_CANNOT = any_of(
    r"""
    \b(?:je|nous) (?:ne |n')\w+ (?:\w+ )?(?:pas|rien)
    \bje (?:préfère (?:ne )?pas|refuse|dois (?:refuser|décliner)|(?:crains|regrette) de ne pas)
    \bil m'est impossible|\bje ne saurais
    \b(?:i|we) (?:\w+ly |just |also )?(?:can(?:not|'t| not)|won't|will not|could(?:n't| not))
    \bi(?: am|'m) (?:\w+ly )?(?:unable|not (?:able|allowed|comfortable|programmed|designed|willing))
    \bi (?:must |have to )?(?:respectfully )?(?:decline|refuse)
    \bi(?:'d| would) (?:rather|prefer) not|\bi (?:don't|do not) (?:think i can|feel comfortable)
    """
)
_TASK = any_of(
    r"""
    (?:répond|aid|assist|écri|rédig|cré|génér|produi|compos|trait|satisf|fourni|accéd|comment|discut|particip|imagin|donner suite)\w*
    (?:help|assist|comply|compli|fulfil|answer|respond|reply|writ|creat|generat|provid|engag|discuss|comment|complet)\w*
    \w*(?:offens|insult|inappropri|hateful|haineu|irrespect|disrespect)\w*
    """
)
_TASK_REFUSED = any_of(
    r"""
    \b(?:cette|votre) (?:demande|requête|consigne) (?:dépasse|ne peut|est (?:contraire|inappropriée)|n'est pas|va à l'encontre)
    \b(?:this|that|your) (?:request|prompt) (?:can(?:'t|not| not)|is (?:not|inappropriate)|isn't|violates|goes against)
    \b(?:ne comprends pas|n'ai pas compris) (?:cette|votre|la) (?:demande|requête)
    \b(?:don't|do not) understand (?:this|your|the) (?:request|prompt)
    \bnot something (?:that )?i can\b
    \b(?:inappropriate|not appropriate) (?:for me )?to (?:answer|respond|write)
    \b(?:inapproprié|pas approprié) (?:pour moi )?(?:de |d')(?:répondre|écrire)
    """
)
_REFUSAL = re.compile(rf"{_SELF}|{_TASK_REFUSED}|{_CANNOT}\b[^.?!,;]{{0,40}}?\b{_TASK}", re.I)
_APOLOGY = r"désolée?|navrée?|excuses?|je regrette|malheureusement|sorry|apolog\w+|unfortunately|afraid"
_SORRY = re.compile(rf"\b(?:{_APOLOGY})\b", re.I)
_NOTHING_ELSE = re.compile(
    rf"(?:\W|\b(?:{_APOLOGY}|oh|bonjour|hello|hi|je suis|i'm|i am|my|mes|so|really|vraiment|but|mais)\b)*"
    rf"(?:{_CANNOT})(?: (?:to |de )?(?:faire|do|continue[rz]?) ?(?:ça|cela|that|this)?)?(?:\W|\b(?:{_APOLOGY})\b)*",
    re.I,
)


def is_refusal(message: str) -> bool:
    """Whether a model refuses or speaks of itself. What a friend cannot do is one too where it is done with words, such as answering:
    another message is written for the tweet then."""
    straight = " ".join(message.replace("’", "'").split())
    return bool(_REFUSAL.search(straight) or (_SORRY.search(straight) and _NOTHING_ELSE.fullmatch(straight)))
