"""Exports of messengers and networks: whose messages are learned, and which message of someone else each answers."""

import json
import re
import zipfile

import libipld
import pytest

from tweetstyle.errors import TweetstyleError
from tweetstyle.sources import AuthorUnknown, open_archive
from tweetstyle.sources.not_written import MARK, MEDIA, SYSTEM, not_written
from tweetstyle.sources.recognise import files_of, kind_of


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path, *author, notices=None):
    archive = open_archive([path], author=author)
    tweets = list(archive.tweets())
    if notices is not None:
        notices += [notice.removeprefix(f"{path}: ") for notice in archive.notices]
    return tweets


def learned(path, *author):
    """Text, time, what it answers, the message of someone else, of each of the author's messages."""
    ids = {}
    found = []
    for tweet in read(path, *author):
        ids[tweet.id] = tweet.text
        found.append((tweet.text, tweet.created_at[:16], ids.get(tweet.reply_to, tweet.reply_to), tweet.message))
    return found


ANDROID_FRENCH = """\
05/03/2021 à 18:04 - Les messages et les appels sont chiffrés de bout en bout. Aucun tiers ne peut les lire.
05/03/2021 à 18:04 - Bob: Tu viens-tu ce soir ?
05/03/2021 à 18:05 - Bob: Apporte du vin
05/03/2021 à 18:07 - Chloé: Ben oui, j'arrive : 20 h
avec une deuxième ligne

et une troisième
05/03/2021 à 18:08 - Chloé: pis du pain
05/03/2021 à 18:09 - Chloé: <Médias omis>
05/03/2021 à 18:10 - Bob: Ce message a été supprimé
05/03/2021 à 18:11 - Bob a ajouté Denise
25/03/2021 à 09:00 - Chloé: Bon matin
"""
IPHONE_ENGLISH = """\
\u200e[3/25/21, 6:04:11\u202fPM] Bob: \u200eMessages and calls are end-to-end encrypted.
[3/25/21, 6:04:11\u202fPM] Bob: Are you coming tonight?
[3/25/21, 6:05:00\u202fPM] Bob: Bring wine
[3/25/21, 6:07:00\u202fPM] ~\u202fChloé: Sure, at 8: with @\u2068Denise Roy\u2069
[3/25/21, 6:08:00\u202fPM] ~\u202fChloé: and bread \u200e<This message was edited>
\u200e[3/25/21, 6:09:00\u202fPM] ~\u202fChloé: \u200eimage omitted
[3/26/21, 6:04:11\u202fAM] ~\u202fChloé: Morning
"""
QUEBEC = "2021-03-25 18 h 04 - Bob: Oui ?\n2021-03-25 18 h 05 - Chloé: Non\n"


@pytest.mark.parametrize(
    ("head", "seconds"),
    [
        ("[2021-03-05 18 h 04 min 11 s] ", 11), ("[2021-03-05 18\u202fh\u202f04\u202fmin\u202f11\u202fs] ", 11),
        ("5 mars 2021, 18:04 - ", 0),
        ("5 mars 2021 à 18:04 - ", 0), ("5 Mar 2021, 6:04 PM - ", 0), ("05/03/2021 18:04:11: ", 11), ("[5.3.21, 18:04:11] ", 11),
    ],
)  # fmt: skip
def test_other_heads_of_whatsapp_are_read_too_and_behind_other_lines(tmp_path, head, seconds):
    for before in ("", "Discussion avec Bob\nexportée\n"):
        path = put(tmp_path / "c.txt", f"{before}{head}Bob: Oui ?\n{head}Chloé: Non\nle 5 mars 2021 : jamais\n")
        (tweet,) = read(path, "Chloé")
        assert (tweet.text, tweet.created_at) == ("Non\nle 5 mars 2021 : jamais", f"2021-03-05T18:04:{seconds:02}Z")
        assert tweet.message == "Oui ?"


@pytest.mark.parametrize("head", ["05/03/2021 18:04 | ", "vendredi 5 mars 2021 18h04 > ", "(2021-03-05 6:04 PM) ", "05/03/2021 "])
def test_a_chat_of_another_form_is_not_taken_for_plain_text(tmp_path, head):
    with pytest.raises(TweetstyleError, match="looks like a chat"):
        read(put(tmp_path / "c.txt", f"{head}Bob: Oui ?\n{head}Chloé: Non\nsuite\n"))
    lines = f"{head}Bob: Oui ?\nmes mots : oui\n3 mars, note: oui\nle 05/03/2021, je dors\n05/03/2021 je dors\n"
    assert len(read(put(tmp_path / "notes.txt", lines))) == 5


def test_a_whatsapp_chat_of_android_in_french_with_its_pairs(tmp_path):
    path = put(tmp_path / "Discussion WhatsApp avec Bob.txt", ANDROID_FRENCH)
    assert learned(path, "chloé") == [
        (
            "Ben oui, j'arrive : 20 h\navec une deuxième ligne\n\net une troisième",
            "2021-03-05T18:07",
            "",
            "Tu viens-tu ce soir ?\nApporte du vin",
        ),
        ("pis du pain", "2021-03-05T18:08", "Ben oui, j'arrive : 20 h\navec une deuxième ligne\n\net une troisième", ""),
        ("", "2021-03-05T18:09", "pis du pain", ""),
        ("Bon matin", "2021-03-25T09:00", "", ""),
    ]
    tweets = read(path, "Chloé")
    assert [tweet.is_reply for tweet in tweets] == [True, False, False, False] and tweets[2].has_media


def test_a_whatsapp_chat_of_an_iphone_in_english_and_of_quebec(tmp_path):
    assert learned(put(tmp_path / "_chat.txt", IPHONE_ENGLISH), "Chloé") == [
        ("Sure, at 8: with @Denise_Roy", "2021-03-25T18:07", "", "Are you coming tonight?\nBring wine"),
        ("and bread", "2021-03-25T18:08", "Sure, at 8: with @Denise_Roy", ""),
        ("", "2021-03-25T18:09", "and bread", ""),
        ("Morning", "2021-03-26T06:04", "", ""),
    ]
    assert learned(put(tmp_path / "q.txt", QUEBEC), "Chloé") == [("Non", "2021-03-25T18:05", "", "Oui ?")]


@pytest.mark.parametrize(
    ("line", "date", "said"),
    [
        ("05/03/2021, 18:04 - A: x", "2021-03-05T18:04", "in dates such as 05/03/2021 the first number is read as the day"),
        ("3/5/21, 6:04 PM - A: x", "2021-03-05T18:04", "in dates such as 3/5/21 the first number is read as the month"),
        ("[05.03.21, 18:04:11] A: x", "2021-03-05T18:04", "in dates such as 05/03/21 the first number is read as the day"),
        ("[2021-03-05, 12:04:11 a.m.] A: x", "2021-03-05T00:04", None),
        ("25/03/21 18:04 - A: x", "2021-03-25T18:04", None),
    ],
)
def test_the_dates_of_whatsapp_by_telephone_and_country(tmp_path, line, date, said):
    notices = []
    (tweet,) = read(put(tmp_path / "a.txt", line), notices=notices)
    assert tweet.created_at[:16] == date and [notice for notice in notices if "dates" in notice] == [said] * bool(said)


OWN = [
    "media omitted", "j'ai supprimé ce message", "un appel manqué", "the image was omitted", "regarde l'image", "document",
    "WhatsApp c'est chiffré de bout en bout, non ?", "appel vidéo demain soir ?", "appel groupé à 20 h ok", "Sondage : qui vient samedi ?",
    "Missed your call, sorry", "Missed the video call lol", "Denise a envoyé une photo de son chat.", "Bob a quitté le groupe hier soir",
    "they removed the group photo", "en attente de ce message depuis hier", "Position : https://exemple.org/carte", "location: here",
    "Bob changed the subject to something else", "poll: pizza or sushi?", "voice call tonight?", "Tu as envoyé une photo.",
]  # fmt: skip


WHATSAPP = {
    MEDIA: """<Media omitted>|<Médias omis>|\u200eimage absente|\u200evideo omitted|\u200edocument omis|<attached: 00012-PHOTO.jpg>
        GIF retiré|IMG-20210305-WA0001.jpg (file attached)|IMG-20210305-WA0001.jpg (fichier joint)
        <pièce jointe : 12-AUDIO.opus>|Rapport d'été.pdf • \u200e3 pages \u200e(fichier joint)|Bob Roy.vcf (file attached)""",
    SYSTEM: """This message was deleted|Ce message a été supprimé|You deleted this message.|null|live location shared
        Ce message a été supprimé par l'admin Bob.|This message was deleted by admin Bob.|Location: https://maps.google.com/?q=1
        Missed voice call|Missed group video call at 18:04|Appel vocal manqué|Appel vidéo manqué à 18:04
        En attente de ce message. Cela peut prendre un moment.|Waiting for this message. This may take a while.
        POLL:\\nOù ?\\n\u200eOPTION: Ici (1 vote)|SONDAGE :\\nOù ?\\nOPTION : Ici (0 vote)|localisation : https://maps.google.com/?q=1""",
    "": "|".join(OWN),
}
FACEBOOK = {
    MEDIA: """You sent a photo.|You sent 3 photos.|Chloé sent an attachment.|Chloé Côté sent a voice message.|You sent an audio file.
        Vous avez envoyé une pièce jointe.|Vous avez envoyé 3 photos.|Chloé a envoyé un message vocal.|Chloé a partagé une story.
        Vous avez envoyé un fichier audio.|You sent an image.|You sent a post by @ami.|Chloé a envoyé une publication de @ami.""",
    SYSTEM: """You are now connected on Messenger|You and Bob are now friends on Facebook.|Vous êtes désormais en contact sur Messenger.
        Reacted 😆 to your message |Bob a réagi ❤ à votre message|Liked a message|A aimé un message|A réagi 😂 à votre message
        Chloé left the group.|Vous avez quitté le groupe.|You named the group Été 2021.|Chloé a nommé le groupe Party !.
        You set the nickname for Bob to Bobby.|Chloé a surnommé Bob Bobby.|Vous avez défini l’emoji sur 👍.|You changed the chat theme.
        You added Denise to the group.|Vous avez retiré Denise du groupe.|Chloé joined the call.|Chloé a rejoint l’appel.
        You created a poll: Où ?|Chloé a créé un sondage : Où ?|You voted for “Ici” in the poll: Où ?
        Vous avez voté pour « Ici » dans le sondage
        The video call ended.|L’appel est terminé.|Bob missed your call.|Bob a manqué votre appel.|You started a video chat.
        You replied to Bob's story|Vous avez répondu à la story de Bob|You stopped sharing your location.|You shared Bob's post.
        Vous avez arrêté de partager votre position.|You accepted Bob's request.|Vous avez mis à jour le plan.|You pinned a message.
        You deleted a message|Vous avez supprimé un message|You declined the call.|Vous avez manqué un appel audio
        Chloé a activé quelque chose de nouveau.|Chloé turned off anything new.|Chloé Côté s’est jointe à la suite.
        Messages and calls are secured with end-to-end encryption.|Les messages et les appels sont chiffrés de bout en bout.""",
    "": """Vous avez quitté le groupe ?|You left the group chat and never came back|Denise a quitté le groupe.|vous avez envoyé quoi ?
        You sent me the wrong link.|You added salt to the group dinner again|Bob left the group.|Chloé c'est moi.|I am now connected
        You changed my mind.|You missed a spot.|Vous avez partagé un bon moment.|Vous avez changé le thème de la fête, c'est beau
        Vous avez créé une merveille.|You started it!|Chloé, c'est moi qui appelle.|You joined us late.|You sent it twice.""",
}
"""Kind → texts of WhatsApp; of Chloé Côté in Facebook or Instagram."""


def kinds(table, sender):
    return {
        kind: [text for text in re.split(r"\||\n", texts) if not_written(text.replace("\\n", "\n"), sender) != kind]
        for kind, texts in table.items()
    }


@pytest.mark.parametrize("sender", ["", "Chloé Côté"])
def test_lines_that_nobody_wrote_are_told_from_those_that_mention_them(sender):
    assert kinds(WHATSAPP, sender) == {MEDIA: [], SYSTEM: [], "": []}


def test_facebook_names_its_sender_in_lines_that_nobody_wrote_and_whatsapp_does_not():
    assert kinds(FACEBOOK, "Chloé Côté") == {MEDIA: [], SYSTEM: [], "": []}
    assert kinds({"": "|".join(FACEBOOK.values())}, "") == {"": []}


def test_in_whatsapp_a_line_without_a_name_is_nobody_s_even_one_with_a_colon_and_no_word_of_the_author_s_is_lost(tmp_path):
    system = [
        "Messages and calls are end-to-end encrypted.", 'Bob created group "Été: Paris"', "Bob a créé le groupe « Plans : vendredi »",
        "Bob a changé le sujet de « a : b » à « c »", "You changed the group name to “Trip: 2021”", "Vous avez modifié l'objet : « Été »",
        "Vous avez activé les messages éphémères. Les nouveaux messages disparaîtront : 24 heures", "Bob changed the subject to: x",
    ]  # fmt: skip
    lines = [*system, "Bob: Salut", *(f"Chloé: {text}" for text in OWN), "Chloé: null", "Chloé: note : pain\nlait : 2"]
    path = put(tmp_path / "c.txt", "".join(f"05/03/2021 à 18:04 - {line}\n" for line in lines))
    tweets = read(path, "Chloé")
    assert [tweet.text for tweet in tweets] == [*OWN, "note : pain\nlait : 2"] and tweets[0].message == "Salut"


def test_what_an_iphone_marks_is_nobody_s_and_words_beside_a_picture_are_the_author_s(tmp_path):
    lines = [
        "Les copains: \u200eBob a créé ce groupe", "Bob: Tu viens ?", "Chloé: \u200eimage absente", "Chloé: \u200eAppel vidéo. \u200e3 min",
        "Chloé: \u200eSONDAGE :\n\u200eOù ?",
        "Chloé: la mer \u200e<pièce jointe : 00000013-PHOTO.jpg>",
        "Chloé: Rapport.pdf • \u200e3 pages \u200e<pièce jointe : 00000014-Rapport.pdf>",
        "Chloé: oui \u200e<Ce message a été modifié>",
    ]  # fmt: skip
    path = put(tmp_path / "_chat.txt", "".join(f"{MARK * (n % 2)}[05/03/2021 18:04:{n:02}] {line}\n" for n, line in enumerate(lines)))
    tweets = read(path, "Chloé")
    assert [(tweet.text, tweet.has_media) for tweet in tweets] == [("", True), ("la mer", True), ("", True), ("oui", False)]
    assert [tweet.message for tweet in tweets] == ["Tu viens ?", "Tu viens ?", "", ""]


def test_several_chats_in_a_folder_or_a_zip_are_one_source_and_other_texts_beside_them_none(tmp_path):
    chat = "18:0{}, 05/03/2021 - {}: allo\n18:05, 05/03/2021 - Chloé: {}\n"
    files = {
        "WhatsApp Chat with Bob.txt": chat.format(4, "Bob", "un"),
        "x/_chat.txt": chat.format(4, "Ann", "deux"),
        "notes.txt": "lait\nriz\n",
    }
    for name, text in files.items():
        put(tmp_path / "chats" / name, text)
    with zipfile.ZipFile(tmp_path / "chats.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    for path in (tmp_path / "chats", tmp_path / "chats.zip"):
        assert [(tweet.text, tweet.created_at, tweet.message) for tweet in read(path, "Chloé")] == [
            ("un", "2021-03-05T18:05:00Z", "allo"), ("deux", "2021-03-05T18:05:00Z", "allo"),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("dates", "first"),
    [
        (["3/5/21", "4/5/21", "5/4/21"], "2021-03-05"),
        (["3/5/21", "5/4/21", "3/6/21"], "2021-04-05"),
        (["5/3/21", "4/4/21", "3/5/21"], "2021-03-05"),
    ],
)
def test_which_number_is_the_day_follows_from_the_sequence_where_no_date_proves_it(tmp_path, dates, first):
    path = put(tmp_path / "c.txt", "".join(f"{date}, 18:04 - A: x\n" for date in dates))
    assert min(tweet.created_at[:10] for tweet in read(path)) == first


def telegram(number, sender, text, at, **more):
    message = {"id": number, "type": "message", "date": at, "from": sender, "from_id": f"user{len(sender)}", "text": text}
    return message | more


CHAT = {
    "name": "Bob", "type": "personal_chat", "id": 77,
    "messages": [
        {"id": 1, "type": "service", "date": "2021-03-05T18:00:00", "actor": "Bob", "action": "phone_call"},
        telegram(2, "Bob", "Tu viens ?", "2021-03-05T18:04:00"),
        telegram(3, "Bob", "Et Denise, elle va bien ?", "2021-03-05T18:05:00"),
        telegram(4, "Chloé", ["oui, ", {"type": "bold", "text": "certain"}], "2021-03-05T18:06:00", reply_to_message_id=2),
        telegram(5, "Chloé", "les mots d'un autre", "2021-03-05T18:07:00", forwarded_from="Un canal"),
        telegram(6, "Chloé", "deux jours après", "2021-03-07T18:07:00", date_unixtime="1615140420"),
        telegram(7, "Chloé", "", "2021-03-07T18:08:00", photo="photos/1.jpg"),
    ],
}  # fmt: skip


def test_a_telegram_chat_has_the_message_that_is_answered_and_an_account_s_export_knows_its_owner(tmp_path):
    expected = [
        ("oui, certain", "2021-03-05T18:06", "", "Tu viens ?"),
        ("les mots d'un autre", "2021-03-05T18:07", "oui, certain", ""),
        ("deux jours après", "2021-03-07T18:07", "", ""),
        ("", "2021-03-07T18:08", "deux jours après", ""),
    ]
    path = put(tmp_path / "one" / "result.json", CHAT)
    assert learned(path, "Chloé") == learned(path.parent, "Chloé") == expected
    assert [tweet.is_retweet for tweet in read(path, "Chloé")] == [False, True, False, False]
    account = {
        "about": "Here is the data",
        "personal_information": {"user_id": 5, "first_name": "Chloé"},
        "chats": {"about": "", "list": [CHAT]},
    }
    assert learned(put(tmp_path / "all" / "result.json", account)) == expected


def escaped(value):
    r"""As Facebook writes it: é is \u00c3\u00a9."""
    return json.dumps(value, ensure_ascii=False).encode().decode("latin-1")


def facebook(tmp_path, name="facebook.zip"):
    inbox = "your_facebook_activity/messages/inbox/bob_1/message_%d.json"
    people = [{"name": "Bob Tremblay"}, {"name": "Chloé Côté"}]
    said = [(3, "Chloé Côté", "à 20 h… 🎉"), (2, "Bob Tremblay", "Tu viens à la fête ?"), (1, "Chloé Côté", "Vous avez envoyé une photo.")]
    members = {
        inbox % 1: {"participants": people, "messages": [{"sender_name": w, "timestamp_ms": t * 60_000, "content": c} for t, w, c in said]},
        inbox % 2: {"participants": people, "messages": [{"sender_name": "Bob Tremblay", "timestamp_ms": 0, "content": "Allô"}]},
        "your_facebook_activity/posts/your_posts_1.json": [{"timestamp": 600, "data": [{"post": "mon été"}], "title": "Chloé"}],
        "your_facebook_activity/comments/comments.json": {
            "comments_v2": [{"timestamp": 700, "data": [{"comment": {"timestamp": 700, "comment": "bien d'accord", "author": "Chloé"}}]}]
        },
        "your_facebook_activity/posts/your_videos.json": {"videos": []},
        "instagram/media/posts_1.json": [{"media": [{"uri": "1.jpg", "creation_timestamp": 800, "title": "la mer, enfin"}]}],
        "instagram/comments/post_comments_1.json": [
            {"string_map_data": {"Commentaire": {"value": "trop belle"}, "Propriétaire": {"value": "bob"}, "Heure": {"timestamp": 900}}}
        ],
        "readme.txt": "x",
    }
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        for member, value in members.items():
            archive.writestr(member, escaped(value).encode())
    return tmp_path / name


def test_facebook_s_and_instagram_s_messages_posts_and_comments_are_one_archive_and_their_escapes_letters(tmp_path):
    path = facebook(tmp_path)
    expected = [
        ("", "1970-01-01T00:01", "", "Allô"),
        ("à 20 h… 🎉", "1970-01-01T00:03", "", "Allô\nTu viens à la fête ?"),
        ("mon été", "1970-01-01T00:10", "", ""),
        ("bien d'accord", "1970-01-01T00:11", "", ""),
        ("la mer, enfin", "1970-01-01T00:13", "", ""),
        ("trop belle", "1970-01-01T00:15", "", ""),
    ]
    assert sorted(learned(path, "Chloé Côté"), key=lambda row: row[1]) == expected
    assert {tweet.text for tweet in read(path, "Chloé Côté") if tweet.is_reply and not tweet.message} == {"bien d'accord", "trop belle"}
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert sorted(learned(tmp_path / "unpacked", "Chloé Côté"), key=lambda row: row[1]) == expected
    assert len(files_of(tmp_path / "unpacked")) == 6


ENCRYPTED = {"isUnsent": False, "media": [], "senderName": "Chloé Côté", "type": "text"}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "oui", "type": "Generic"}, "oui"), ({"content": "oui", "is_unsent": False, "is_geoblocked_for_viewer": False}, "oui"),
        ({"content": "vois https://exemple.org/a", "type": "Share", "share": {"link": "x"}}, "vois https://exemple.org/a"),
        ({"content": "la mer", "photos": [{"uri": "1.jpg"}]}, "la mer"), ({"sticker": {"uri": "1.png"}}, ""),
        ({"content": "Vous avez envoyé une pièce jointe.", "share": {"link": "x"}}, ""),
        ({"content": "arrivée quelconque", "type": "Subscribe"}, None), ({"content": "départ", "type": "Unsubscribe"}, None),
        ({"content": "sonnerie", "type": "Call"}, None), ({"content": "sonnerie", "call_duration": 0}, None),
        ({"content": "sonnerie", "missed": True}, None), ({"content": "retiré", "is_unsent": True}, None),
        ({"content": "enlevé", "is_taken_down": True}, None), ({}, None), ({"type": "Generic"}, None),
        ({**ENCRYPTED, "text": "à demain… é"}, "à demain… é"),
        ({**ENCRYPTED, "type": "media", "text": "", "media": [{"uri": "1.jpg"}]}, ""),
        ({**ENCRYPTED, "text": "retiré", "isUnsent": True}, None), ({**ENCRYPTED, "text": "Message absent", "type": "placeholder"}, None),
    ],
)  # fmt: skip
def test_facebook_marks_what_nobody_wrote_and_its_two_ways_to_write_a_message_are_read(tmp_path, message, text):
    mine = (
        {"timestamp": 1_714_000_060_000} | message
        if "senderName" in message
        else {"sender_name": "Chloé Côté", "timestamp_ms": 60_000} | message
    )
    names = ("senderName", "timestamp", "text") if "senderName" in message else ("sender_name", "timestamp_ms", "content")
    last = dict(zip(names, ("Chloé Côté", mine[names[1]] + 60_000, "fin"), strict=True))
    people = (
        {"participants": ["Chloé Côté"], "threadName": "Bob_7"} if "senderName" in message else {"participants": [{"name": "Chloé Côté"}]}
    )
    value = {**people, "messages": [last, mine]}
    path = put(tmp_path / "x" / "Bob_7.json", json.dumps(value) if "senderName" in message else escaped(value))
    for source in (path, path.parent):
        assert [tweet.text for tweet in read(source, "Chloé Côté")] == [text, "fin"][text is None :]


def test_titles_of_facebook_are_its_own_words_and_posts_and_comments_in_groups_threads_and_reels_are_the_author_s(tmp_path):
    files = {
        "posts/your_posts_1.json": [
            {"timestamp": 1, "title": "Chloé a ajouté une photo.", "attachments": [{"data": []}]},
            {"timestamp": 2, "data": [{"post": "mon été"}]},
            {"timestamp": 3, "data": [{"update_timestamp": 3}], "title": "Chloé a partagé un lien."},
        ],
        "groups/group_posts_and_comments.json": {"group_posts_v2": [{"timestamp": 4, "data": [{"post": "qui vend un vélo ?"}]}]},
        "groups/your_comments_in_groups.json": {"group_comments_v2": [{"timestamp": 5, "data": [{"comment": {"comment": "moi"}}]}]},
        "media/reels.json": {"ig_reels_media": [{"media": [{"creation_timestamp": 6, "title": "mon réel"}]}]},
        "threads/threads_and_replies.json": {"text_post_app_text_posts": [{"media": [{"creation_timestamp": 7, "title": "un fil"}]}]},
        "posts/posts_from_apps.json": {"wall_posts_sent_to_you": {"activity_log_data": [{"timestamp": 8, "data": [{"post": "à toi"}]}]}},
    }  # fmt: skip
    for name, value in files.items():
        put(tmp_path / "meta" / name, escaped(value))
    notices = []
    tweets = read(tmp_path / "meta", notices=notices)
    assert sorted(tweet.text for tweet in tweets) == ["", "", "moi", "mon réel", "mon été", "qui vend un vélo ?", "un fil"]
    assert notices == ["left out, without posts or messages of a known form: posts/posts_from_apps.json (1 in all)"]


def test_telegram_s_owner_by_an_old_number_other_chats_bots_and_what_was_saved(tmp_path):
    messages = [
        {"id": 1, "type": "message", "date": "2019-03-05T18:00:00", "from": None, "from_id": 9, "text": "allo"},
        {"id": 2, "type": "message", "date": "2019-03-05T18:01:00", "from": "Chloé", "from_id": 5, "text": "vieux"},
        {"id": 3, "type": "message", "date": "2019-03-05T18:02:00", "from": "Chloé", "from_id": "user5", "text": "là",
         "reply_to_message_id": 1, "reply_to_peer_id": "channel7"},
        {"id": 4, "type": "message", "date": "2019-03-05T18:03:00", "from": "Chloé", "from_id": "user5", "text": "gardé",
         "saved_from": "Canal"},
    ]  # fmt: skip
    bots = {"type": "bot_chat", "id": 8, "messages": [dict(messages[1], text="/start")]}
    value = {"personal_information": {"user_id": 5}, "chats": {"list": [bots, {"type": "personal_chat", "id": 7, "messages": messages}]}}
    tweets = read(put(tmp_path / "result.json", value))
    assert [(t.text, t.message, t.is_reply, t.is_retweet) for t in tweets] == [
        ("vieux", "allo", True, False), ("là", "", True, False), ("gardé", "", False, True),
    ]  # fmt: skip


def test_words_below_a_picture_of_the_author_s_still_answer_what_was_said_before_it(tmp_path):
    lines = ["Bob: Tu viens ?", "Chloé: <Médias omis>", "Chloé: oui, regarde", "Chloé: la suite"]
    tweets = read(put(tmp_path / "c.txt", "".join(f"05/03/2021 à 18:0{n} - {line}\n" for n, line in enumerate(lines))), "Chloé")
    assert [(tweet.text, tweet.message) for tweet in tweets[1:]] == [("oui, regarde", "Tu viens ?"), ("la suite", "")]


def mastodon(number, content, **more):
    post = {"id": f"https://m.example/users/c/statuses/{number}", "type": "Note", "published": "2021-03-05T18:04:00Z", "content": content}
    readers = more.pop("to", "https://www.w3.org/ns/activitystreams#Public")
    return {"id": f"{post['id']}/activity", "type": "Create", "published": post["published"], "to": [readers], "object": post | more}


def test_a_mastodon_outbox_gives_posts_and_threads_and_leaves_direct_messages_closed(tmp_path):
    first = "https://m.example/users/c/statuses/1"
    mention = '<p><span class="h-card"><a href="https://m.example/@bob" class="u-url mention">@<span>bob</span></a></span> oui</p>'
    items = [
        mastodon(1, "<p>Voilà &amp; voilà<br />deuxième ligne</p><p>autre</p>"),
        mastodon(2, "<p>la suite</p>", inReplyTo=first),
        mastodon(3, mention, inReplyTo="https://m.example/users/bob/statuses/9", to="https://m.example/users/c/followers"),
        mastodon(4, "<p>un secret</p>", to="https://m.example/users/bob"),
        {"id": "b", "type": "Announce", "published": "2021-03-05T18:04:00Z", "to": ["as:Public"], "object": "https://m.example/x/1"},
        mastodon(5, "<p>d'un autre</p>") | {"type": "Announce", "actor": "https://m.example/users/c"},
        mastodon(7, "x") | {"object": None},
        mastodon(8, '<p class="quote-inline">RE: <a href="x"><span>https://</span>x</a></p><p>bien vu</p>'),
        mastodon(9, "<p>pizza ?</p>", type="Question", summary="un avertissement"),
        mastodon(6, "<blockquote><p>ses mots</p></blockquote><p>mes mots</p><ul><li>un</li><li>deux</li></ul><div>fin</div>"),
    ]
    outbox = {"@context": "https://www.w3.org/ns/activitystreams", "id": "outbox.json", "type": "OrderedCollection", "orderedItems": items}
    path = put(tmp_path / "m" / "outbox.json", outbox)
    tweets = read(path.parent)
    assert [(t.text, t.reply_to, t.is_reply, t.is_retweet) for t in tweets] == [
        ("Voilà & voilà\ndeuxième ligne\n\nautre", "", False, False),
        ("la suite", first, False, False),
        ("@bob oui", "", True, False),
        ("https://m.example/x/1", "", False, True),
        ("d'un autre", "", False, True),
        ("bien vu", "", False, False),
        ("pizza ?", "", False, False),
        ("ses mots\n\nmes mots\nun\ndeux\nfin", "", False, False),
    ]


def bluesky_post(text, parent=None):
    reply = {"reply": {"root": {"uri": parent, "cid": "x"}, "parent": {"uri": parent, "cid": "x"}}} if parent else {}
    return {"$type": "app.bsky.feed.post", "text": text, "createdAt": "2023-06-01T12:00:00.000Z", "langs": ["fr"]} | reply


def cid(block: bytes) -> bytes:
    import hashlib

    return b"\x01\x71\x12\x20" + hashlib.sha256(block).digest()


def car(did, posts):
    """A repository by https://atproto.com/specs/repository, written by hand: two levels of the tree, other collections, one commit."""
    blocks = []

    def linked(block):
        blocks.append(cid(block) + block)
        return link(cid(block))

    def node(records, left=None):
        entries, before = [], b""
        for key, record in records.items():
            whole = key.encode()
            shared = next((i for i, (a, b) in enumerate(zip(before, whole, strict=False)) if a != b), min(len(before), len(whole)))
            entries.append({"p": shared, "k": whole[shared:], "v": linked(libipld.encode_dag_cbor(record)), "t": None})
            before = whole
        return linked(encoded({"l": left, "e": entries}))

    first, *others = [(f"app.bsky.feed.post/{key}", post) for key, post in posts.items()]
    like = {"$type": "app.bsky.feed.like", "subject": {"uri": "x"}, "text": "pas un mot"}
    left = node({"app.bsky.feed.like/1": like, "app.bsky.feed.repost/1": like | {"$type": "app.bsky.feed.repost"}, first[0]: first[1]})
    data = node(dict(others) | {"app.bsky.feed.threadgate/1": like}, left)
    commit = linked(encoded({"did": did, "version": 3, "data": data, "rev": "3k", "prev": None, "sig": b"x"}))
    parts = [encoded({"roots": [commit], "version": 1}), *blocks]
    return b"".join(varint(len(part)) + part for part in parts)


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number % 128 + 128]) + varint(number // 128)


class link(bytes):
    """A CID as a link within CBOR: tag 42."""


def encoded(value) -> bytes:
    """DAG-CBOR of maps, lists, texts, bytes, small numbers and links, by RFC 8949."""

    def head(kind, number):
        return (
            bytes([kind << 5 | number])
            if number < 24
            else bytes([kind << 5 | 24, number])
            if number < 256
            else bytes([kind << 5 | 25]) + number.to_bytes(2, "big")
        )

    if value is None:
        return b"\xf6"
    if isinstance(value, link):
        return b"\xd8\x2a" + encoded(b"\0" + bytes(value))
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encoded, value))
    keys = sorted(value, key=lambda key: (len(key), key))
    return head(5, len(value)) + b"".join(encoded(key) + encoded(value[key]) for key in keys)


def test_bluesky_s_repository_and_its_records_as_json_are_the_same_posts(tmp_path):
    did = "did:plc:abc"
    uri = f"at://{did}/app.bsky.feed.post/"
    posts = {
        "3k1": bluesky_post("bonjour"),
        "3k2": bluesky_post("la suite", uri + "3k1"),
        "3k9": bluesky_post("oui", "at://did:plc:z/app.bsky.feed.post/1"),
    }
    records = {"records": [{"uri": uri + key, "cid": "x", "value": post} for key, post in posts.items()]}
    lines = "".join(json.dumps(record) + "\n" for record in records["records"])
    files = {"repo.car": car(did, posts), "posts.json": records, "posts.jsonl": lines}
    expected = [("bonjour", "", False), ("la suite", uri + "3k1", False), ("oui", "", True)]
    for name, content in files.items():
        tweets = read(put(tmp_path / name, content))
        assert [(t.text, t.reply_to, t.is_reply) for t in tweets] == expected
        assert [(t.id, t.created_at) for t in tweets] == [(uri + key, "2023-06-01T12:00:00Z") for key in posts]
    with pytest.raises(TweetstyleError, match="CAR file"):
        read(put(tmp_path / "cut.car", (tmp_path / "repo.car").read_bytes()[:-40]))


def facet(text, part, **feature):
    begin = len(text.partition(part)[0].encode())
    return {"index": {"byteStart": begin, "byteEnd": begin + len(part.encode())}, "features": [feature]}


def test_a_link_that_bluesky_shows_shortened_is_the_link_and_a_wrong_place_changes_nothing(tmp_path):
    text, address = "été : exemple.org/tr... et @bob.bsky.social, b.org/… fin", "https://exemple.org/très/long"
    facets = [
        facet(text, "exemple.org/tr...", uri=address), facet(text, "@bob.bsky.social", did="did:plc:x"), facet(text, "b.org/…", uri="https://b.org/1"),
        {"index": {"byteStart": 1, "byteEnd": 2}, "features": [{"uri": "x"}]},
        {"index": {"byteStart": 70, "byteEnd": 999}, "features": [{"uri": "x"}]}, {},
    ]  # fmt: skip
    records = {"records": [{"uri": "at://a/1", "value": bluesky_post(text) | {"facets": facets}}]}
    (tweet,) = read(put(tmp_path / "posts.json", records))
    assert tweet.text == f"été : {address} et @bob.bsky.social, https://b.org/1 fin"


def test_an_older_discord_package_has_tables_and_markup_is_no_words(tmp_path):
    rows = 'ID,Timestamp,Contents,Attachments\n{},2021-03-05 18:04:11.123000+00:00,"{}",\n'
    put(
        tmp_path / "p" / "messages" / "c1" / "messages.csv",
        rows.format(1, "vois <#9> <a:vite:9> </aide:8> à <t:1614967200:R>\ndeux, lignes"),
    )
    put(tmp_path / "p" / "messages" / "c2" / "messages.csv", rows.format(2, "<@!5> <@&6> oui"))
    put(tmp_path / "p" / "README.txt", "About\n")
    for path in (tmp_path / "p", tmp_path / "p" / "messages" / "c1" / "messages.csv"):
        tweets = read(path)
        assert tweets[0][:3] == ("1", "vois #… :vite: /aide à \ndeux, lignes", "2021-03-05T18:04:11Z")
    assert [tweet.text for tweet in read(tmp_path / "p")][1:] == ["@… @… oui"]


def test_a_discord_package_holds_the_user_s_own_messages_alone(tmp_path):
    for channel, text in (("c1", "salut <@123> <:oui:99>"), ("c2", "")):
        message = {
            "ID": int(channel[1]),
            "Timestamp": "2021-03-05 18:04:11",
            "Contents": text,
            "Attachments": "" if text else "https://x/1.png",
        }
        put(tmp_path / "package" / "Messages" / channel / "messages.json", [message])
    put(tmp_path / "package" / "Messages" / "index.json", {"1": "général"})
    put(tmp_path / "package" / "README.txt", "About your package\n" * 40)
    tweets = read(tmp_path / "package")
    assert [(t.id, t.text, t.created_at, t.has_media) for t in tweets] == [
        ("1", "salut @… :oui:", "2021-03-05T18:04:11Z", False),
        ("2", "", "2021-03-05T18:04:11Z", True),
    ]


def test_an_author_for_a_chat_does_not_stop_the_sources_that_have_no_names(tmp_path):
    posts = {"type": "OrderedCollection", "orderedItems": [mastodon(1, "<p>un</p>")]}
    account = {"about": "", "personal_information": {"user_id": 5}, "chats": {"list": [CHAT]}}
    paths = [put(tmp_path / "wa.txt", QUEBEC), put(tmp_path / "outbox.json", posts), put(tmp_path / "result.json", account)]
    found = [tweet.text for tweet in open_archive(paths, author=["Bob"]).tweets()]
    assert found[:2] == ["Oui ?", "un"] and "oui, certain" in found
    assert len(read(paths[2], "Carl")) == 4


KINDS = {
    "a WhatsApp chat": lambda path: put(path / "c.txt", ANDROID_FRENCH),
    "a Telegram export": lambda path: put(path / "result.json", json.dumps(CHAT, indent=1)),
    "a Facebook or Instagram export": facebook,
}


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_author_s_name_a_chat_is_refused_with_the_names_and_their_messages(tmp_path, kind):
    path = KINDS[kind](tmp_path)
    assert kind_of(path).kind == kind
    with pytest.raises(AuthorUnknown) as caught:
        read(path)
    assert sorted(caught.value.names.values()) and len(caught.value.names) == 2 and "--author" in caught.value.hint
    with pytest.raises(AuthorUnknown, match=r"has no message of Denise; it holds messages of: .*Bob"):
        read(path, "Denise")


def test_only_the_author_s_messages_pass_and_a_notice_counts_them(tmp_path):
    notices = []
    tweets = read(put(tmp_path / "c.txt", ANDROID_FRENCH), "Chloé", notices=notices)
    assert len(tweets) == 4 and "4 of 6 messages are yours; 1 answer a message that the export has" in notices[0]
    group = (
        "05/03/2021, 18:00 - Bob: un\n05/03/2021, 18:01 - Ann: deux ?\n05/03/2021, 18:02 - Chloé: trois\n05/03/2021, 18:03 - Bob: quatre\n"
    )
    group += "05/03/2021, 22:00 - Chloé: bien plus tard\n"
    assert [tweet.message for tweet in read(put(tmp_path / "g.txt", group), "Chloé")] == ["deux ?", ""]


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        (
            "result.json",
            {"name": "B", "type": "personal_chat", "id": 1, "messages": [{"type": "message"}]},
            "is not as this kind of export",
        ),
        ("message_1.json", {"participants": [], "messages": [{"sender_name": "B"}]}, "is not as this kind of export"),
        ("outbox.json", '{"type": "OrderedCollection", "orderedItems": [{"object"', "not valid JSON"),
        ("result.json", {"name": "B", "type": "personal_chat", "id": 1, "messages": []}, "no message of yours"),
    ],
)
def test_a_damaged_export_is_one_error_with_its_file(tmp_path, name, value, what):
    path = put(tmp_path / name, value)
    with pytest.raises(TweetstyleError, match=what) as caught:
        read(path)
    assert caught.value.where == str(path) and caught.value.hint
