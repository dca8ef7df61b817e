"""Plain sampling against ranked candidates, on held-out tweets.  python bench/writing.py recipes/demo.yaml [--candidates 16]

For each held-out tweet the exported model writes candidates on its topic. "plain" is the first of them; "ranked" the one that
`tweetstyle write` draws, with a discriminator that learned from training tweets alone. Both are compared with the held-out tweets, which
neither has seen: by a fresh classifier (area under the ROC curve, 0.5: cannot tell) and by each habit's share.
"""

import argparse
import json
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np

from tweetstyle.dataset.held_out import clusters
from tweetstyle.evaluate.style import diversity
from tweetstyle.evaluate.two_sample import Texts, matched, two_sample_test
from tweetstyle.records import read_split
from tweetstyle.run import Run
from tweetstyle.stages.stage import exported_gguf
from tweetstyle.stages.write import discriminator, gguf_writer
from tweetstyle.text.copying import find_copies
from tweetstyle.text.habits import find_habits
from tweetstyle.write import WrittenTweet, chosen, usable

OUT = Path(__file__).parent / "results" / "writing.json"


def candidates(run: Run, path: Path, count: int) -> list[list[WrittenTweet]]:
    """For each held-out tweet its candidates; kept in `path`, line by line, so that an interrupted run resumes."""
    held = [tweet for name in ("validation", "test") for tweet in read_split(run.split(name))]
    done = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    write = gguf_writer(run, exported_gguf(run.recipe, run.path))
    with path.open("a") as stream:
        for number, tweet in list(enumerate(held))[len(done) :]:
            subject = tweet.topic or "*"
            texts = [(seed, write(subject, seed)) for seed in range(1000 * (number + 1), 1000 * (number + 1) + count)]
            done.append([(subject, text, seed) for seed, text in texts if text])
            stream.write(json.dumps(done[-1]) + "\n")
            stream.flush()
    return [[WrittenTweet(*one) for one in of] for of in done]


def measured(texts: list[str], real: Texts, habits: list, known: list[str]) -> dict:
    side = Texts(texts, real.clusters)
    separation = two_sample_test(*matched(real, side, seed=0), confidence=0.95, seed=0)
    shares = {h.label: [float(np.mean([h.holds(t) for t in of])) for of in (real.texts, texts)] for h in habits}
    return {
        "auc": [separation.auc.estimate, separation.auc.low, separation.auc.high],
        "habits_mean_absolute_error": float(np.mean([abs(one - other) for one, other in shares.values()])),
        "distinct_2_ratio": diversity(texts, real.texts, seed=0).distinct_2,
        "copies": sum(map(bool, find_copies(texts, known))),
        "habits": shares,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--candidates", type=int, default=16)
    parser.add_argument("--work", type=Path, default=Path("bench-writing.jsonl"), help="candidates so far")
    arguments = parser.parse_args()
    run = Run(arguments.recipe)
    known = list(read_split(run.split(run.recipe.training.split)))
    texts = [tweet.text for tweet in known]
    gguf = exported_gguf(run.recipe, run.path)
    judge = discriminator(run, gguf, known, gguf_writer(run, gguf))
    held = [tweet for name in ("validation", "test") for tweet in read_split(run.split(name))]
    real, habits = Texts([tweet.text for tweet in held], clusters(held)), find_habits(texts)
    pools = candidates(run, arguments.work, arguments.candidates)
    plain = [pool[0].text for pool in pools]
    ranked = [chosen(usable(pool, texts), judge, 1, number)[0].text for number, pool in enumerate(pools)]
    found = {name: measured(of, real, habits, texts) for name, of in (("plain", plain), ("ranked", ranked))}
    about = {"date": str(date.today()), "recipe": str(arguments.recipe), "candidates": arguments.candidates, "tweets": len(held)}
    OUT.write_text(json.dumps(about | {"versions": {"xllamacpp": version("xllamacpp")}} | found, indent=1, ensure_ascii=False) + "\n")
    for name, of in found.items():
        print(name, *(f"{key} {value}" for key, value in of.items() if key != "habits"))


if __name__ == "__main__":
    main()
