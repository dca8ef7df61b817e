"""French and English phrases by which a refusal, a wish and a label are known."""

from __future__ import annotations

import re


def _any_of(patterns: str) -> str:
    return "|".join(line.strip() for line in patterns.strip().splitlines())


LABEL = re.compile(
    r"""(?:l['’]|le[ ]|la[ ]|the[ ])?
        (?:message|question|remarque|remark|demande|request|réponse|answer|ami|friend)
        (?:[ ](?:de|du|d['’]|of|from)[^:?!.]{0,20})? [ ]? : [ ]*""",
    re.I | re.X,
)
"""What a model writes before its message: "Question de l'ami :"."""

REFUSALS = re.compile(
    _any_of(
        r"""
        \bas an? (?:ai|artificial|(?:large )?language model|assistant)\b
        \bi(?: am|'m) (?:just |only )?an? (?:ai|(?:large )?language model|assistant)\b
        \bi(?: can(?:not|'t| not)|(?: am|'m) (?:unable|not able) to) (?:help|assist|provide|generate|create|fulfil|comply|write|answer)
        \bi(?:'m| am) sorry,? but\b
        \bi don't have (?:personal|feelings|the ability|access)
        \ben tant qu(?:e (?:modèle|assistant|chatbot)|['’]?(?:ia\b|intelligence|assistante?\b))
        \bje suis (?:une? )?(?:ia\b|intelligence artificielle|modèle)
        \bje (?:ne )?(?:peux|puis|suis) pas (?:en mesure |capable )?(?:de |d'|vous |t')*(?:aider|répondre|fournir|générer|satisfaire)
        \bje suis désolée?,? mais\b
        \b(?:chatgpt|openai)\b
        """
    ),
    re.I,
)
"""Straight apostrophes."""

WISH = re.compile(
    r"\b(?:"
    + _any_of(
        r"""
        tweet\w*|gazouill\w*|écri[str]\w*|rédige\w*|racont\w*|parl\w+|dis|dites|fais|faites|donne\w*|invent\w*
        compos\w*|décri[st]\w*|explique\w*|poste\w*|partage\w*
        write|tell|say|talk|post|give|share|describe|make|compose|explain
        """
    )
    + r")\b",
    re.I,
)
"""Something to be done with words."""
