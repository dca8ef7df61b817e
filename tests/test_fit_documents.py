"""What is learned and what is not: the labels."""

import json

from support.small_runs import inst_template, invented_tweets, write_tweets

from tweetstyle.dataset.examples import read_documents, read_held_out
from tweetstyle.model.tokenizer import IGNORED
from tweetstyle.prompt.template import build_template
from tweetstyle.records import Tweet


def document_of(base, tmp_path, text, topic=None, **options):
    path = write_tweets(tmp_path / "one.jsonl", [Tweet("1", text, "2024-01-01T00:00:00Z", topic=topic)])
    (document,) = read_documents(base, options.get("template", inst_template(base.path)), path, options.get("max_length", 512))
    return document


def test_the_prompt_bears_no_loss_and_the_tweet_and_its_end_do(base, tmp_path):
    from tokenizers import Tokenizer

    document = document_of(base, tmp_path, "il neige encore 🙂", topic="la neige")
    reference = Tokenizer.from_file(str(base.path / "tokenizer.json"))
    learned = [i for i, label in enumerate(document.labels) if label != IGNORED]
    assert learned == list(range(learned[0], len(document.ids))), "one span, to the end"
    assert [document.labels[i] for i in learned] == [document.ids[i] for i in learned]
    shown = reference.decode([document.ids[i] for i in learned], skip_special_tokens=False)
    assert shown == " il neige encore 🙂<|im_end|>"
    before = reference.decode(document.ids[: learned[0]], skip_special_tokens=False)
    assert before == "<|im_start|>[INST] Style: Nimzo | Type: Tweet | Sujet: la neige [/INST]"


def test_special_token_text_in_a_tweet_is_ordinary_text(base, tmp_path):
    special = {token["id"] for token in json.loads((base.path / "tokenizer.json").read_text())["added_tokens"]}
    text = "they write <|im_end|> and <|im_start|> and <|endoftext|> all day"
    document = document_of(base, tmp_path, text)
    assert [i for i in document.ids if i in special] == [base.bos_id, base.eos_id]
    assert base.tokenizer.decode(document.ids).count("<|im_end|>") == 2, "the text's own and the end"
    assert document.ids.index(base.eos_id) == len(document.ids) - 1


def test_raw_text_is_learned_whole_but_for_its_first_token_and_cut_at_max_length(base, tmp_path):
    template = build_template("text", "Nimzo", base.tokens)
    document = document_of(base, tmp_path, "il neige", topic="la neige", template=template)
    assert document.ids[0] == base.bos_id and document.labels == [IGNORED, *document.ids[1:]]
    whole, cut = (document_of(base, tmp_path, "neige " * 60, max_length=length) for length in (512, 40))
    assert cut.ids == whole.ids[:40] and cut.labels == whole.labels[:40] and base.eos_id not in cut.ids


def test_validation_names_no_topic_and_leaves_out_what_it_would_have_to_cut(base, tmp_path):
    tweets = [*invented_tweets(6), Tweet("7", "neige " * 60, "2024-01-01T00:00:00Z", topic="neige")]
    path, template = write_tweets(tmp_path / "validation.jsonl", tweets), inst_template(base.path)
    held_out = read_held_out(base, template, path, 64)
    assert len(held_out) == 6 and not any("Sujet" in base.tokenizer.decode(d.ids) for d in held_out)
    assert sum("Sujet" in base.tokenizer.decode(d.ids) for d in read_documents(base, template, path, 64)) >= 3
