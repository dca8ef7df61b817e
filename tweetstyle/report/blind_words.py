"""The texts of blind.html in English and French."""

from __future__ import annotations

from typing import Any

OPPONENTS = ("tuned", "examples", "base", "tuned-examples")
"""The tests that the page may offer, in the order shown; the last is a preference, not a recognition."""

_ENGLISH: dict[str, Any] = {
    "title": "Which one is yours?",
    "script": "This page needs JavaScript, which is switched off in this browser. It asks nobody for anything: all it "
    "needs is in this file.",
    "intro": "You see tweets, some of them yours and some written by a model, and say which are yours. At the end stand your score, what "
    "luck alone would give, and who wrote each text.",
    "level": "Your tweets here were put aside before the training. Links stand as [link] and names as @… on both sides, for they would "
    "give the answer away, and {alike} of nearly equal length as far as there are such pairs. Sides are drawn by lot.",
    "again_note": "Tweets of one test may come back in another: the first one you take is the surest.",
    "against": "Against whom?",
    "opponents": {
        "tuned": "the tuned model",
        "examples": "the base model, shown twenty of your tweets",
        "base": "the base model as it is",
        "tuned-examples": "the tuned model against the base model shown twenty of your tweets: which sounds more like you?",
    },
    "how": "How?",
    "mode_pairs": "two texts side by side: click the one that is yours",
    "mode_singles": "one text at a time: mine or not mine",
    "only_pairs": "Here there are pairs only: none of the texts is yours.",
    "begin": "Begin",
    "keys": "Keys: 1 or ← for the first answer, 2 or → for the second. Nothing is sent anywhere.",
    "back": "Back by one",
    "leave": "Leave this test",
    "again": "Take another test",
    "download": "Download the result (JSON)",
    "result": "Your result",
    "each": "Who wrote what",
    "words": {
        "place": "{place} of {count}",
        "few": "There are only {made} questions here and not {wanted}, for the tweets at hand give no more: the result says less.",
        "luck": "With {count} answers, anything from {least} to {most} can be luck.",
        "anyScore": "With so few answers, any score can be luck.",
        "repeated": "Questions with a text that you had seen in an earlier test on this page: {repeated}. They may have been easier.",
        "right": "right",
        "wrong": "wrong",
        "chosen": "your click",
        "youChose": "Your choice: {source}",
        "sources": {
            "real": "yours",
            "tuned": "the tuned model",
            "examples": "the base model shown twenty tweets",
            "base": "the base model",
        },
        "pairs": {
            "question": "Which one is yours?",
            "score": "You recognised {hits} of {count}: chance would be {half}.",
            "above": "That is more than luck explains: you can tell your tweets from this model's.",
            "inside": "So this does not show that you can tell your tweets from this model's.",
            "below": "That is less than luck explains: you took this model's tweets for yours.",
            "interval": "Your share of right answers is {share}; its 95% interval is {low} to {high}, and guessing gives 50%.",
        },
        "singles": {"question": "Is this yours?", "answers": ["mine", "not mine"]},
        "preference": {
            "question": "Which one sounds more like you?",
            "score": "You chose the tuned model {hits} times in {count}: without a preference it would be about {half}.",
            "above": "That is more than luck explains: the tuned model sounds more like you than the base model shown twenty of your "
            "tweets.",
            "inside": "So this does not show that one of them sounds more like you.",
            "below": "That is less than luck explains: the base model shown twenty of your tweets sounds more like you than the tuned one.",
            "interval": "The tuned model's share is {share}; its 95% interval is {low} to {high}, and no preference is 50%.",
        },
    },
}

_FRENCH: dict[str, Any] = {
    "title": "Lequel est de vous ?",
    "script": "Cette page a besoin de JavaScript, qui est désactivé dans ce navigateur. Elle ne demande rien à personne : tout est dans "
    "ce fichier.",
    "intro": "Vous voyez des tweets, les uns de vous, les autres écrits par un modèle, et vous dites lesquels sont de vous. À la fin, "
    "vous lisez votre score, ce que donnerait le seul hasard, et qui a écrit chaque texte.",
    "level": "Vos tweets d’ici ont été mis de côté avant l’entraînement. Des deux côtés, un lien devient [lien] et un nom @…, car ils "
    "donneraient la réponse, et {alike} de longueur voisine autant que possible. Les côtés sont tirés au sort.",
    "again_note": "Les tweets d’un test peuvent revenir dans un autre : le premier que vous faites est le plus sûr.",
    "against": "Contre qui ?",
    "opponents": {
        "tuned": "le modèle entraîné",
        "examples": "le modèle de base, à qui l’on a montré vingt de vos tweets",
        "base": "le modèle de base tel quel",
        "tuned-examples": "le modèle entraîné contre le modèle de base à qui l’on a montré vingt de vos tweets : lequel vous ressemble "
        "le plus ?",
    },
    "how": "Comment ?",
    "mode_pairs": "deux textes côte à côte : cliquez sur celui qui est de vous",
    "mode_singles": "un texte à la fois : de moi ou pas de moi",
    "only_pairs": "Ici, il n’y a que des paires : aucun des textes n’est de vous.",
    "begin": "Commencer",
    "keys": "Touches : 1 ou ← pour la première réponse, 2 ou → pour la seconde. Rien n’est envoyé nulle part.",
    "back": "Revenir d’un pas",
    "leave": "Quitter ce test",
    "again": "Faire un autre test",
    "download": "Télécharger le résultat (JSON)",
    "result": "Votre résultat",
    "each": "Qui a écrit quoi",
    "words": {
        "place": "{place} sur {count}",
        "few": "Il n’y a ici que {made} questions et non {wanted}, car les tweets disponibles n’en donnent pas plus : le résultat en dit "
        "moins.",
        "luck": "Avec {count} réponses, tout score de {least} à {most} peut venir du hasard.",
        "anyScore": "Avec si peu de réponses, tout score peut venir du hasard.",
        "repeated": "Questions avec un texte déjà vu dans un test précédent sur cette page : {repeated}. Elles étaient peut-être plus "
        "faciles.",
        "right": "juste",
        "wrong": "faux",
        "chosen": "votre clic",
        "youChose": "Votre choix : {source}",
        "sources": {
            "real": "de vous",
            "tuned": "le modèle entraîné",
            "examples": "le modèle de base avec vingt tweets",
            "base": "le modèle de base",
        },
        "pairs": {
            "question": "Lequel est de vous ?",
            "score": "Vous avez reconnu {hits} fois sur {count} : le hasard donnerait {half}.",
            "above": "C’est plus que n’explique le hasard : vous savez distinguer vos tweets de ceux de ce modèle.",
            "inside": "Cela ne montre donc pas que vous sachiez distinguer vos tweets de ceux de ce modèle.",
            "below": "C’est moins que n’explique le hasard : vous avez pris les tweets de ce modèle pour les vôtres.",
            "interval": "Votre part de réponses justes est de {share} ; son intervalle à 95 % va de {low} à {high}, et deviner donne 50 %.",
        },
        "singles": {"question": "Est-ce de vous ?", "answers": ["de moi", "pas de moi"]},
        "preference": {
            "question": "Lequel vous ressemble le plus ?",
            "score": "Vous avez choisi le modèle entraîné {hits} fois sur {count} : sans préférence, ce serait environ {half}.",
            "above": "C’est plus que n’explique le hasard : le modèle entraîné vous ressemble plus que le modèle de base à qui l’on a "
            "montré vingt de vos tweets.",
            "inside": "Cela ne montre donc pas que l’un des deux vous ressemble plus.",
            "below": "C’est moins que n’explique le hasard : le modèle de base à qui l’on a montré vingt de vos tweets vous ressemble "
            "plus que le modèle entraîné.",
            "interval": "La part du modèle entraîné est de {share} ; son intervalle à 95 % va de {low} à {high}, et sans préférence elle "
            "est de 50 %.",
        },
    },
}


_SHARED = {
    "en": {
        "topic": ("pairs are of one subject and", "Subject: {topic}"),
        "playback": ("pairs answer one message and are", "In answer to: {topic}"),
        "first-words": ("pairs begin alike and are", "Begun with: {topic}"),
    },
    "fr": {
        "topic": ("les paires sont du même sujet et", "Sujet : {topic}"),
        "playback": ("les paires répondent au même message et sont", "En réponse à : {topic}"),
        "first-words": ("les paires commencent de même et sont", "Début : {topic}"),
    },
}
"""Language → the recipe's prompt.message → what two texts share, in the introduction and above them."""


def words(language: str, message: str = "topic") -> dict[str, Any]:
    """All that the page says in "en" or "fr"; in French, no line breaks before the signs that a space precedes.

    message: the recipe's prompt.message.
    """
    alike, subject = _SHARED[language][message]
    chosen = _FRENCH if language == "fr" else _ENGLISH
    told = {**chosen["words"], "subject": subject}
    told["singles"] = {**told["pairs"], **told["singles"]}
    page = {**chosen, "level": chosen["level"].format(alike=alike), "words": told}
    return _with_hard_spaces(page) if language == "fr" else page


def _with_hard_spaces(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_hard_spaces(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_hard_spaces(inner) for inner in value]
    for sign, space in {":": "\u00a0", "?": "\u202f", ";": "\u202f", "!": "\u202f", "%": "\u202f"}.items():
        value = value.replace(f" {sign}", space + sign)
    return value
