"""The style sheet of the HTML pages; nothing is loaded from elsewhere."""

SECURITY = "default-src 'none'; style-src 'unsafe-inline'"
"""The page may load nothing and run nothing, whatever an archive contains."""


STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #1d2228; --soft: #57606a; --line: #d5dae0; --box: #f4f6f8;
  --front: #1f6feb; --lost: #c96f1a; --warn: #9a3412; --warn-box: #fff4e5; --good: #1a6b34; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --page: #14171a; --ink: #e4e8ec; --soft: #9aa5b1; --line: #343b43; --box: #1e2327;
  --front: #58a0ff; --lost: #f0a24f; --warn: #ffc078; --warn-box: #33240f; --good: #6fd08c; --bad: #ff9c92; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 52rem; padding: 1rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p { margin: .5rem 0; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .9rem; }
a { color: var(--front); }
code { background: var(--box); padding: .05rem .3rem; border-radius: 3px; font-size: .9em; }
.soft { color: var(--soft); font-size: .9rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .75rem; margin: 1rem 0; padding: 0; }
.figures div { background: var(--box); border-radius: 6px; padding: .6rem .8rem; }
.figures dt { color: var(--soft); font-size: .85rem; }
.figures dd { margin: 0; font-size: 1.2rem; font-weight: 600; line-height: 1.3; }
.warning { background: var(--warn-box); color: var(--warn); border-radius: 6px; padding: .5rem .8rem; margin: .5rem 0; }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; overflow-wrap: normal; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tr.total { font-weight: 600; }
svg { display: block; margin: .75rem 0; overflow: visible; font-size: 12px; }
svg text { fill: var(--ink); font-variant-numeric: tabular-nums; }
svg .end { text-anchor: end; }
svg .middle { text-anchor: middle; }
svg .faint { fill: var(--soft); }
svg.plot { margin-left: 3.5rem; width: calc(100% - 3.5rem); }
svg .strong { font-weight: 600; }
svg .front, .key.front { fill: var(--front); background: var(--front); }
svg .lost, .key.lost { fill: var(--lost); background: var(--lost); }
svg .grid { stroke: var(--line); stroke-dasharray: 3 3; }
svg .axis { stroke: var(--soft); }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 0; }
.keys > span { margin-right: 1rem; white-space: nowrap; }
blockquote { margin: .6rem 0; padding: .5rem .8rem; background: var(--box); border-radius: 6px; }
blockquote p { margin: 0; }
blockquote .text { white-space: pre-wrap; }
blockquote .soft { font-size: .8rem; }
summary { cursor: pointer; font-weight: 600; }
details { margin: .75rem 0; }
@media (max-width: 32rem) {
  table.stack thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  table.stack tr { display: block; border-bottom: 1px solid var(--line); padding: .4rem 0; }
  table.stack td { display: block; border: 0; padding: 0; }
  table.stack td.number { text-align: left; }
  table.stack td[data-name]::before { content: attr(data-name) " "; color: var(--soft); }
}
@media print { nav { display: none; } blockquote { break-inside: avoid; } }
"""
