"""French and English words that say nothing of a topic."""

from __future__ import annotations

from typing import Literal

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


def guess_language(words: list[str], otherwise: Language = "fr") -> Language:
    """The language of lower-case words by the different stop words that only one of the two has; `otherwise` where it is even."""
    french, english = len(_ONLY_FRENCH.intersection(words)), len(_ONLY_ENGLISH.intersection(words))
    return otherwise if french == english else "fr" if french > english else "en"
