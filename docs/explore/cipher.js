// Ciphers of several lengths: what a search by swaps reads, and what counting letters reads.
"use strict";

Explore.start("cipher", (root, data) => {
  const { el, choice, slider, sentence, chart, remembered } = Explore;
  const { state, keep } = remembered(
    { text: 0, at: 0 },
    { text: data.runs.length, at: data.lengths.length }
  );
  const change = (key) => (i) => {
    state[key] = i;
    keep();
    show();
  };
  const knob = slider(
    "Letters", data.lengths.length, state.at, (i) => String(data.lengths[i]), change("at")
  );
  const said = sentence();
  const texts = el("dl", {});
  const curve = chart({
    label: "Letters that are right, by the length of the text",
    x: data.lengths.map(Math.log2),
    xTicks: data.lengths.map(String),
    xName: "letters (logarithmic)",
    yName: "share right",
    picked: (i) => knob.move(i),
  });
  root.append(
    el(
      "div",
      { class: "controls" },
      choice("Passage", data.runs.map((_, i) => `${i + 1}`), state.text, change("text")),
      knob.node
    ),
    said,
    texts,
    el("h2", {}, "By length"),
    curve.node
  );

  function show() {
    const run = data.runs[state.text];
    const now = run[state.at];
    const likelier = now.found > now.true + 1e-6;
    said.replaceChildren(
      el("b", {}, `${data.lengths[state.at]} letters: `),
      `the search reads ${Math.round(100 * now.search)} % of them right, counting `,
      `${Math.round(100 * now.counted)} %. The key that was found is `,
      el("b", {}, likelier ? "likelier than the true one" : "no likelier than the true one"),
      "."
    );
    const rows = [["observed", now.observed], ["read by search", now.read], ["true", now.plain]];
    texts.replaceChildren(
      ...rows.flatMap(([name, line]) => [el("dt", {}, name), el("dd", {}, el("code", {}, line))])
    );
    curve.show(
      [
        { name: "search", values: run.map((one) => one.search), mark: "circle", css: "a" },
        { name: "by frequency", values: run.map((one) => one.counted), mark: "square", css: "b" },
      ],
      state.at
    );
  }

  show();
});
