"""French and English phrases by which a wish, a label and words about the task are known."""

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
"""Something to be done with words, asked for: an order, or a question whether one could; "Do you make bread?" is none.

Straight apostrophes.
"""
