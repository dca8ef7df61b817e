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


# -- that it is not done: "I cannot", up to the verb ------------------------------------------------------------------


def _stem_fr(ne: str) -> str:
    """ne: its forms after "je"."""
    adverb = r"(?: vraiment| malheureusement| hélas| tout simplement| simplement| absolument)?"
    found = rf"""
        \bje {ne}(?:peux|puis|pourrais?|saurais|souhaite|veux|vais|voudrais)@
        \bnous {ne}(?:pouvons|pourrons|sommes)@(?: en mesure)?
        \bje ne (?:peux|puis|pourrais|saurais)(?: rien)?
        \bje {ne}(?:suis|serai)@ (?:en mesure|capable|autorisée?|habilitée?|programmée?|conçue?|censée?|à l'aise)
        \bje {ne}(?:me sens|pense|crois)@ (?:à l'aise|capable|en mesure|pouvoir)
        \bje n'ai@ (?:le droit|la capacité|la possibilité|l'autorisation)
        \bje (?:préfère|regrette de|crains de) ne pas(?: pouvoir)?
        \bje (?:préfère pas|refuse|dois refuser|dois décliner|m'abstiens|m'abstiendrai)
        \bil m'est impossible
        """
    return any_of(found.replace("@", f"{adverb} pas{adverb}"))


_CANNOT_FR, _FORMALLY_FR = _stem_fr("(?:ne |n')?"), _stem_fr("(?:ne |n')")
_TO_FR = r" (?:de |d'|à |pour )?(?:(?:me|te|vous|lui|leur|y|en) |[mt]')*"

_ADVERB_EN = r"(?:really |simply |just |unfortunately |also |sadly )?"
_CANNOT_EN = any_of(
    rf"""
    \b(?:i|we) {_ADVERB_EN}(?:can(?:not|'t| not)(?: and (?:will not|won't))?|won't|will not|couldn't|could not)(?: in good conscience)?
    \bi(?: am|'m) {_ADVERB_EN}(?:unable|not {_ADVERB_EN}(?:able|allowed|permitted|going|designed|programmed|comfortable|willing))
    \bi (?:must |have to )?(?:respectfully )?(?:decline|refuse)
    \bi(?:'d| would)? (?:rather not|prefer not)
    \bi (?:don't|do not) (?:feel comfortable|think i can|have the ability|want)
    """
)
_TO_EN = rf" (?:to |with )?{_ADVERB_EN}"

# -- what is not done: words, for the person who requests them -----------------------------------------------------------

_MAKE_FR = any_of(
    r"""
    répondre|aider|assister|écrire|rédiger|créer|produire|générer|inventer|composer|traiter|donner suite|satisfaire|accéder|formuler
    proposer|aborder|fournir|commenter|compléter|exécuter|réaliser|poursuivre|prononcer|exprimer
    """
)
_TALK_FR = r"(?:faire|dire|continuer|discuter|parler|participer|donner|imaginer)"
_MAKE_EN = any_of(
    r"""
    help|assist|comply|fulfill?|answer(?:ing)?|respond(?:ing)?|reply(?:ing)?|comment(?:ing)?|discuss(?:ing)?|engag(?:e|ing)
    (?:provid|generat|creat|writ|produc|compos|complet)(?:e|ing)
    """
)
_TALK_EN = r"(?:do|say|talk|give|share|continue|participate)(?:ing)?"

_ASKED_FR = r"(?:demandes?|requêtes?|consignes?|instructions?)"
_TASK_FR = rf"(?:{_ASKED_FR}|contenus?|messages?|tweets?|textes?|phrases?|sujets?|questions?|propos|réponses?)"
_THIS_FR = any_of(
    rf"""
    \b(?:cet?|cette|ces|votre|vos|(?:une?|de) tell?e?s?|de pareils?) (?:\w+ )?{_TASK_FR}\b
    \b(?:cette|une telle) (?:conversation|discussion|tâche)\b
    \bta {_ASKED_FR}\b
    \b(?:ce|cette) (?:type|genre|sorte) (?:de |d')
    \bcontenus?\b
    """
)
_TASK_EN = any_of(
    r"""
    (?:content|message|tweet|text|sentence|request|prompt|instruction|topic|material|question|response|conversation|discussion|task)s?
    language
    """
)
_THIS_EN = any_of(
    rf"""
    \b(?:this|that|these|those|your|such(?: an?)?) (?:\w+ )?{_TASK_EN}\b(?! from| of)
    \b(?:this|that|these|those) (?:kind|type|sort)s? of\b
    \bcontent\b
    """
)
_IMPROPER = any_of(
    r"""
    inappropri|offens|insult|haine|hateful|discrimin|irrespectueu|disrespect|harmful|dangereu|illégal|illegal|violen|sensitive
    vie privée|privacy|confidenti
    """
)

# -- courtesy, at either end ------------------------------------------------------------------------------------------

_APOLOGY = any_of(
    r"""
    (?:(?:je suis|i am|i'm) )?(?:(?:vraiment|sincèrement|really|so|very|truly|terribly) )?(?:désolée?|navrée?|sorry)
    (?:toutes )?mes (?:sincères )?excuses|my (?:sincere )?apologies|i (?:\w+ )?apologi[sz]e|je m'excuse|je regrette|i regret(?: that)?
    (?:veuillez m')?excusez?[- ]?(?:moi)?|pardon(?:nez?-moi)?|(?:i'm |i am )?afraid(?: that)?
    unfortunately|sadly|malheureusement|hélas
    """
)
_GREETING = r"(?:oh|ah|euh|bonjour|salut|hello|hi|hey|non|no|merci(?: de votre compréhension)?|thanks|thank you)"
_BEFORE = re.compile(
    rf"\W*(?:(?:(?P<sorry>{_APOLOGY})|{_GREETING})\b[\s,.;:!…-]*(?P<but>(?:but|mais|however|cependant|toutefois)\b[\s,]*)?)*", re.I
)
_MORE = r"(?:is there|can i|may i|how can i|y a-t-il|puis-je|comment puis-je)\b[^?]*\b(?:help|assist|aider|autre chose)\b[^?]*"
_AFTER = re.compile(rf"(?:\W*\b(?:(?P<sorry>{_APOLOGY})|{_GREETING}|(?:for|pour) (?:you|vous)|{_MORE})\b)*\W*\Z", re.I)

# -- the three rules --------------------------------------------------------------------------------------------------

_MAKERS = r"(?:openai|google|meta|mistral|alibaba|anthropic|hugging ?face)"
_A_PROGRAM = r"(?:ai|artificial|(?:large )?language model|(?:virtual |ai )?assistant|chatbot)\b"
_OF_ITSELF = re.compile(
    any_of(
        rf"""
        \bas an? {_A_PROGRAM}
        \bi(?: am|'m) (?:just |only |merely )?an? {_A_PROGRAM}
        \bi don't have (?:personal (?:opinion|feeling|experience|belief|preference)|feelings(?= or|[,.]))
        \bi don't have (?:the ability to (?:feel|access)|access to (?:your|that|real))
        \b(?:against|violates?) my (?:guidelines|programming|policies)\b
        \ben tant qu(?:e (?:modèle|assistant|chatbot|programme)|'?(?:ia\b|intelligence|assistante?\b))
        \bje (?:ne )?suis (?:qu')?(?:une? )?(?:ia\b|intelligence artificielle|modèle de lang|assistante? (?:virtuel|ia\b)|chatbot)
        \bje n'ai pas (?:d'opinions? personnelle|d'émotions?|de sentiments?(?= ni|[,.])|accès à (?:internet|vos))
        \b(?:i am|i'm|je suis|je m'appelle) (?:chatgpt|gemma|llama|qwen|mistral|smollm)\b
        \b(?:trained|made|developed|created) by {_MAKERS}\b
        \b(?:entraînée?|créée?|développée?|conçue?) par {_MAKERS}\b
        """
    ),
    re.I,
)
_OF_THE_TASK = re.compile(
    any_of(
        rf"""
        {_CANNOT_FR}{_TO_FR}(?:{_MAKE_FR}|{_TALK_FR})\b[^.?!]{{0,25}}? {_THIS_FR}
        {_CANNOT_FR}{_TO_FR}(?:{_MAKE_FR}|{_TALK_FR})\b[^.?!]*{_IMPROPER}
        {_FORMALLY_FR}{_TO_FR}(?:générer|satisfaire|fournir)\b
        {_CANNOT_EN}{_TO_EN}(?:{_MAKE_EN}|{_TALK_EN})\b(?! (?:his|her|their|my)\b)[^.?!]{{0,40}}? {_THIS_EN}
        {_CANNOT_EN}{_TO_EN}(?:{_MAKE_EN}|{_TALK_EN})\b[^.?!]*{_IMPROPER}
        {_CANNOT_EN}{_TO_EN}(?:comply|fulfill?|generate|provide(?! for)|engage (?:in|with))\b
        \b(?:cette|votre) {_ASKED_FR} (?:dépasse|ne peut|est (?:contraire|inappropriée)|n'est pas|va à l'encontre)
        \b(?:ne comprends pas|n'ai pas compris) (?:cette|votre|la) {_ASKED_FR}
        \b(?:this|that|your) (?:request|prompt) (?:can(?:'t|not| not)|is (?:not|inappropriate)|isn't|violates|goes against)
        \bnot something (?:that )?i can (?:{_MAKE_EN}|do|say)\b
        \b(?:don't|do not|didn't) understand (?:this|your|the) (?:request|prompt)\b
        \b(?:would be|is|not) (?:in)?appropriate (?:for me )?to (?:answer|respond|write|create|comment)
        \b(?:serait|est) (?:inapproprié|pas approprié) (?:pour moi )?(?:de |d')(?:répondre|écrire|créer|commenter)
        """
    ),
    re.I,
)
_ANY_FR = rf"(?:à |au |aux |de |d'|sur )?(?:une?|des|les?|la|ton|ta|tes)? ?{_TASK_FR}(?: (?:qui|sur|à propos|d'une? amie?)\b.*)?"
_ANY_EN = rf"(?:to )?(?:an?|the|any|your)? ?{_TASK_EN}(?: (?:that|about|on|for|(?:from|of) a friend)\b.*)?"
_BARE = re.compile(
    any_of(
        rf"""
        {_FORMALLY_FR}{_TO_FR}{_MAKE_FR}(?: (?:avec |à |de |sur )?(?:ça|cela|ceci))?
        {_FORMALLY_FR}{_TO_FR}{_MAKE_FR} {_ANY_FR}
        {_CANNOT_EN}{_TO_EN}{_MAKE_EN}(?: you)?(?: (?:with |to |about |on )?(?:that|this(?: one)?|so))?
        {_CANNOT_EN}{_TO_EN}(?!help){_MAKE_EN} it
        {_CANNOT_EN}{_TO_EN}{_MAKE_EN} {_ANY_EN}
        """
    ),
    re.I,
)
_BARE_WHERE_SORRY = re.compile(
    any_of(
        rf"""
        {_FORMALLY_FR}{_TO_FR}{_TALK_FR} (?:à |de |sur )?(?:ça|cela|ceci)
        {_FORMALLY_FR}{_TO_FR}(?:continuer|participer)
        {_CANNOT_EN}{_TO_EN}{_TALK_EN} (?:about )?(?:that|this|so)
        {_CANNOT_EN}{_TO_EN}(?:continue|participate)
        """
    ),
    re.I,
)
"""A friend may say them too, but hardly with an apology and nothing else."""
_NOT_EVEN_WHAT = re.compile(any_of(f"{_FORMALLY_FR}\n{_CANNOT_EN}"), re.I)
"""Said with an apology and a "but", and nothing that is not done."""


def is_refusal(message: str) -> bool:
    """Whether it is one by any of the three rules."""
    straight = " ".join(message.replace("’", "'").split())
    if _OF_ITSELF.search(straight) or _OF_THE_TASK.search(straight):
        return True
    before = _BEFORE.match(straight)
    rest = straight[before.end() :]
    after = _AFTER.search(rest)
    rest, sorry = rest[: after.start()], before["sorry"] or after["sorry"]
    if _BARE.fullmatch(rest) or (sorry and _BARE_WHERE_SORRY.fullmatch(rest)):
        return True
    return bool(before["but"] and _NOT_EVEN_WHAT.fullmatch(rest))
