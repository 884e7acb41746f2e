// XTR: the table of one question at one k', and how its ranking nears MaxSim's.
"use strict";

Explore.start("xtr", (root, data) => {
  const { el, svg, choice, slider, sentence, chart, remembered, big } = Explore;
  const all = data.k_primes.length - 1;
  const { state, keep } = remembered(
    { question: 0, at: data.k_primes.indexOf(100), before: null },
    { question: data.questions.length, at: all + 1 }
  );

  const name = (i) => (i === all ? `all ${big(data.k_primes[i])}` : big(data.k_primes[i]));
  const knob = slider("k′, tokens retrieved for each token", all + 1, state.at, name, (i) => {
    if (i === state.at) return;
    state.before = state.at;
    state.at = i;
    keep();
    show();
  });
  const texts = data.questions.map((question) => question.text);
  const select = choice("Question", texts, state.question, (i) => {
    state.question = i;
    state.before = null;
    keep();
    show();
  }, "control wide");

  const said = sentence();
  const why = el("p", { class: "why" });
  const table = el("table", { class: "numbers" });
  const wrap = { class: "scroll", role: "region", tabindex: 0, "aria-label": "XTR's table" };
  const ranking = el("div", { class: "rankings" });
  const curve = chart({
    label: "Agreement of XTR's ranking with MaxSim's, by k′",
    x: data.k_primes.map(Math.log10),
    xTicks: data.k_primes.map((k, i) => (i === all ? "all" : big(k))),
    xName: "k′ (logarithmic)",
    yName: "agreement",
    picked: (i) => knob.move(i),
  });

  root.append(
    el("div", { class: "controls" }, select, knob.node),
    why,
    said,
    el("h2", {}, "The table"),
    el("div", wrap, table),
    el(
      "p",
      { class: "legend" },
      el("span", { class: "cell hit" }, "0.81"),
      " retrieved  ",
      el("span", { class: "cell imputed" }, "(0.42)"),
      " imputed: the k′-th similarity  ",
      el("span", { class: "cell" }, "–"),
      " no candidate: none of its tokens was retrieved"
    ),
    el("h2", {}, "The rankings"),
    ranking,
    el("h2", {}, "Agreement with MaxSim"),
    curve.node
  );
  function show() {
    const question = data.questions[state.question];
    const now = question.at[state.at];
    why.textContent = `Shown because ${question.why}.`;
    said.replaceChildren(...summary(question, now));
    table.replaceChildren(head(question), body(question, now), foot(question, now));
    ranking.replaceChildren(...rankings(question, now));
    const values = (key) => question.at.map((at) => at[key]);
    const mean = data.mean.map(([order]) => order);
    const best = data.best;
    curve.show(
      [
        { name: "mean of all questions", values: mean, mark: "cross", css: "quiet" },
        { name: `shared among the best ${best}`, values: values("overlap"), mark: "square", css: "b" },
        { name: "pairs in the same order", values: values("order"), mark: "circle", css: "a" },
      ],
      state.at
    );
  }

  function summary(question, now) {
    const rank = now.top.findIndex(([doc]) => doc === question.answer) + 1;
    const place = rank ? `ranks ${rank}` : `is not among the best ${data.best}`;
    return [
      el("b", {}, `k′ = ${name(state.at)}: `),
      `${now.candidates} of ${data.n_docs} texts are candidates; `,
      `${Math.round(100 * now.hits)} % of their cells are retrieved, the others imputed. `,
      `The right answer ${place}. Agreement with MaxSim: `,
      el("b", {}, now.order.toFixed(3)),
      ` of the pairs in the same order, ${Math.round(now.overlap * data.best)} of the best `,
      `${data.best} shared.`,
    ];
  }

  const owner = (question, doc) => (doc === question.answer ? `#${doc} ✓` : `#${doc}`);

  function head(question) {
    const cells = question.columns.map((doc) =>
      el(
        "th",
        { scope: "col" },
        owner(question, doc),
        el("span", { class: "small", title: data.texts[doc] }, data.texts[doc])
      )
    );
    return el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "token"), cells));
  }

  function body(question, now) {
    const before = state.before === null ? null : question.at[state.before];
    const rows = question.tokens.map((token, i) => {
      const cells = question.columns.map((_, c) => {
        const best = now.cells[c];
        if (best === null) return el("td", { class: "cell" }, "–");
        if (best[i] === null) {
          return el("td", { class: "cell imputed" }, `(${now.imputed[i].toFixed(2)})`);
        }
        const fresh = before && !(before.cells[c] && before.cells[c][i] !== null);
        const style = `--v:${Math.max(0, best[i])}`;
        return el("td", { class: fresh ? "cell hit fresh" : "cell hit", style }, best[i].toFixed(2));
      });
      return el("tr", {}, el("th", { scope: "row" }, token), cells);
    });
    return el("tbody", {}, rows);
  }

  function foot(question, now) {
    const row = (title, values) =>
      el("tr", {}, el("th", { scope: "row" }, title), values.map((v) => el("td", {}, v)));
    const exact = question.columns.map((doc) => question.exact[doc]);
    const place = (rank) => (rank === null ? "–" : `${rank}.`);
    return el(
      "tfoot",
      {},
      row("XTR score", now.scores.map((score) => (score === null ? "–" : score.toFixed(3)))),
      row("XTR rank", now.ranks.map(place)),
      row("MaxSim score", exact.map(([, score]) => score.toFixed(3))),
      row("MaxSim rank", exact.map(([rank]) => place(rank)))
    );
  }

  // Two lists, and a line from each text of MaxSim's to its place in XTR's.
  function rankings(question, now) {
    const exact = Object.entries(question.exact).sort((a, b) => a[1][0] - b[1][0]);
    const left = exact.slice(0, data.best).map(([doc]) => Number(doc));
    const right = now.top.map(([doc]) => doc);
    const lines = left.map((doc, i) => {
      const to = right.indexOf(doc);
      const css = to === i ? "same" : to < 0 ? "gone" : null;
      const end = to < 0 ? `H14` : `C30 ${i + 0.5} 30 ${to + 0.5} 60 ${to + 0.5}`;
      return svg("path", { class: css, d: `M0 ${i + 0.5}${end}` });
    });
    const size = { viewBox: `0 0 60 ${data.best}`, preserveAspectRatio: "none" };
    const item = (doc, note) =>
      el("li", {}, el("b", {}, owner(question, doc)), ` ${note}`, el("span", {}, text(doc)));
    const text = (doc) => data.texts[doc] || "";
    const list = (title, items) => el("div", {}, el("h3", {}, title), el("ol", {}, items));
    const missing = (doc) => (right.includes(doc) ? "" : "not in XTR’s ten");
    return [
      list("MaxSim", left.map((doc) => item(doc, missing(doc)))),
      svg("svg", { ...size, "aria-hidden": "true" }, lines),
      list(`XTR, k′ = ${name(state.at)}`, now.top.map(([doc, s]) => item(doc, s.toFixed(3)))),
    ];
  }

  show();
});
