"""Writes synthetic archives of each generation of X's export, from tweets that a test gives. No text of anyone else is in them."""

import csv
import html
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

GENERATIONS = (2017, 2019, 2021, 2023, 2025)
"""tweets.csv; tweet.js without a manifest; tweet.js in data/ with parts and manifest; tweets.js and community; long posts, edits."""
ACCOUNT, NAME, OTHER = "7000001", "autrice", "8000002"
SECRET = "ce texte ne doit jamais sortir de l'archive"
"""In every file that must not be read."""
FORBIDDEN = ("deleted-tweets.js", "twitter-circle-tweet.js", "direct-messages.js", "direct-messages-group.js", "like.js")


@dataclass(frozen=True)
class Post:
    """What a test says of a tweet. text: as its author wrote it (the archive holds it HTML-escaped); answers: id answered, with
    the user's number in `to`; versions: ids of all edits; note: the whole text of a long post, of which `text` is the cut form."""

    id: str
    text: str
    at: str = "2023-02-18T12:33:11Z"
    answers: str = ""
    to: str = ""
    media: bool = False
    link: str = ""
    versions: tuple[str, ...] = ()
    note: str = ""
    community: bool = False


def write_archive(path: Path, posts: Sequence[Post], generation: int = 2025, *, top: str = "", **changes) -> Path:
    """Writes `path` (a zip where its name ends so, otherwise a folder). top: a folder around everything; changes: of `files_of`."""
    files = files_of(posts, generation, **changes)
    return write_files(path, {f"{top}/{name}" if top else name: content for name, content in files.items()})


def write_files(path: Path, files: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def files_of(posts: Sequence[Post], generation: int, *, parts: int = 1, counts: dict[str, int] | None = None) -> dict[str, bytes]:
    """File name → bytes. parts: files of tweets; counts: file name → the count in the manifest instead of the right one."""
    if generation == 2017:
        return {"tweets.csv": _csv(posts), "README.txt": b"x", "data/js/tweet_index.js": b"var tweet_index = []"}
    folder = "" if generation == 2019 else "data/"
    lists = _lists(posts, generation, parts)
    files = {f"{folder}{name}": script(kind, number, entries) for name, (kind, number, entries) in lists.items()}
    account = {"email": "personne@example.org", "username": NAME, "accountId": ACCOUNT, "accountDisplayName": "Une autrice"}
    files[f"{folder}account.js"] = script("account", 0, [{"account": account}])
    for name in FORBIDDEN:
        # No JSON: a reader that opens it fails.
        files[f"{folder}{name}"] = f"window.YTD.x.part0 = [ {{ {SECRET}".encode()
    if generation >= 2021:
        files[f"{folder}manifest.js"] = _manifest(lists, counts or {})
    return files


def script(kind: str, number: int, entries: Sequence[object]) -> bytes:
    """One of X's files."""
    content = json.dumps(entries, ensure_ascii=False, indent=2, separators=(",", " : "))
    return f"window.YTD.{kind}.part{number} = {content}".encode("utf-8", "surrogatepass")


def tweet_entry(post: Post, generation: int = 2025) -> dict:
    """One entry of tweets.js, with the fields that it has in the archive, in X's types: nearly all of them strings."""
    entities: dict = {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []}
    if post.link:
        entities["urls"] = [{"url": "https://t.co/abcdefghij", "expanded_url": post.link, "display_url": "x", "indices": ["0", "23"]}]
    text = html.escape(post.text, quote=False)
    tweet = {
        "retweeted": False,
        "source": '<a href="https://mobile.twitter.com" rel="nofollow">Twitter Web App</a>',
        "entities": entities,
        "display_text_range": ["0", str(len(text))],
        "id_str": post.id,
        "truncated": False,
        "id": post.id,
        "created_at": x_date(post.at),
        "full_text": text,
        "lang": "fr",
    }
    if post.answers or post.to:
        name = NAME if post.to == ACCOUNT else "quelquun"
        tweet |= {"in_reply_to_screen_name": name, "in_reply_to_user_id": post.to, "in_reply_to_user_id_str": post.to}
        tweet |= {"in_reply_to_status_id": post.answers, "in_reply_to_status_id_str": post.answers} if post.answers else {}
    if post.media:
        entities["media"] = [{"media_url": "http://pbs.twimg.com/media/x.jpg", "type": "photo", "id_str": "5"}]
        tweet["extended_entities"] = {"media": entities["media"]}
    if generation >= 2023:
        tweet = {"edit_info": _edit_info(post)} | tweet
    return {"tweet": tweet}


def note_entry(post: Post) -> dict:
    """The entry of note-tweet.js: it has an id of its own and none of the tweet's."""
    core = {"styletags": [], "urls": [], "text": post.note, "mentions": [], "cashtags": [], "hashtags": []}
    moment = post.at.replace("Z", ".000Z")
    note = {"noteTweetId": str(int(post.id) + 7), "updatedAt": moment, "createdAt": moment, "core": core}
    return {"noteTweet": note | {"lifecycle": {"value": "1", "name": "Active", "originalName": "Active", "annotations": {}}}}


def x_date(at: str) -> str:
    """2023-02-18T12:33:11Z → Sat Feb 18 12:33:11 +0000 2023."""
    moment = datetime.fromisoformat(at).astimezone(UTC)
    days, months = "Mon Tue Wed Thu Fri Sat Sun".split(), "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    return f"{days[moment.weekday()]} {months[moment.month - 1]} {moment:%d %H:%M:%S} +0000 {moment.year}"


def _edit_info(post: Post) -> dict:
    versions = list(post.versions or (post.id,))
    control = {"editTweetIds": versions, "editableUntil": post.at, "editsRemaining": "5", "isEditEligible": True}
    if post.id == versions[0]:
        return {"initial": control}
    return {"edit": {"initialTweetId": versions[0], "editControlInitial": control}}


def _lists(posts: Sequence[Post], generation: int, parts: int) -> dict[str, tuple[str, int, list]]:
    """File name → (name in the assignment, part, entries); in the order of X's manifest, long posts before tweets."""
    stem = "tweet" if generation < 2022 else "tweets"
    own = [tweet_entry(post, generation) for post in posts if not post.community]
    if generation == 2019:
        own = [entry["tweet"] for entry in own]
    lists = {}
    if generation >= 2023:
        community = [tweet_entry(post, generation) for post in posts if post.community]
        lists["community-tweet.js"] = ("community_tweet", 0, community)
    if generation >= 2025:
        lists["note-tweet.js"] = ("note_tweet", 0, [note_entry(post) for post in posts if post.note])
    size = -(-len(own) // parts) or 1
    for number in range(parts):
        name = f"{stem}-part{number}.js" if number else f"{stem}.js"
        lists[name] = (stem, number, own[number * size : (number + 1) * size])
    return lists


def _manifest(lists: dict[str, tuple[str, int, list]], counts: dict[str, int]) -> bytes:
    types: dict = {"account": {"files": [{"fileName": "data/account.js", "globalName": "YTD.account.part0", "count": "1"}]}}
    for name in FORBIDDEN:
        types[name.removesuffix(".js")] = {"files": [{"fileName": f"data/{name}", "globalName": "YTD.x.part0", "count": "9"}]}
    for name, (kind, number, entries) in lists.items():
        called = {"community_tweet": "communityTweet", "note_tweet": "noteTweet"}.get(kind, kind)
        file = {"fileName": f"data/{name}", "globalName": f"YTD.{kind}.part{number}", "count": str(counts.get(name, len(entries)))}
        types.setdefault(called, {"mediaDirectory": "data/x_media", "files": []})["files"].append(file)
    manifest = {
        "userInfo": {"accountId": ACCOUNT, "userName": NAME, "displayName": "Une autrice"},
        "archiveInfo": {"sizeBytes": "1", "generationDate": "2025-01-14T02:11:27.525Z", "isPartialArchive": False},
        "dataTypes": types,
    }
    return f"window.__THAR_CONFIG = {json.dumps(manifest, ensure_ascii=False, indent=2)}".encode()


def _csv(posts: Sequence[Post]) -> bytes:
    """The table of the exports of 2016 to 2018: every cell in quotes, dates as 2016-05-09 13:05:41 +0000."""
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
    header = "tweet_id in_reply_to_status_id in_reply_to_user_id timestamp source text retweeted_status_id retweeted_status_user_id"
    writer.writerow([*header.split(), "retweeted_status_timestamp", "expanded_urls"])
    for post in posts:
        moment = f"{datetime.fromisoformat(post.at):%Y-%m-%d %H:%M:%S} +0000"
        text = html.escape(post.text, quote=False)
        writer.writerow([post.id, post.answers, post.to, moment, "<a>web</a>", text, "", "", "", post.link])
    return stream.getvalue().encode()
