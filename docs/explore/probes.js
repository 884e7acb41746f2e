// A compressed index: the table of one question at some bits and probes, and what is found of the exact answer.
"use strict";

Explore.start("probes", (root, data) => {
  const { el, choice, slider, sentence, chart, remembered, big } = Explore;
  const { state, keep } = remembered(
    { question: 0, bits: data.bits.indexOf("4 bits"), at: data.probes.indexOf(8) },
    { question: data.questions.length, bits: data.bits.length, at: data.probes.length }
  );
  let before = null; // the place of the slider before this one, whose misses are no longer any

  const change = (key) => (i) => {
    before = key === "at" && i !== state.at ? state.at : null;
    state[key] = i;
    keep();
    show();
  };
  const all = data.probes.length - 1;
  const name = (i) => (i === all ? `all ${data.probes[i]}` : String(data.probes[i]));
  const knob = slider(
    "Clusters probed for each token of the question", data.probes.length, state.at, name, change("at")
  );
  const texts = data.questions.map((question) => question.text);
  const said = sentence();
  const table = el("table", { class: "numbers" });
  const wrap = { class: "scroll", role: "region", tabindex: 0, "aria-label": "The table of the question" };
  const curve = chart({
    label: "Share of the exact ten best, by clusters probed",
    x: data.probes.map(Math.log2),
    xTicks: data.probes.map((n, i) => (i === all ? "all" : String(n))),
    xName: "clusters probed (logarithmic)",
    yName: "share found",
    picked: (i) => knob.move(i),
  });

  root.append(
    el(
      "div",
      { class: "controls" },
      choice("Question", texts, state.question, change("question"), "control wide"),
      choice("Kept of a dimension", data.bits, state.bits, change("bits")),
      knob.node
    ),
    said,
    el("h2", {}, "The table"),
    el("div", wrap, table),
    el(
      "p",
      { class: "legend" },
      el("span", { class: "cell hit" }, "0.81"),
      " found in a probed cluster  ",
      el("span", { class: "cell imputed" }, "(0.42)"),
      " missed: worth the score of the centroid at which enough tokens are passed  ",
      el("span", { class: "cell" }, "–"),
      " no candidate"
    ),
    el("h2", {}, "What is found of the exact answer"),
    curve.node
  );

  function show() {
    const question = data.questions[state.question];
    const now = question.at[state.bits][state.at];
    said.replaceChildren(...summary(question, now));
    table.replaceChildren(head(question), body(question, now), foot(question, now));
    curve.show(
      [
        { name: "mean of the questions", values: data.mean[state.bits], mark: "cross", css: "quiet" },
        {
          name: "this question",
          values: question.at[state.bits].map((at) => at.shared / data.best),
          mark: "circle",
          css: "a",
        },
      ],
      state.at
    );
  }

  function summary(question, now) {
    const every = now.cells.flat();
    const missed = every.filter((cell) => cell === null).length;
    const rank = now.ranks[question.columns.indexOf(question.answer)];
    const place = rank ? ` The right answer ranks ${rank}.` : "";
    const size = `${data.bytes[state.bits]} bytes a token`;
    return [
      el("b", {}, `${name(state.at)} probed, ${data.bits[state.bits]} (${size}): `),
      `${now.candidates} of ${data.n_docs} texts are candidates, ${missed} of the ${every.length} cells `,
      "below are missed. WARP finds ",
      el("b", {}, `${now.shared} of the ${data.best} best`),
      ` by exact MaxSim.${place}`,
    ];
  }

  function head(question) {
    const cells = question.columns.map((doc, i) =>
      el(
        "th",
        { scope: "col" },
        doc === question.answer ? `#${doc} ✓` : `#${doc}`,
        el("span", { class: "small", title: question.titles[i] }, question.titles[i])
      )
    );
    return el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "token"), cells));
  }

  function body(question, now) {
    const earlier = before === null ? null : question.at[state.bits][before];
    const rows = question.tokens.map((token, i) => {
      const cells = question.columns.map((_, c) => {
        const value = now.cells[c][i];
        if (now.ranks[c] === null) return el("td", { class: "cell" }, "–");
        if (value === null) return el("td", { class: "cell imputed" }, `(${now.missing[i].toFixed(2)})`);
        const fresh = earlier && earlier.cells[c][i] === null;
        const style = `--v:${Math.max(0, value)}`;
        return el("td", { class: fresh ? "cell hit fresh" : "cell hit", style }, value.toFixed(2));
      });
      return el("tr", {}, el("th", { scope: "row" }, token), cells);
    });
    return el("tbody", {}, rows);
  }

  function foot(question, now) {
    const row = (title, values) =>
      el("tr", {}, el("th", { scope: "row" }, title), values.map((v) => el("td", {}, v)));
    const place = (rank) => (rank === null ? "–" : `${big(rank)}.`);
    const scores = now.scores.map((score) => (score === null ? "–" : score.toFixed(2)));
    return el(
      "tfoot",
      {},
      row("WARP score", scores),
      row("WARP rank", now.ranks.map(place)),
      row("MaxSim score", question.exact.map((score) => score.toFixed(2))),
      row("MaxSim rank", question.columns.map((_, i) => `${i + 1}.`))
    );
  }

  show();
});
