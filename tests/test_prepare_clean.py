"""Noise goes, each with its reason and what the rule saw; style stays byte for byte."""

import unicodedata
from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.cleaning import cleaned, kept, reason

from tweetstyle.records import REPLY, TWEET

EXAMPLES = {
    "retweet": [
        "RT @bob: leur texte", "rt @bob leur texte", "RT : @bob leur texte", '"@bob: leur texte" oui', "@bob: “leur texte” exact",
        "tellement vrai RT @bob: leur texte", "haha MT @bob leur texte", "“@bob: leur texte” exact",
        '"@bob:leur texte" oui', '"@bob @lise tu as raison" merci !',
        "RT .@bob: leur texte", "so true RT .@bob: their words", "R/T @bob: leur texte", "R/T @bob their words", "bien dit R/T @bob: oui",
        "♺ @bob leur texte", "♻️ @bob: their words", "lol ♺ @bob: their words", "QT @bob: leur texte", "pareil ici QT @bob: leur texte",
        "leur texte (via @bob)", "their words (Via @bob) https://t.co/a", "Un bon titre (via @bob) #lecture",
        "vrai rt @bob: leur texte", "so true rt @bob: their words", "ha mt @bob : leur texte", "À lire ! RT @bob: leur texte",
        "+1 RT @bob leur texte", "RT@bob: leur texte",
        "Read this RT @bob: their words", "Check these out RT @bob: their words", "Please! RT @bob: their words",
        "THIS. RT @bob: their words",
        "Lisez ça RT @bob: leur texte", "À lire svp RT @bob: leur texte", "merci de RT @bob: leur texte", "Le top 10 RT @bob: leur texte",
        "ma vie RT @bob leur texte", "all of this RT @bob: their words", "thanks for sharing this RT @bob: their words", "vrai RT @bob…",
        "leur texte [via @ann]", "leur texte (via: @ann)", "leur texte (via @ann et @bob)", "their words (via @ann, @bob & @lise)",
        "leur texte // via @ann", "their words | via @ann https://t.co/a", "leur texte — via @ann", "leur texte ! via @sam",
        "Their words. Via @sam", "« leur texte » via @ann @sam", "leur texte (RT @ann)", "their words [RT: @ann] !", "ha ! (RT @ann )",
        "[RT] @ann: leur texte", "oui [RT] @ann leur texte", "(RT) @ann: their words", "♲ @ann: leur texte", "lol ♲ @ann their words",
        "♲: @ann leur texte", "QT: @ann leur texte", "QT @ann “leur texte”", "ha QT @ann “their words”", "RT par @ann : leur texte",
        "RT by @ann: their words", "Retweeté par @ann : leur texte", "Retweet @sam: leur texte", "retweet from @sam: their words",
        "Re-tweet @sam : leur texte", "via @sam: leur texte", "Via @sam : leur texte", "via: @sam: their words",
    ],
    "automatic post": [
        "Just posted a photo @ Montréal https://t.co/a", "I just posted a new video https://t.co/a",
        "Je viens de publier une photo @ Limoilou https://t.co/a", "J’ai aimé une vidéo @YouTube de https://t.co/a",
        "I liked a @YouTube video https://t.co/a", "I'm at Café Bric (Québec, QC) https://t.co/a",
        "I'm at Central Park in New York, NY https://t.co/a", "I just became the mayor of Café Bric on @foursquare! https://t.co/a",
        'I just unlocked the "Explorer" badge on @foursquare! https://t.co/a', "je l'ai eu 4/6\n⬛🟨⬛⬛🟩\n🟩🟩🟩🟩🟩",
        "Wordle 372 3/6", "Wordle 1\u202f024 X/6", "#SUTOM #45 4/6", "Le Mot (@WordleFR) #152 4/6",
        "au marché 4sq.com/aB3", "soleil https://www.instagram.com/p/aB3/ #mer", "Je suis à Bric (Québec, QC) https://t.co/a",
        "Just completed a 5.03 km run with @Runkeeper https://t.co/a", "Wordle (ES) #120 3/6",
        "coucher de soleil https://instagram.com/p/aB3/", "Un titre ift.tt/2aBc",
        "Le Quotidien de Bob est sorti ! https://t.co/a Merci à @lise @zoe", "I just ran 5.03 km with Nike+ https://t.co/a",
        "Signez la pétition : sauvons le parc ! https://t.co/a via @ChangeFrance",
        "3 followers, 1 unfollowed. Stats for the week by https://t.co/a", "Un titre d'article https://t.co/a via @journal",
        "J'ai parcouru 42,3 km en 2:11:08 avec VeloTrace https://t.co/a", "Wordle 245 4/6\n⬛🟨⬛⬛🟩",
        "The Tech Daily is out! https://t.co/a", "Ma semaine sur Twitter : 14 mentions",
        '"Je suis là", dit mon maire https://t.co/a via @journal',
        "#NowPlaying Une chanson, Un groupe https://t.co/a",
        "J'aime une vidéo @YouTube : https://t.co/a", "J'aime une vidéo : https://t.co/a",
        "I liked a @YouTube video from @bob https://t.co/a a title", "I added a @YouTube playlist https://t.co/a",
        "#NowPlaying Blue Moon by The Band on #Spotify https://t.co/a", "#np Une chanson - Un groupe https://t.co/a #radio",
        "♫ Une chanson de Un groupe https://t.co/a #NowPlaying", "I'm listening to Blue Moon by The Band on @Spotify https://t.co/a",
        "J'écoute Une chanson de Un groupe sur @Deezer https://t.co/a",
        "I used #Shazam to discover Blue Moon by The Band https://t.co/a",
        "J'ai découvert Une chanson de Un groupe avec #Shazam https://t.co/a", "Now playing: Blue Moon https://t.co/a",
        "Just posted a 5.03 km run - Morning run https://t.co/a",
        "Just completed a 10.2 mi bike ride with @Runkeeper. Check it out! https://t.co/a",
        "I just ran 5.03 km with Nike+ Running. #nikeplus", "Je viens de terminer une course de 5,03 km avec @Runkeeper https://t.co/a",
        "J'ai couru 5,03 km en 30m et 10s avec #Runtastic appli Android : https://t.co/a",
        "was out cycling 20.14 km with #Endomondo #endorphins https://t.co/a", "Sortie vélo de 42,3 km avec Strava https://t.co/a",
        "4 of 5 stars to The Hobbit by J.R.R. Tolkien https://t.co/a",
        "On page 52 of 310 of The Hobbit, by J.R.R. Tolkien https://t.co/a", "3 étoiles sur 5 à Le Hobbit de Tolkien https://t.co/a",
        "I rated Alien 8/10 #IMDb https://t.co/a", "J'ai mis 4/5 à Alien sur @SensCritique https://t.co/a",
        "I reached level 45 in Candy Farm https://t.co/a", "J'ai atteint le niveau 45 dans Ferme Magique https://t.co/a",
        "I scored 12,345 points in Jump Ball! https://t.co/a", "J'ai obtenu 1 234 points à Saute Balle ! https://t.co/a",
        "J'ai récolté 345 d'or ! https://t.co/a #android, #androidgames, #gameinsight",
        "A surprise visitor may brighten your day. More for Gemini https://t.co/a",
        "Une bonne surprise vous attend... Suite pour le Bélier https://t.co/a",
        "Horoscope du jour pour Lion : une journée agitée https://t.co/a", "♌ Lion : une journée agitée https://t.co/a",
        "♈️ Aries - today you will be bold. https://t.co/a", "Je suis à Café Bric (Québec, QC) https://t.co/a",
        "Diner time (@ Café Bric w/ 3 others) [pic]: https://t.co/a",
        "Je viens de débloquer le badge « Explorateur » sur @foursquare ! https://t.co/a",
        "Je viens de devenir le maire de Café Bric sur @foursquare ! https://t.co/a", "I'm the mayor of Café Bric on @swarm",
        "The Bob Times is out! https://t.co/a Stories via @lise @zoe", "La gazette de Bob est sortie ! https://t.co/a Grâce à @lise",
        "Le Quotidien est disponible ! https://t.co/a via @lise @zoe", "Connections\nPuzzle #123\n🟨🟨🟨🟨\n🟩🟩🟩🟩",
        "Framed #45\n🎥 🟥 🟩",
        "Daily Quordle 45\n7️⃣5️⃣\n9️⃣8️⃣", "J'ai trouvé #cemantix nº 45 en 34 coups !", "I solved #cemantle #45 in 34 guesses",
        "#Worldle #45 3/6 (100%)", "SUTOM #45 4/6", "TUSMO 12 3/6", "Alan Wake https://open.spotify.com/track/a1",
        "Une belle lumière https://www.instagram.com/p/a1/", "Morning Run https://www.strava.com/activities/12",
        "Un titre https://ift.tt/2aB", "Mon nouvel article https://ift.tt/2aB", "lac en hiver http://tmblr.co/Za1",
        "Thanks for the recent follow @lise @zoe Happy to connect :) have a great day. (Want this? It's FREE! https://t.co/a)",
        "I just backed A Board Game on @Kickstarter https://t.co/a", "Je viens de financer Un Jeu sur @ulule https://t.co/a",
        "I'm at Tim Hortons http://4sq.com/aBcD13", "I’m at Gare centrale https://www.swarmapp.com/c/x", "Je suis à Gare du Nord 4sq.com/x",
        "I'm at Gare de Lyon (Paris, Île-de-France) http://4sq.com/x", "I'm at the Fox (London) http://4sq.com/x",
        "Je suis à Gare du Nord (Paris) http://4sq.com/x", "Je suis au Stade Vélodrome (Marseille, France) https://www.swarmapp.com/c/x",
        "I'm at Chez Paul w/ @ann http://4sq.com/x", "I'm at Chez Paul (Lyon) w/ @ann and 2 others http://4sq.com/x",
        "Je suis chez Chez Paul avec @ann https://foursquare.com/v/x",
        "I'm at Pub (London) http://t.co/x", "Je suis au Bar Bleu (Lyon) http://t.co/x", "I'm at Pub (London) w/ @ann http://t.co/x",
    ],
    "media only": ["pic.twitter.com/Ab12", "@bob pic.twitter.com/Ab12", "https://twitter.com/bob/status/12/photo/1"],
    "link only": ["https://t.co/a", "@bob https://t.co/a", "https://exemple.org/page …",
                  ": https://t.co/a https://t.co/b", "www.exemple.org", "bit.ly/aB3", "https://ow.ly/aB3 !", "twitpic.com/aB3"],
    "too short": ["", " ", "@bob", "@bob @lise", "\u00a0"],
}  # fmt: skip
NO_EXAMPLES = [
    "♌ pour toujours https://t.co/a", "♈ and proud",
    "aujourd'hui RTL a parlé de nous", "l'ART @ Paris, quelle merveille", "@bob :) tu viens demain", "@bob :D tu viens demain",
    "@bob : je passe te prendre à midi", "@bob: see you there", "@bob : oui \"ou non\" ?", "@bob @lise : on y va",
    "Merci pour le RT @bob, c'est gentil", "Thanks for the RT @bob!", "merci du RT @bob : à demain", "Merci pour les RT @bob @lise",
    "thx for your RT @bob", "please RT @bob's article", "j'ai RT @bob hier", "3 RT @bob, pas mal", "un petit HT @bob",
    "Merci pour le petit RT @bob", "un gros merci pour ton gentil RT @bob : ça aide", "Merci à toi pour les nombreux RT @bob @lise ❤️",
    "thanks so much for the kind RT @bob", "your lovely RT @bob: it made my day", "what a nice surprise, RT @bob!",
    "going to RT @bob’s thread",
    "je vais RT @bob. Il le mérite", "premier RT @bob, merci", "this is for the last RT @bob you did",
    "j'ai couru 10 km ce matin avec Marie https://t.co/a", "I ran 5 km in my old nike shoes", "j'ai parcouru 300 km pour ça https://t.co/a",
    "J'ai signé la pétition ce matin, faites pareil https://t.co/a", "Mon livre est sorti ! https://t.co/a merci à tous",
    "le film est sorti et il est disponible partout https://t.co/a", "J'ai publié une photo de mon chat sur mon blogue",
    "Ma journée sur Twitter a été longue", "Now playing chess with my dad https://t.co/a",
    "I'm the mayor of procrastination https://t.co/a",
    "I just earned the badge of best dad", "I'm at my mom's, can't wait (really) https://t.co/a", "3 abonnés de moins, bon débarras",
    "wordle m'énerve, 3/6 encore", "regarde bit.ly/aB3 c'est fou", "mdr", "Ayoye", "C'est ça", "😂", "ok", "?", "Bonjour", "Merci !",
    "il est 10:30, @bob: non", '"@bob dit oui" disent-ils', '"@bob et @lise sont d\'accord", lit-on', "@bob:-) tu viens",
    "j'ai posté une lettre ce matin", "I'm at the end of my rope", "mes followers sont partis, quel dommage", "via @bob j'ai su la chose",
    "Wow, merci à toi d'être venue https://t.co/a via @chaine", "regarde ça https://t.co/a",
    "😂 😂 😂 😂 😂 😂 https://t.co/a", "Merci pour le pain d'hier",
    "bonjour la neige est revenue", "Nuit blanche à lire",
    "Hello, is it me you're looking for?", "tout à fait d'accord avec toi sur ce point",
    "Regarde cette photo de ma mère https://www.instagram.com/p/a1/", "tu as vu ça ? https://www.instagram.com/p/a1/",
    "c'est ici qu'on soupe ce soir https://4sq.com/aB3", "I love this song so much https://open.spotify.com/track/a1",
    "we ran together this morning https://www.strava.com/activities/12",
    "j'ai encore pleuré en l'écoutant https://open.spotify.com/track/a1", "J'aime une vidéo quand elle est courte",
    "J'ai ajouté une vidéo sur mon blogue https://t.co/a", "I liked a video that my mom sent", "j'aime une bonne soupe https://t.co/a",
    "I'm listening to the rain on my roof https://t.co/a", "J'écoute la pluie tomber sur le toit https://t.co/a",
    "#NowPlaying in my head: mom by dad https://t.co/a", "J'ai couru 5,2 km ce matin avec Strava, épuisé",
    "I ran 10 km with Strava on and it crashed", "10,5 km ce matin, fière de moi https://t.co/a",
    "I did 5 km with nike shoes today https://t.co/a", "j'ai couru 10 km ce matin https://t.co/a",
    "je lui donne 4/5, sans hésiter https://t.co/a", "8/10 pour ce film", "episode 4 8/10, a bit slow",
    "on page 52 of my book and already bored https://t.co/a", "J'ai atteint le niveau 5 dans mon cours de piano https://t.co/a",
    "j'ai fait 45 points à la game hier https://t.co/a", "I scored 3 points in my basketball game https://t.co/a",
    "mon horoscope dit n'importe quoi https://t.co/a", "more for me https://t.co/a", "les Lions ont gagné, suite demain https://t.co/a",
    "Horoscope : encore n'importe quoi https://t.co/a", "Mon livre est sorti ! https://t.co/a merci à @lise @zoe",
    "My album is out! https://t.co/a thanks to @lise", "Le film est sorti ! https://t.co/a", "🟩 c'est vert",
    "je suis à la maison (enfin, presque) https://t.co/a", "Je suis à bout https://t.co/a", "framed 2 pictures today",
    "I just backed into a pole https://t.co/a", "want this? https://t.co/a", "je viens de débloquer mon cell",
    "je suis le maire de mon divan",
    '@ann : "le lundi" c\'est ton groupe préféré non?', "@ann : « tu viens ? » qu'il me dit", '@ann: "soon" is what you said last time',
    "RT @bob si tu gagnes, je te paie un verre", "RT @bob if you want a free book", "rt @bob svp, c'est pour ma mère",
    "vu ce matin via @bob", "I found it via @bob", "(via @bob, que j'adore)", "j'ai tout appris via @bob !", "retweet @sam svp",
    "qt @bob et moi", "j'ai retweeté @sam: il est drôle", "je passe par Lyon - via la A7",
    "Je suis à la gare, quel monde ! http://4sq.com/x", "I'm at Starbucks, waiting http://4sq.com/x",
    "I'm at work http://4sq.com/x", "I'm at Starbucks so call http://4sq.com/x", "je suis au bar (enfin) https://t.co/a",
    "I'm at Mom's and it rains https://4sq.com/x", "I'm at Heathrow (delayed) http://t.co/x", "I'm at Paris http://t.co/x",
]  # fmt: skip


@pytest.mark.parametrize(("rule", "raw"), [(rule, raw) for rule, texts in EXAMPLES.items() for raw in texts])
def test_the_rule_that_drops(rule, raw):
    assert reason(raw) == rule


@pytest.mark.parametrize("raw", NO_EXAMPLES)
def test_what_no_rule_drops(raw):
    assert reason(raw) == ""


@pytest.mark.parametrize(
    ("raw", "evidence"),
    [
        ("tellement vrai RT @bob: leur texte", "RT @bob"),
        ("Je viens de publier une photo @ Limoilou https://t.co/a", "je viens de publier une photo @ limoilou https://t.co/a"),
        ("https://t.co/a https://t.co/b", "2 links and no words"),
        ("pic.twitter.com/Ab12", "1 link and no words"),
        ("@bob", "0 characters"),
        ("I'm at " + "Café " * 20 + "(Québec, QC) https://t.co/a", "i'm at " + "café " * 10 + "ca…"),
    ],
)
def test_the_rule_says_what_it_saw_and_leaves_no_text(raw, evidence):
    assert cleaned(raw).evidence == evidence and cleaned(raw).text == ""


@pytest.mark.parametrize(
    ("raw", "archive", "settings", "found"),
    [
        ("@bob https://t.co/a …", {"has_media": True}, {}, "media only"),
        ("une légende assez longue https://t.co/a", {"has_media": True}, {}, ""),
        ("🦊 https://t.co/a", {"has_media": True}, {}, ""),
        ("🦊 https://t.co/a", {"has_media": True}, {"min_characters": 2}, "too short"),
        *(("un texte comme un autre", {"client": name}, {}, "automatic post") for name in ("IFTTT", "Make", "The Tweeted Times", "GitHub")),
        ("un texte comme un autre", {"client": "MakeMyDay"}, {}, ""),
        ("un texte comme un autre", {"client": "dlvr.it"}, {}, "automatic post"),
        ("un texte comme un autre", {"client": "Candy Crush Saga"}, {}, "automatic post"),
        ("un texte comme un autre", {"client": "Strava Cycling"}, {"automatic_posts": "keep"}, ""),
        ("un texte comme un autre", {"client": "Twitter for iPhone"}, {}, ""),
        ("un texte comme un autre", {"client": "TweetDeck"}, {}, ""),
        ("@bob: leur texte à eux", {"is_reply": False}, {}, "retweet"),
        ("@bob: tu viens ?", {"is_reply": False, "reply_to": "12"}, {}, ""),
        ("@bob : oui, RT @lise: leur texte", {"is_reply": True}, {}, "retweet"),
        ("RT @bob: leur texte", {"is_reply": True}, {}, "retweet"),
        ("leur texte à eux, sans signe", {"is_retweet": True}, {}, "retweet"),
        ("leur texte à eux, sans signe", {"is_retweet": True}, {"retweets": "keep"}, ""),
        ("@bob douze lettres https://exemple.org", {}, {"min_characters": 13}, ""),
        ("@bob douze lettres https://exemple.org", {}, {"min_characters": 14}, "too short"),
    ],
)
def test_what_the_archive_says_and_the_settings_decide(raw, archive, settings, found):
    assert reason(raw, archive=archive, **settings) == found


@pytest.mark.parametrize("raw", EXAMPLES["link only"] + EXAMPLES["media only"])
def test_bare_links_and_pictures_stay_where_the_recipe_says_so_and_a_text_is_left(raw):
    """Short links are a text as placeholders only; another site's link is one by itself."""
    rule, other = ("link_only", "media_only") if raw in EXAMPLES["link only"] else ("media_only", "link_only")
    name = rule.replace("_", " ")
    assert cleaned(raw, links="placeholder", **{rule: "keep"})[2:4] == ("", "")
    assert cleaned(raw, links="placeholder", **{other: "keep"}).reason == name
    stays = not any(address in raw for address in ("t.co", "pic.", "bit.ly", "ow.ly"))
    found = cleaned(raw, **{rule: "keep"})
    assert (found.reason == "") == stays and (found.text != "") == stays and found.reason in ("", name)


def test_the_period_has_its_first_and_last_day_inside():
    text, march = "un tweet assez long", {"since": date(2021, 3, 1), "until": date(2021, 3, 31)}
    inside = ["2021-03-01T00:00:00Z", "2021-03-31T23:59:59Z"]
    outside = ["2021-02-28T23:59:59Z", "2021-04-01T00:00:00Z"]
    assert [reason(text, day, **march) for day in inside + outside] == ["", "", "outside the period", "outside the period"]
    assert [reason(text, day) for day in [*outside, ""]] == ["", "", ""]
    assert cleaned(text, "", **march)[2:4] == ("outside the period", "no date")
    assert cleaned(text, outside[0], **march).evidence == "2021-02-28"


def test_addresses_of_shorteners_stay_where_the_recipe_says_so():
    assert kept("vu sur bit.ly/aB3 hier", shorteners="keep") == "vu sur bit.ly/aB3 hier"


def test_personal_data_is_scrubbed_and_counted_unless_it_is_to_stay():
    raw = "écris à bob@exemple.fr ou à lise@exemple.fr"
    assert (cleaned(raw).text, cleaned(raw).scrubbed) == ("écris à [courriel] ou à [courriel]", (("e-mail", 2),))
    assert (cleaned(raw, personal_data="keep").text, cleaned(raw, personal_data="keep").scrubbed) == (raw, ())


def test_others_names_are_masked_unless_they_are_to_stay():
    raw = "d'après @bob c'est .@Lise_2's affaire"
    assert cleaned(raw).text == "d'après @… c'est .@…'s affaire"
    assert cleaned(raw).scrubbed == (("@name", 2),)
    assert cleaned(raw, handles="keep").text == raw


# -- what is learned of a text --------------------------------------------------------------------------------------

STYLE = [
    "…", "’", "™", "ﬁn", "ﬂots", "...", "«\u00a0oui\u00a0»", "quoi\u202f?", "MAIS NON", "  deux espaces", "\t", "\n\n", "!!!", "①", "½",
    "👨‍👩‍👧‍👦", "👍🏽", "🏳️‍🌈", "🇨🇦", "❤️", "❤", "☎︎", "🧑🏾‍🚀", "café", "œuf", "Å", "ſ", "№", "：", "\u200b", "\u2028",
    "http", "t.co", "a@b", "&", "R&D", "&copy", "&copyright;", "#été", "20 h 30", "3-2", "l'an 2000", "12 345 678 $",
]  # fmt: skip
LINK = "https://t.co/aB3"
KEY_BEGINS = "-----BEGIN PRIVATE KEY-----"


@given(st.lists(st.sampled_from(STYLE) | st.text("abcdeéèêñÀ ’'?!;:,.…-😂🦊\u00a0\u202f\n", max_size=12), min_size=1, max_size=12))
def test_style_survives_byte_for_byte(fragments):
    text = unicodedata.normalize("NFC", "x " + " ".join(fragments) + " x")
    assert kept(text).encode() == text.encode()


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*STYLE, " ", "\n", LINK, "https://", "t.co/", "pic.twitter.com/x1", "@bob", "(", ")", ","]), max_size=14))
@example(["https:/", LINK, "/t.co/b"])
def test_no_link_of_x_is_left_and_reading_twice_changes_nothing(fragments):
    once = kept("mot " + "".join(fragments))
    assert "https://t.co/" not in once and "pic.twitter.com/x1" not in once
    assert kept(once) == once


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("A &amp; B &lt;3 &gt; &#39;x&#39; &eacute;", "A & B <3 > 'x' é"),
        ("&amp;lt; une seule fois", "&lt; une seule fois"),
        ("sans point-virgule : &copy &lt", "sans point-virgule : &copy &lt"),
        ("cafe\u0301", "café"),
        ("ligne\r\nautre&#13;fin", "ligne\nautre\nfin"),
        ("lis ça https://t.co/aB3 !", "lis ça !"),
        ("lis ça https://t.co/aB3.", "lis ça."),
        ("lis ça (https://t.co/aB3 ) vite", "lis ça () vite"),
        ("lis (ici https://t.co/aB3) vite", "lis (ici) vite"),
        ("quoi\u202fhttps://t.co/aB3\u202f?", "quoi\u202f?"),
        ("https://t.co/aB3 d'abord", "d'abord"),
        ("un\nhttps://t.co/aB3\n\ndeux", "un\n\ndeux"),
        ("un https://t.co/aB3 https://t.co/cD4\ndeux", "un\ndeux"),
        ("fin HTTPS://T.CO/aB3", "fin"),
        ("photopic.twitter.com/Ab12", "photo"),
        ("coupé https://t.co/aB…", "coupé"),
        ("voir https://exemple.org/t.co/x", "voir https://exemple.org/t.co/x"),
        ("vu (bit.ly/aB3) et twitpic.com/1a ou http://www.tinyurl.com/b2 hier", "vu () et ou hier"),
        ("voir exemple-bit.ly/aB3 ou bit.lyon", "voir exemple-bit.ly/aB3 ou bit.lyon"),
        ("@bob @Lise_2 salut @zoe", "salut @zoe"),
        ("@bob, salut", "@bob, salut"),
        ("@bob : salut", "salut"),
        ("@bob @Lise_2: salut", "salut"),
        ("@bob :) salut", ":) salut"),
        ("salut @bob", "salut @bob"),
        ("&hellip; &rsquo;&nbsp;&#8239;&#x1F600; &copyright; &T;", "… ’\u00a0\u202f😀 &copyright; &T;"),
    ],
)
def test_what_is_kept_of_a_text(raw, expected):
    assert kept(raw) == expected


@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        ({"is_reply": True, "reply_to": "7"}, (REPLY, "tu viens demain soir @…")),
        ({"is_reply": True}, (REPLY, "tu viens demain soir @…")),
        ({"is_reply": False, "reply_to": "7"}, (TWEET, "tu viens demain soir @…")),
        ({"is_reply": False}, (TWEET, "@… @… tu viens demain soir @…")),
        ({"is_reply": None}, (REPLY, "tu viens demain soir @…")),
    ],
)
def test_the_archive_s_word_decides_what_leading_mentions_are(archive, expected):
    found = cleaned("@bob @Lise_2 tu viens demain soir @zoe", archive=archive)
    assert (found.type, found.text) == expected


@pytest.mark.parametrize(
    ("raw", "replaced"),
    [
        ("un https://t.co/aB3 https://t.co/cD4 !", "un [lien] [lien] !"),
        ("photopic.twitter.com/Ab12", "photo [lien]"),
        ("https://t.co/aB3\n\nd'abord", "[lien]\n\nd'abord"),
        ("voir https://exemple.org/x", "voir https://exemple.org/x"),
        ("lis https://bit.ly/aB3 et ow.ly/c4, vite", "lis [lien] et [lien], vite"),
    ],
)
def test_links_of_x_may_leave_a_placeholder_each(raw, replaced):
    assert kept(raw, links="placeholder") == replaced


@pytest.mark.parametrize(
    "raw",
    ["a" * 25_000, " " * 12_000 + "https://t.co/a", "@" * 25_000, "@a " * 8_000, "1 2 " * 6_000, "i'm at " + ",(" * 12_000, "&#38;" * 5_000,
     "followers " * 2_500, "http://t.c" * 2_500 + "t.co/", "sk-" * 8_000, "a.b@" * 6_000, "FR76 " * 5_000, KEY_BEGINS * 900,
     "RT @" * 6_000, "\n" * 25_000 + "t.co/", "bob (at) " * 3_000, "x" + " \n" * 12_000 + "pic.", "via @a" + " " * 20_000 + "x",
     "via @a " * 3_000 + "x", "! via @a " * 2_500, "(via @a" + " et" * 6_000, "@a : " + '"a' * 10_000],
)  # fmt: skip
@pytest.mark.timeout(60)
def test_no_text_takes_quadratic_time(raw):
    """Each takes some hundredths of a second, and hours where an expression is tried from every character."""
    cleaned(raw)
