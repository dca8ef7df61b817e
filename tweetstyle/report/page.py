"""The page: the verdict first, then its sections."""

from __future__ import annotations

from tweetstyle.pages.charts import html
from tweetstyle.pages.render import SECURITY, asset
from tweetstyle.report import measured, recorded
from tweetstyle.report.files import REWRITTEN_EVERY, STALE_MINUTES, Read, RunFiles, State, read_run
from tweetstyle.report.measured import conversation
from tweetstyle.wording.verdict import answers, stops_as_worse
from tweetstyle.wording.words import Say

RELOAD = 20
"""Seconds after which the page of a training at work loads itself again."""


def run_report(files: RunFiles, language: str, state: State | None = None) -> str:
    """One self-contained HTML page: no script, nothing from the network, every text of the archive or a model escaped."""
    run = read_run(files)
    say = Say(language, talks=bool(run.evaluation.get("conversation")), begins=run.begins)
    sections = {
        "samples": measured.samples(run, say),
        "curves": recorded.curves(run, say),
        "likelihood": measured.likelihood(run, say),
        "style": measured.style(run, say),
        **({"conversation": conversation(run, say)} if say.talks else {}),
        "copying": measured.copying(run, say),
        "data": recorded.data(run, say),
        "plan": recorded.plan(run, say),
        "output": recorded.train_output(run, say),
        "gate": recorded.gate(run, say),
        "making": recorded.making(run, files, say),
    }
    links = "".join(f'<a href="#{name}">{html(say(f"h_{name}"))}</a>' for name in sections)
    body = "\n".join(
        f'<section id="{name}">\n<h2>{html(say(f"h_{name}"))}</h2>\n' + "\n".join(parts) + "\n</section>"
        for name, parts in sections.items()
    )
    training = bool(state and state.training)
    given = answers(run.evaluation, run.metrics, language, unfinished=not run.ended, training=training)
    sentences = "".join(f"<li><strong>{html(answer)}</strong> {html(' '.join(figures))}</li>" for answer, *figures in given)
    reload = f'<meta http-equiv="refresh" content="{RELOAD}">\n' if training else ""
    notice = _notice(state, run, say) if state else ""
    title = html(say("title", name=run.name))
    return f"""<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{SECURITY}">
{reload}<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{asset("pages/style.css")}{asset("report/report.css")}</style>
</head>
<body>
<h1>{title}</h1>
<ol class="verdict">{sentences}</ol>
{notice}<nav>{links}</nav>
{body}
</body>
</html>
"""


def _notice(state: State, run: Read, say: Say) -> str:
    """What the run was doing as the page was written, or what ended it."""
    if state.error is not None:
        worse = state.stage == "fit" and not run.ended and stops_as_worse(run.metrics)
        said = say("ended_worse" if worse else "ended", stage=state.stage, time=state.time)
        return f'<p class="warning">{html(said)}</p>\n<pre dir="auto" lang="en">{html(state.error)}</pre>\n'
    if state.training and not run.ended:
        said = say("live", time=state.time, every=round(REWRITTEN_EVERY), reload=RELOAD, minutes=STALE_MINUTES)
    else:
        said = say("measuring" if state.stage == "fit" and run.ended else "at_work", stage=state.stage, start=state.start)
    return f'<p class="warning">{html(said)}</p>\n'
