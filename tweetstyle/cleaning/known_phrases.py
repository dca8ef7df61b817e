"""Phrases that apps post, and greetings and thanks that anyone writes."""

from __future__ import annotations

import re

_LINK = r"https?://\S+"

AUTOMATIC_OPENINGS = re.compile(
    "|".join(
        (
            r"(?:i )?just posted a (?:new )?(?:photo|video)",
            r"(?:je viens de (?:publier|poster)|j'ai publié|j'ai posté) une (?:nouvelle )?(?:photo|vidéo)",
            r"i (?:just )?(?:liked|favorited|added|uploaded|rated) a (?:@youtube (?:video|playlist)|video\b.*youtube)",
            r"j'(?:ai aimé|aime|ai ajouté|ai mis en ligne|ai évalué) une vidéo\b.*youtube",
            rf"i'm at .*[,(].*{_LINK}$",
            r"i(?:'m| just became| just ousted .*) the (?:new )?mayor of",
            r"i just (?:unlocked|earned) the .*\b(?:badge|trophy|achievement)\b",
            r"(?:my (?:week|month|year) on twitter|ma (?:semaine|journée) sur twitter)",
            r"(?:my top \d+ #lastfm|mes \d+ (?:artistes|meilleurs).*#lastfm)",
            rf"#?now ?playing\b.*{_LINK}",
            r"i (?:just )?(?:ran|completed|finished|did) .*\d\s?(?:km|mi|miles|k)\b.*(?:run|nike|strava|https?://)",
            r"(?:j'ai (?:couru|parcouru)|je viens de (?:courir|terminer)) .*\d\s?km\b.*(?:nike|strava|runtastic|https?://)",
            r"(?:wordle|sutom|le mot) #?[\d  ,.]+ [\dx]/\d",
        )
    )
)
"""Matched at the beginning of the lower-case text with straight apostrophes."""

AUTOMATIC_WITH_LINK = re.compile(
    "|".join(
        (
            rf"\(@ [^)]+\) {_LINK}$",
            r"(?:followers?|abonnés?)\b.*\b(?:unfollow(?:ers?|ed)|désabonnés?)\b.*https?://",
            rf"\bdaily is out\b.*{_LINK}",
            rf"est (?:sorti|disponible|paru)e? ?!.*{_LINK}.*(?:merci à|grâce à)",
            rf"(?:sign the petition|signez la pétition|j'ai signé la pétition).*{_LINK}",
        )
    )
)
"""Searched in such a text where it has a link."""

SHARED_WITH_BUTTON = re.compile(rf"{_LINK} (?:via|par|by) @\w+$")
OWN_WORDS = re.compile(r"\b(?:i|i'm|i've|me|my|you|thank|thanks|wow|nice|great|je|j'ai|mon|ma|mes|moi|tu|toi|vous|merci|bravo|lol|mdr)\b")
"""A headline that a reader shares with a button is not in the first person and thanks nobody, unless it is a quotation."""

STOCK_PHRASES = frozenset(
    (
        "de rien", "d accord", "avec plaisir", "avec grand plaisir", "pas de quoi", "pas de souci", "pas de soucis",
        "pas de problème", "no problem", "my pleasure", "you re welcome", "you are welcome", "sounds good", "tout à fait",
        "bien reçu", "see you", "see you soon", "à bientôt", "à demain", "à plus tard", "merci pour tout", "merci à toi",
    )
)  # fmt: skip

GREETINGS = frozenset(
    """bonjour bonsoir salut coucou hello hi hey merci thanks thank thx bienvenue welcome bravo félicitations congrats
    congratulations anniversaire birthday journée soirée matinée nuit semaine weekend week année noël christmas morning
    afternoon night evening day fêtes""".split()
)

STOCK_FIRST = frozenset(
    """bonjour bonsoir salut coucou hello hi hey merci thanks thank thx bienvenue welcome bravo félicitations congrats
    congratulations bon bonne belle joyeux joyeuse joyeuses très mille un good happy have many merry""".split()
)

STOCK_WORDS = (
    GREETINGS
    | STOCK_FIRST
    | frozenset(
        """a à au aux tous toutes tout toi vous te le la monde les mes ami amis amie amies gens beaucoup bien grand fin
        de et aussi fois encore end you all everyone everybody so much very nice great my friend friends to too dear""".split()
    )
)
"""A text made of these words alone, that begins with one of STOCK_FIRST and has one of GREETINGS, says nothing of its author."""
