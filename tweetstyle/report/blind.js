(() => {
  "use strict";
  const at = (id) => document.getElementById(id);
  const { language, words, tests } = JSON.parse(atob(at("data").textContent.trim()));
  const seen = new Set();
  let run = null, link = null;

  const percent = (share) => new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(share);
  const number = (value) => new Intl.NumberFormat(language).format(value);
  const fill = (template, values) => template.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

  // Chance of at least `hits` in `count` answers that are each right with chance `share`, 0 < share < 1.
  function atLeast(hits, count, share) {
    let total = 0, logWays = 0;
    for (let i = 0; i <= count; i++) {
      if (i) logWays += Math.log((count - i + 1) / i);
      if (i >= hits) total += Math.exp(logWays + i * Math.log(share) + (count - i) * Math.log1p(-share));
    }
    return total;
  }
  // Clopper and Pearson (1934), 95%: the share at which so many hits or more would come in one case of forty.
  function lower(hits, count) {
    if (!hits) return 0;
    let low = 0, high = 1;
    for (let step = 0; step < 60; step++) {
      const middle = (low + high) / 2;
      if (atLeast(hits, count, middle) < 0.025) low = middle; else high = middle;
    }
    return (low + high) / 2;
  }
  const interval = (hits, count) => [lower(hits, count), 1 - lower(count - hits, count)];
  function luck(count) {
    const scores = [...Array(count + 1).keys()].filter((hits) => interval(hits, count).every((end, i) => (i ? end >= 0.5 : end <= 0.5)));
    return [scores[0], scores.at(-1)];
  }

  function show(name) {
    for (const part of ["start", "trial", "result"]) at(part).hidden = part !== name;
    window.scrollTo(0, 0);
    at(name).querySelector("[tabindex]").focus({ preventScroll: true });
  }
  function make(tag, text, name) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (name) element.className = name;
    return element;
  }
  function tweet(text) {
    const element = make("span", text, "text");
    element.dir = "auto";
    return element;
  }

  const chosen = (name) => document.querySelector(`input[name=${name}]:checked`).value;
  function choose() {
    const test = tests[chosen("opponent")], made = test.items.length;
    at("few").hidden = made >= test.wanted;
    at("few").textContent = fill(words.few, { made, wanted: test.wanted });
  }
  function begin() {
    const opponent = chosen("opponent"), test = tests[opponent];
    const kind = test.aim === "real" ? "pairs" : "preference";
    run = { opponent, kind, aim: test.aim, wanted: test.wanted, items: test.items, answers: [], repeated: 0 };
    run.repeated = run.items.filter((item) => item.texts.some((text) => seen.has(text))).length;
    ask();
  }
  function ask() {
    const place = run.answers.length, item = run.items[place], said = words[run.kind], choices = at("choices");
    at("place").textContent = fill(words.place, { place: place + 1, count: run.items.length });
    at("progress").value = place;
    at("progress").max = run.items.length;
    at("question").textContent = said.question;
    choices.replaceChildren(...[0, 1].map((answer) => {
      const button = make("button"), key = make("kbd", String(answer + 1));
      key.setAttribute("aria-hidden", "true");
      button.type = "button";
      button.append(key, tweet(item.texts[answer]));
      // The second click of a double click would answer the next question unread.
      button.addEventListener("click", (event) => { if (event.detail < 2) take(answer); });
      return button;
    }));
    at("back").hidden = !place;
    show("trial");
  }
  function take(answer) {
    run.items[run.answers.length].texts.forEach((text) => seen.add(text));
    run.answers.push(answer);
    if (run.answers.length < run.items.length) ask(); else finish();
  }
  // An answer is the place of the text that is meant.
  const right = (item, answer) => item.sources[answer] === run.aim;

  function finish() {
    const count = run.items.length, said = words[run.kind];
    const items = run.items.map((item, i) => ({ ...item, answer: run.answers[i], hit: right(item, run.answers[i]) }));
    const hits = items.filter((item) => item.hit).length, [low, high] = interval(hits, count), [least, most] = luck(count);
    const values = { hits, count, half: number(count / 2), least, most,
      share: percent(hits / count), low: percent(low), high: percent(high) };
    const anything = least === 0 && most === count ? words.anyScore : words.luck;
    const verdict = hits > most ? said.above : hits < least ? said.below : said.inside;
    const lines = [`${said.score} ${anything}`, verdict, said.interval];
    if (count < run.wanted) lines.push(fill(words.few, { made: count, wanted: run.wanted }));
    if (run.repeated) lines.push(fill(words.repeated, { repeated: run.repeated }));
    at("verdict").replaceChildren(...lines.map((line) => make("p", fill(line, values))));
    at("items").replaceChildren(...items.map(reveal));
    offer({
      format: "tweetstyle blind test", version: 1, finished: new Date().toISOString(), language, opponent: run.opponent,
      hit: run.kind === "preference" ? "the tuned model was chosen" : "recognised", count, wanted: run.wanted, hits,
      share: { estimate: hits / count, low, high, confidence: 0.95, clusters: count },
      luck: [least, most], seen_before: run.repeated, items,
    });
    show("result");
  }
  function reveal(item) {
    const line = make("li"), decided = item.hit ? `✓ ${words.right}` : `✗ ${words.wrong}`;
    const mark = run.kind === "preference" ? fill(words.youChose, { source: words.sources[item.sources[item.answer]] }) : decided;
    line.append(make("p", mark, item.hit && run.kind !== "preference" ? "good" : ""));
    item.texts.forEach((text, i) => {
      const quote = make("blockquote"), clicked = i === item.answer ? ` · ${words.chosen}` : "";
      quote.append(tweet(text), make("p", words.sources[item.sources[i]] + clicked, "soft"));
      line.append(quote);
    });
    if (item.topic) line.append(make("p", fill(words.subject, { topic: `\u2068${item.topic}\u2069` }), "soft"));
    return line;
  }
  function offer(result) {
    if (link) URL.revokeObjectURL(link);
    link = URL.createObjectURL(new Blob([JSON.stringify(result, null, 1) + "\n"], { type: "application/json" }));
    at("download").href = link;
    at("download").download = `blind-${result.opponent}.json`;
  }

  at("choose").addEventListener("submit", (event) => { event.preventDefault(); begin(); });
  at("choose").addEventListener("change", choose);
  at("back").addEventListener("click", () => { run.answers.pop(); ask(); });
  for (const id of ["again", "leave"]) at(id).addEventListener("click", () => { run = null; show("start"); });
  document.addEventListener("keydown", (event) => {
    if (at("trial").hidden || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const answer = { 1: 0, ArrowLeft: 0, 2: 1, ArrowRight: 1 }[event.key];
    if (answer === undefined) return;
    event.preventDefault();
    take(answer);
  });
  choose();
  at("start").hidden = false;
})();
