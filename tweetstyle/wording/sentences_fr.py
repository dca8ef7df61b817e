"""Stored English sentences in French."""

from __future__ import annotations

import re

GROUPS = "se ramènent à {1} jours indépendants seulement (un fil, ou un même texte répété, compte une fois)"
SENTENCES = (
    (
        r"(\d+) test tweets and (\d+) written ones are too few, too short or too much alike to measure how far their style lies apart\.",
        "{0} tweets de test et {1} tweets écrits sont trop peu nombreux, trop courts ou trop pareils pour mesurer l’écart de style.",
    ),
    (
        r"Lengths are too unlike to compare whole tweets at equal lengths: the style distance is of their beginnings, without ends\.",
        "Les longueurs diffèrent trop pour comparer des tweets entiers à longueur égale : l’écart de style est celui de leurs débuts, sans "
        "les fins.",
    ),
    (r"(\d+) training tweets are too few to find habits in\.", "{0} tweets d’entraînement ne suffisent pas pour y trouver des habitudes."),
    (
        r"(\d+) test tweets are too few to hold each one's message against four others of other days: .*",
        "{0} tweets de test sont trop peu pour tenir le message de chacun face à quatre autres d’autres jours : si les réponses vont à "
        "leurs messages n’est pas mesuré.",
    ),
    (
        r"The model has no room for the words that tell it how to write: that baseline is not there\.",
        "Le modèle n’a pas la place de lire les mots qui lui disent comment écrire : ce point de comparaison manque.",
    ),
    (
        r"(\w+): its tweets come to (\d+) independent days? only \(.*\), too few to say how sure the figures are\.",
        f"{{0}} : les tweets {GROUPS}, trop peu pour dire à quel point les chiffres sont sûrs.",
    ),
    (
        r"(\w+): its tweets come to (\d+) independent days? only \(.*\), so the interval may be too narrow\.",
        f"{{0}} : les tweets {GROUPS} : l’intervalle est peut-être trop étroit.",
    ),
    (
        r"(\w+): the tuned model predicts new tweets worse than the base model\..*",
        "{0} : le modèle entraîné prédit les nouveaux tweets moins bien que le modèle de base. Il a surappris, ou appris trop vite : "
        "essayez moins d’époques, un taux d’apprentissage plus petit ou plus de tweets.",
    ),
    (
        r"(\w+): the tuned model predicts new tweets no better than the base model: it learned nothing measurable\.",
        "{0} : le modèle entraîné ne prédit pas mieux les nouveaux tweets que le modèle de base : il n’a rien appris de mesurable.",
    ),
    (
        r"(\w+): (\d+) tweets are too few, or the change too small, to tell whether the tuning helped\.",
        "{0} : {1} tweets sont trop peu, ou le changement trop petit, pour dire si l’entraînement a aidé.",
    ),
    (
        r"(\w+): (\d+) tweets longer than the model can hold were left out\.",
        "{0} : {1} tweets plus longs que ce que le modèle peut lire ont été laissés de côté.",
    ),
    (
        r"Overfitting set in after step (\d+): validation went from ([\d.]+) up to ([\d.]+) bits per byte at step (\d+)\..*",
        "Le surapprentissage a commencé après le pas {0} : la validation est passée de {1} à {2} bits par octet au pas {3}. Le meilleur "
        "point de contrôle a été gardé, non le dernier ; plus d’époques ne feraient qu’apprendre vos anciens tweets par cœur.",
    ),
)
GATE = (
    (
        r"(.+): what was trained is what speaks, in every check that was made\.",
        "{0} : ce qui a été entraîné est ce qui parle, dans chaque contrôle fait.",
    ),
    (
        r"(.+): answers often do not end, for the training was too short\.",
        "{0} : les réponses souvent ne finissent pas, car l’entraînement était trop court.",
    ),
    (r"(.+): rejected\.", "{0} : refusé."),
    (r"Not made: (.+)\.", "Pas faits : {0}."),
)
"""The gate's verdict has one to three of these."""


def in_french(sentence: str) -> str | None:
    """The same sentence in French; None where it is not known."""
    for pattern, french in SENTENCES:
        if found := re.fullmatch(pattern, sentence, re.DOTALL):
            return french.format(*found.groups())
    if found := re.fullmatch(r"(\w+): (.+) predicts new tweets better than the tuned model: .*", sentence):
        from tweetstyle.wording.words import Say

        best = Say("fr").baseline(found[2])
        return f"{found[1]} : {best} prédit les nouveaux tweets mieux que le modèle entraîné : l’entraînement ne vaut pas encore sa peine."
    return _gate_verdict(sentence)


def _listed(names: str) -> str:
    """ "a, b and c": types of file, or names of checks."""
    from tweetstyle.wording.words import Say

    *before, last = [Say("fr").named("checks", name) for name in re.split(r", | and ", names)]
    return f"{', '.join(before)} et {last}" if before else last


def _gate_verdict(text: str) -> str | None:
    said = []
    for sentence in re.split(r"(?<=\.) ", text):
        known = next((french.format(_listed(found[1])) for pattern, french in GATE if (found := re.fullmatch(pattern, sentence))), None)
        if known is None:
            return None
        said.append(known)
    return " ".join(said)
