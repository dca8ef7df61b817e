"""Personal data goes, innocent numbers stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetstyle.cleaning.clean import mask_handles
from tweetstyle.cleaning.scrub import scrub

# Keys are put together here so that no scanner of repositories takes them for real ones.
A1 = "a1B2c3D4e5F6g7H8i9J0"

PERSONAL = {
    ("e-mail", "[courriel]"): [
        "bob@exemple.fr", "lise.tremblay+tweets@mail.exemple.co.uk", "É.Roy@exemple.org", "BOB@EXEMPLE.FR",
        "bob_2@sous-domaine.exemple.museum", "bob (at) exemple.org", "bob[arobase]exemple[point]org",
        "bob [at] exemple [dot] org",
    ],
    ("telephone", "[téléphone]"): [
        # Numbers kept free for fiction: ARCEP's 01 99 00; NANP's 555-01xx; Ofcom's 020 7946 0.
        "06 12 34 56 12", "06.12.34.56.12", "06-12-34-56-12", "0612345612", "01\u00a099\u00a000\u00a000\u00a012",
        "01\u202f99\u202f00\u202f00\u202f12", "+33 6 12 34 56 12", "+33(0)6 12 34 56 12", "0033612345612", "(06) 12 34 56 12",
        "(514) 555-0123", "514-555-0123", "514.555.0123", "514 555 0123", "514 555-0123", "514 555‑0123", "5145550123",
        "1-514-555-0123", "+1 514 555 0123", "+15145550123", "020 7946 0123", "+44 20 7946 0123", "0690 12 34 56",
        "+49 30 901820",
    ],
    ("IBAN", "[iban]"): [
        # SWIFT's own examples.
        "GB29 NWBK 6016 1331 9268 19", "DE89370400440532013000", "FR14 2004 1010 0505 0001 3M02 606", "BE68 5390 0754 7034",
        "CH93 0076 2011 6238 5295 7", "fr1420041010050500013m02606", "GB29-NWBK-6016-1331-9268-19",
        "MT84\u00a0MALT\u00a00110\u00a00001\u00a02345\u00a0MTLC\u00a0AST0\u00a001S",
    ],
    ("card", "[carte]"): [
        # The issuers' own test numbers.
        "4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "3782 822463 10005",
        "6011000990139424", "3530111333300000", "3056 930902 5904", "4222222222222", "2223003122003222", "6200000000000005",
    ],
    ("key", "[clé]"): [
        "AKIA" + "IOSFODNN7EXAMPLE", "ghp_" + A1 * 2, "github_" + "pat_" + A1 + "_" + A1, "sk-" + A1,
        "sk-" + "proj-" + A1 + "-_x", "sk-" + "ant-api03-" + A1, "xox" + "b-123456789012-" + A1,
        "AI" + "za" + A1 + "-_" + A1[:13], "eyJ" + A1 + ".eyJ" + A1 + "." + A1, "sk" + "_live_" + A1,
        "-----BEGIN " + "RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE " + "KEY-----\nabc",
        "glpat" + "-" + A1, "hf_" + A1 * 2,
    ],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "placeholder", "data"), [(*kind, data) for kind, all_data in PERSONAL.items() for data in all_data])
def test_personal_data_becomes_its_placeholder(kind, placeholder, data):
    if not data.startswith("-----"):
        assert scrub(f"voici : {data}, d'accord ?") == (f"voici : {placeholder}, d'accord ?", ((kind, 1),))
    assert scrub(data) == (placeholder, ((kind, 1),))


INNOCENT = [
    "en 2024 2025 2026 on verra", "1914-1918 et 1939-1945", "le 06.12.2024 à 10h30", "06-12-2024 14:30", "2021-03-05 12:30:45",
    "5/3/2021 12:00", "20240330192730", "1774156516295706344", "id 1774156516295706344 merci", "417156516295706344",
    "620156516295706344", "1617217777", "1617217777000", "3-2, 4-1, 6-3, 7-5", "6-4 7-5 6-3 6-2", "1-0 0-1 1-1 2-0 3-3",
    "10/10 20/20 30/30", "5 000 000 000", "7 800 000 000 humains", "12,345,678.90", "1 234 567 890 $", "$514 555 0123",
    "514 555 0123 $", "2 345 678 901 €", "20 000 000 000", "il a fait 1 234 567 pas", "12'345'678", "45.5017, -73.5673",
    "3.14159265358979", "0,1234567890", "192.168.100.200", "10.0.0.1:8080", "::ffff:0612345612x", "v1.22.333.4444",
    "isbn 2253004227", "ISBN 978-2-07-036002-4", "commande 5145550123", "réf. 418-555-0123", "dossier n° 5145550123",
    "colis 4111111111111112", "#0612345612", "#5145550123", "loto : 02 14 23 35 41", "tirage 01 05 12 33 49",
    "1 2 3 4 5 6 7 8 9 10", "0-1-2-3-4-5-6-7-8-9", "123456789", "1000000000", "0000000000", "1111111111111111",
    "4111 1111 1111 1112", "4111-1111 1111 1111", "41111 11111 11111 1", "911", "3919", "36 30 12", "1m80 75 kg 42 ans",
    "Wordle 245 4/6", "20 h 30, 3 km, 12 cafés, 45 min", "🔢 1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣7️⃣8️⃣9️⃣0️⃣",
    "FR14 2004 1010 0505 0001 3M02 607", "FR14 est un numéro", "FR14 2004 1010 0505 0001 3M02 60", "le vol AF1234567890",
    "siret 73282932000074", "24.4850000000 %", "12345678901234567890123", "https://exemple.org/0612345612",
    "www.exemple.org/514-555-0123/4111111111111111", "R@dio", "rdv @ Montréal. on mange", "moi@home. Demain", "moi@home.Demain",
    "à midi (à) table.", "(at) home", "sk-ate boarding is my life, really my life", "sk-aaaaaaaaaaaaaaaaaaaaaaaaa", "ghp_court",
    "AKIAcourt", "xoxo-bisous", "eyJ", "BEGIN PRIVATE KEY", "mon AIzawa préféré", "xox", "hf_court",
]  # fmt: skip


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_text_stays(text):
    assert scrub(text) == (text, ())


def test_every_piece_is_counted():
    text = "bob@exemple.fr, lise@exemple.fr, 06 12 34 56 12 / 514-555-0123, 4111 1111 1111 1111, GB29NWBK60161331926819"
    assert scrub(text) == (
        "[courriel], [courriel], [téléphone] / [téléphone], [carte], [iban]",
        (("e-mail", 2), ("IBAN", 1), ("card", 1), ("telephone", 2)),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("06 12 34 56 12 06 12 34 56 13", "[téléphone] [téléphone]"),
        ("514 555 0123 514 555 0124", "[téléphone] [téléphone]"),
        ("514-555-0123/418-555-0123", "[téléphone]/[téléphone]"),
        ("15/03/2021 06 12 34 56 12", "15/03/2021 [téléphone]"),
        ("RDV 14h30 06 12 34 56 12 merci", "RDV 14h30 [téléphone] merci"),
        ("tel:0612345612", "tel:[téléphone]"),
        ("4111 1111 1111 1111 12/27 123", "[carte] 12/27 123"),
        ("FR14 2004 1010 0505 0001 3M02 606 merci 2 fois", "[iban] merci 2 fois"),
        ("https://exemple.org/?mail=bob@exemple.fr", "https://exemple.org/?mail=[courriel]"),
    ],
)
def test_what_stands_beside_stays(text, expected):
    assert scrub(text)[0] == expected


@given(st.lists(st.sampled_from([data for all_data in PERSONAL.values() for data in all_data] + INNOCENT), max_size=6).map(" ; ".join))
def test_scrubbing_twice_changes_nothing_more(text):
    once, counts = scrub(text)
    assert scrub(once) == (once, ())
    assert sum(count for _, count in counts) == sum(once.count(sign) for _, sign in PERSONAL)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("salut @bob", "salut @…"),
        (".@bob_2: oui", ".@…: oui"),
        ("@bob's", "@…'s"),
        ("🦊@bob", "🦊@…"),
        ("bob@exemple.fr", "bob@exemple.fr"),
        ("https://mastodon.exemple/@bob", "https://mastodon.exemple/@bob"),
        ("https://exemple.org/?q=@bob", "https://exemple.org/?q=@bob"),
        ("R@dio p@r ici", "R@dio p@r ici"),
        ("rdv @ Montréal @7pm @19h30 @8", "rdv @ Montréal @7pm @19h30 @8"),
        ("@Chloé_Roy et @Zoë", "@… et @…"),
        ("@abcdefghijklmnopqrstuvwxyz", "@abcdefghijklmnopqrstuvwxyz"),
        ("@… déjà", "@… déjà"),
    ],
)
def test_names_are_masked_and_nothing_else(text, expected):
    assert mask_handles(text)[0] == expected
    assert mask_handles(expected) == (expected, 0)
