"""Words of a tweet that may name its topic, their article, and stop words."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Literal, NamedTuple

Language = Literal["fr", "en"]

# Function words, auxiliaries, everyday verbs, adverbs and adjectives, fillers of the chat, nouns that name nothing by
# themselves. Lower case, straight apostrophes; an elided word keeps its apostrophe.
FRENCH = frozenset(
    """
    c' d' j' l' m' n' s' t' qu' jusqu' lorsqu' puisqu' quoiqu' quelqu' le la les un une des du de au aux ce cet cette ces
    mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs quelque quelques plusieurs chaque aucun aucune certain
    certaine certains certaines tout toute tous toutes tel telle tels telles même mêmes autre autres
    je tu il elle on nous vous ils elles me te se moi toi lui eux soi en y ça cela ceci ci celui celle ceux celles
    qui que quoi dont où lequel laquelle lesquels lesquelles quel quelle quels quelles rien personne quelqu'un chacun chacune
    à dans par pour sur sous avec sans chez vers entre contre pendant depuis devant derrière avant après dès durant envers
    hors jusque malgré outre parmi selon près loin autour dehors dedans dessus dessous là-bas là-dedans là-dessus
    et ou mais donc or ni car si comme quand lorsque puisque parce pourquoi comment combien quoique sinon cependant pourtant
    ne pas plus moins non oui ouais nan jamais toujours encore déjà souvent parfois bien mal très trop assez peu beaucoup
    tant tellement aussi autant ainsi alors puis ensuite enfin bientôt tard tôt maintenant aujourd'hui hier demain ici là
    voici voilà vraiment juste presque plutôt surtout peut-être quasiment simplement seulement vite mieux pire tantôt ailleurs
    suis es est sommes êtes sont étais était étions étiez étaient serai seras sera serons serez seront serais serait seraient
    fus fut furent sois soit soient soyez été étant être ai as a avons avez ont avais avait avions aviez avaient aurai auras
    aura aurons aurez auront aurais aurait auraient eu eue aie ait aient ayant avoir y'a
    fais fait faisons faites font faisais faisait faisaient faire fera ferai ferait faite faits vais vas va allons allez vont
    allais allait allaient ira irai irait aller allé allée dis dit disons dites disent disait dire peux peut pouvons pouvez
    peuvent pouvais pouvait pourrait pourrais pourra pouvoir pu veux veut voulons voulez veulent voulais voulait voudrais
    voudrait vouloir voulu dois doit devons devez doivent devais devait devrait devrais devoir dû faut fallait faudra faudrait
    sais sait savons savez savent savais savait savoir vois voit voyez voient voir vu vue mets met mettre mis mettons prends
    prend prendre pris viens vient viennent venir venu venue vient reste rester semble trouve trouver pense penser crois croit
    croire aime aimer parle parler donne donner passe passer passé arrive arriver regarde regarder entend attend attends
    demande demander laisse laisser rend rendu rendue appelle tient tiens sert part pars mange veuille
    petit petite petits petites grand grande grands grandes gros grosse grosses beau bel belle beaux belles bon bonne bons
    bonnes meilleur meilleure mauvais mauvaise joli jolie vieux vieil vieille vieilles jeune jeunes nouveau nouvel nouvelle
    nouveaux nouvelles premier première premiers dernier dernière derniers dernières prochain prochaine seul seule seuls vrai
    vraie faux fausse long longue haut haute court plein pleine ancien ancienne pauvre maudit maudite propre pareil énorme
    immense superbe magnifique excellent excellente incroyable parfait parfaite drôle content contente fameux gentil léger
    entier entière pire second seconde deuxième troisième deux trois quatre cinq six sept huit neuf dix onze douze quinze
    vingt trente quarante cinquante soixante cent cents mille million millions demi demie zéro
    fois truc trucs chose choses affaire affaires coup coups façon genre cas point plupart sorte sortes espèce côté bout peine
    revoir moyen besoin envie faute guise cause face heures minutes secondes minute seconde ans monsieur madame
    bonjour bonsoir salut merci svp stp bref bah ben ouf oups hein euh ah oh eh hé pis faque tsé ok okay lol mdr ptdr haha wow
    quoi-que d'accord est-ce qu'est-ce c'est-à-dire mettons tiens allô désolé désolée bienvenue faudrait rt via
    """.split()
)

ENGLISH = frozenset(
    """
    the a an this that these those my your his her its our their some any no every each either neither both all few many much
    more most less least other others another such same own i you he she it we they me him us them mine yours hers ours theirs
    myself yourself himself herself itself ourselves themselves who whom whose which what where when why how someone somebody
    something anyone anybody anything everyone everybody everything nobody nothing none one ones
    of to in on at by for from with without about into onto over under between among through during before after above below
    against across behind beside beyond near off out up down around toward towards upon within since until till per via
    and or but nor so yet if then than because as while though although unless whether like
    not never always ever often sometimes usually already still again just only even also too very really quite rather almost
    enough perhaps maybe now today tomorrow yesterday soon later here there everywhere away back once twice well else instead
    actually basically literally probably definitely certainly apparently finally anyway together apart ago
    am is are was were be been being isn't aren't wasn't weren't i'm you're he's she's it's we're they're that's there's
    what's who's let's here's i've you've we've they've i'd you'd he'd she'd we'd they'd i'll you'll he'll she'll it'll we'll
    they'll do does did done doing don't doesn't didn't have has had having haven't hasn't hadn't can could cannot can't
    couldn't will would won't wouldn't shall should shouldn't may might must ought
    get gets got gotten getting go goes going gone went come comes came coming make makes made making take takes took taken
    taking say says said saying tell tells told see sees saw seen seeing know knows knew known think thinks thought want wants
    wanted need needs needed use uses used find finds found give gives gave given try tries tried trying look looks looked
    looking feel feels felt keep keeps kept let lets put puts seem seems seemed leave leaves left call calls called ask asks
    asked work works worked show shows showed turn turns turned start starts started stop stops stopped mean means meant
    love loves loved hate hates hope wish guess bet talk talks talked hear heard happen happens happened eat sleep
    good better best bad worse worst big bigger small little great new old young long short high low right wrong real true
    false sure whole full last next first second third few late early hard easy nice fine happy sad lovely beautiful amazing
    awesome perfect entire single different main able
    two three four five six seven eight nine ten eleven twelve twenty thirty hundred thousand million zero half
    thing things stuff lot lots bit way ways kind sort course case fact point part side rest sake behalf times people guy guys
    man hours minutes seconds minute years year ago please thanks thank hello hey hi yes yeah yep nope nah okay lol lmao omg
    wtf haha wow oh ah uh um gonna wanna gotta kinda sorta dunno ain't y'all imo tbh btw rt
    """.split()
)

STOP_WORDS = FRENCH | ENGLISH
_ONLY_FRENCH, _ONLY_ENGLISH = FRENCH - ENGLISH, ENGLISH - FRENCH

TOKEN = re.compile(
    r"""https?://\S+ | [@\#]\w+
      | (?:[cdjlmnst]|(?:jus|lors|puis|quoi|quel)?qu)['’](?=[^\W\d_])
      | [^\W\d_]+(?:['’-][^\W\d_]+)*
      | \d[\w.,:/%]*
      | [.!?…\n]+ | [,;:()«»"“”—–|/]""",
    re.X | re.I,
)
SENTENCE_BEGINS_AFTER = frozenset('.!?…\n:;(«"“—–')
SHORTEST, LONGEST = 3, 30
"""Letters. Shorter words are mostly abbreviations, longer ones are no words."""

CACHED = 2**17
"""Distinct tokens remembered: more than the vocabulary of one person."""

_DRAWN_OUT = re.compile(r"(.)\1\1|^(?:h[aeiou]|[aeiou]h)+$")
_DETERMINERS: dict[Language, frozenset[str]] = {
    "fr": frozenset(
        """l' le la les un une des du au aux ce cet cette ces mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs
        chaque quelques""".split()
    ),
    "en": frozenset("the a an my your his her its our their these those every no".split()),
}


class Word(NamedTuple):
    """One occurrence.

    key: lower case with straight apostrophes; surface: as typed, a hashtag without its #; begins: a sentence, where a
    capital says nothing; determined: an article or the like precedes it; article: what a request puts before it, where
    this occurrence proves it.
    """

    key: str
    surface: str
    is_hashtag: bool
    begins: bool
    determined: bool
    article: str | None


_word = lru_cache(CACHED)(Word)
"""One object for all occurrences that are alike: an archive has ten times as many words as different ones."""


def words_of(text: str) -> tuple[Language, list[Word]]:
    """The guessed language and the words that are no stop words, mentions, links or numbers, in their order."""
    tokens = TOKEN.findall(text)
    lower = list(map(_lower, tokens))
    language = guess_language(lower)
    determiners, may_prove = _DETERMINERS[language], MAY_PROVE[language]
    words = []
    for i, name in enumerate(map(_name, lower)):
        if name is not None:
            surface = tokens[i]
            before = lower[i - 1] if i else "."
            if surface[0] == "#":
                words.append(_word(name, surface[1:], True, False, False, None))
            else:
                surface = surface[: len(name)]
                article = article_of(i, lower, surface, language) if before in may_prove else None
                words.append(_word(name, surface, False, before[0] in SENTENCE_BEGINS_AFTER, before in determiners, article))
    return language, words


def guess_language(words: list[str], otherwise: Language = "fr") -> Language:
    """The language of lower-case words by the different stop words that only one of the two has; `otherwise` where it is even."""
    french, english = len(_ONLY_FRENCH.intersection(words)), len(_ONLY_ENGLISH.intersection(words))
    return otherwise if french == english else "fr" if french > english else "en"


@lru_cache(CACHED)
def _lower(token: str) -> str:
    return token.lower().replace("’", "'")


@lru_cache(CACHED)
def _name(token: str) -> str | None:
    """The key of a lower-case token that a person would type as a subject: no "noooon", no "va-t-en", no contractions."""
    if token[0] == "#":
        return token[1:] if 2 < len(token) <= LONGEST + 1 and any(c.isalpha() for c in token) else None
    key = token.removesuffix("'s")
    if not key[0].isalpha() or key.startswith("http") or not SHORTEST <= len(key) <= LONGEST:
        return None
    if token in STOP_WORDS or key in STOP_WORDS or "'" in key or _DRAWN_OUT.search(key):
        return None
    return None if "-" in key and key.rpartition("-")[2] in STOP_WORDS else key


_MASCULINE, _FEMININE, _PLURAL = {"un", "du", "au"}, {"une", "cette"}, {"des", "aux", "nos", "vos"}
_ONLY_BEFORE_NOUNS = frozenset("dans sur sous avec chez par vers contre pendant depuis devant derrière entre c'est voilà".split())
_BEFORE_NOUNS_OR_VERBS = frozenset("de à pour sans après avant et".split())
_MAY_BE_INFINITIVE = re.compile(r"(?:[^aeiouéèê]er|ir|[cdptv]re|ire)$")
_NOT_INFINITIVE = frozenset("hiver mer soir plaisir avenir souvenir désir loisir livre".split())
_ENGLISH_DETERMINERS = frozenset("the a an my our his their".split())
_ENGLISH_PREPOSITIONS = frozenset("about in during with from".split())
MAY_PROVE: dict[Language, frozenset[str]] = {
    "fr": frozenset(("le", "la", "les", "l'", "cet", "à", "chez", "avec")) | _MASCULINE | _FEMININE | _PLURAL,
    "en": _ENGLISH_DETERMINERS | _ENGLISH_PREPOSITIONS,
}
"""Only behind one of these does `article_of` find anything."""
_BREAKS = frozenset('.!?…\n,;:()«»"“”—–|/')


def article_of(i: int, lower: list[str], surface: str, language: Language) -> str | None:
    """What comes between "Parle-moi" or "tell me about" and the word at `i` of the lower-case tokens, or None without a proof.

    French: "du ", "de la ", "de l'", "des ", "de ", "d'". English: "the " or "".
    """
    if i == 0 or not _noun_ends(i, lower, ENGLISH if language == "en" else FRENCH):
        return None
    return _english(i, lower) if language == "en" else _french(i, lower, surface)


def _noun_ends(i: int, lower: list[str], stop_words: frozenset[str]) -> bool:
    if i + 1 == len(lower):
        return True
    following = lower[i + 1]
    return following[0] in _BREAKS or following in stop_words or following.startswith("http")


def _english(i: int, lower: list[str]) -> str | None:
    if lower[i - 1] in _ENGLISH_DETERMINERS:
        return "the "
    return "" if lower[i - 1] in _ENGLISH_PREPOSITIONS else None


def _french(i: int, lower: list[str], surface: str) -> str | None:
    word, determiner = lower[i], lower[i - 1]
    before = lower[i - 2] if i > 1 else "."
    first = unicodedata.normalize("NFD", word[0])[0]
    elides = first in "aeiouœæ" and not word.startswith("oui")
    if determiner in ("un", "une") and before in ("l'", "quelqu'", "les"):
        return None
    if determiner in _PLURAL:
        return "des "
    if determiner == "cet":
        return "de l'"
    if determiner in ("du", "au"):
        return "du "
    if determiner in _MASCULINE | _FEMININE:
        return "de l'" if elides else None if first in "hy" else "du " if determiner in _MASCULINE else "de la "
    if determiner in ("le", "la", "les", "l'"):
        return {"le": "du ", "la": "de la ", "les": "des ", "l'": "de l'"}[determiner] if _is_article(before, word) else None
    if determiner in ("à", "chez", "avec") and surface[0].isupper() and not surface.isupper() and first not in "hy":
        return "d'" if elides else "de "
    return None


def _is_article(before: str, word: str) -> bool:
    """Whether le, la, les or l' between these two is the article and not the pronoun."""
    if before in _ONLY_BEFORE_NOUNS:
        return True
    begins_sentence = before[0] in ".!?…\n"
    infinitive = _MAY_BE_INFINITIVE.search(word) is not None and word not in _NOT_INFINITIVE
    return (begins_sentence or before in _BEFORE_NOUNS_OR_VERBS) and not infinitive
