"""What an app fills in again and again is found; what a person likes to say again is not."""

import pytest

from tweetstyle.cleaning.archive_rules import automatic_templates, over_cap

WORDS = "le chat la pluie un bus trois oies du pain ma tante deux fois rien dehors demain encore le voisin une soupe".split()


def varied(i: int, count: int) -> str:
    """So many words that no other text has in this order."""
    return " ".join(WORDS[(i * (k + 3) + k * k) % len(WORDS)] + "aeiou"[(i + k) % 5] for k in range(count))


BY_APPS = {
    "the same words, numbers filled in": lambda i: f"ma journée : {i} km, {i % 7} cafés",
    "figures with a link": lambda i: f"{i} followers, {i % 3} unfollowed https://t.co/a{i}",
    "a link alone behind many words": lambda i: f"Mon nouvel épisode est en ligne, bonne écoute ! https://t.co/a{i}",
    "one number in a long sentence": lambda i: f"Record ! mon podomètre a compté {1000 + 7 * i} pas entre chez moi et le travail",
    "a title that varies behind the opening": lambda i: f"Lu {i} pages du livre {varied(i, 2)} avec LivreTrace ce soir https://t.co/a{i}",
    "names that vary": lambda i: f"mes {i} artistes de la semaine : @a{i} ({i}) @b{i} ({i + 2}) avec MusiqueTrace",
    "entities and a narrow no-break space": lambda i: f"bilan &amp; suite : {i}\u202f000 pas, {i} étages montés",
}  # fmt: skip
BY_PEOPLE = {
    "a liked opening": lambda i: f"mettons que {varied(i, 6)}, voilà voilà",
    "a liked opening with a number": lambda i: f"il est {i % 24} h du matin pis {varied(i, 7)}",
    "a short habit with a number": lambda i: f"il fait {i} degrés",
    "the hour, day after day": lambda i: f"il est {i % 24} h {10 + i} pis je dors pas",
    "a slogan under pictures": lambda i: f"bon matin Québec, voilà voilà ! https://t.co/a{i}",
    "thanks with a tag's year": lambda i: f"merci encore Québec ! #Carnaval2019 https://t.co/a{i}",
    "the same sentence with a number that stays": lambda i: "je travaille 24 h sur 24, 7 jours sur 7, pis ça paraît",
    "the same sentence without a number": lambda i: "je pense que ça prend une soupe aux pois pis du pain",
}  # fmt: skip


@pytest.mark.parametrize("kind", BY_APPS)
def test_a_template_that_an_app_fills_in_is_found(kind):
    others = [f"{varied(i, 9)} {i}" for i in range(40)]
    texts = others + [BY_APPS[kind](i) for i in range(12)]
    found = automatic_templates(texts, 10)
    assert sorted(found) == list(range(40, 52))
    assert all(evidence.startswith("12 × ") for evidence in found.values())


@pytest.mark.parametrize("kind", BY_PEOPLE)
def test_a_person_s_habit_is_not_taken_for_one(kind):
    assert automatic_templates([BY_PEOPLE[kind](i) for i in range(40)], 10) == {}


def test_the_cap_leaves_so_many_and_draws_by_seed_and_id_alone():
    ids = [str(n) for n in range(50)]
    gone = over_cap(ids, 20, 42)
    assert len(gone) == 30 and over_cap(ids, 20, 43) != gone and over_cap(ids, 50, 42) == set()
    reversed_gone = over_cap(ids[::-1], 20, 42)
    assert {ids[::-1][i] for i in reversed_gone} == {ids[i] for i in gone}
