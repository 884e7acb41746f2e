// SOFT: landmarks against error and cost, on tokens of a photo.
"use strict";

Explore.start("soft", (root, data) => {
  const { el, svg, choice, slider, sentence, chart, borders, remembered, pairs, url, big } = Explore;
  const side = 16; // of the maps
  const { state, keep } = remembered(
    { input: 1, size: 0, kind: 0, at: data.m.indexOf(64) },
    { input: data.inputs.length, size: data.n.length, kind: data.kinds.length, at: data.m.length }
  );
  const CSS = ["a", "b", "c", "d"];
  const SHAPES = ["circle", "square", "triangle", "cross"];

  const change = (key) => (i) => {
    state[key] = i;
    keep();
    show();
  };
  const sizes = data.n.map((n, i) => `${big(n)}${i ? ", interpolated" : ", as the model saw them"}`);
  const knob = slider("m, landmarks", data.m.length, state.at, (i) => big(data.m[i]), change("at"));
  const said = sentence();
  const panels = el("div", { class: "panels" });
  const bars = el("ul", { class: "bars" });
  const curve = chart({
    label: "Relative error, by number of landmarks",
    x: data.m.map(Math.log2),
    xTicks: data.m.map(String),
    xName: "m, landmarks (logarithmic)",
    yName: "relative error",
    picked: (i) => knob.move(i),
  });

  root.append(
    el(
      "div",
      { class: "controls" },
      choice("Tokens of", data.inputs, state.input, change("input")),
      choice("n, tokens", sizes, state.size, change("size")),
      choice("Landmarks", data.kinds, state.kind, change("kind")),
      knob.node
    ),
    said,
    panels,
    el("h2", {}, "Operations"),
    bars,
    el("h2", {}, "Error by landmarks"),
    curve.node
  );
  function show() {
    const runs = data.runs[data.inputs[state.input]][state.size];
    const run = runs[data.kinds[state.kind]];
    const [m, n] = [data.m[state.at], data.n[state.size]];
    const cost = data.operations[state.size][data.kinds[state.kind]][state.at];
    const exact = data.exact[state.size];
    const worst = Math.max(...percents(run));
    said.replaceChildren(
      el("b", {}, `${big(m)} landmarks for ${big(n)} tokens: `),
      "SOFT's output is off by ",
      el("b", {}, percent(run.error[state.at])),
      ` of the exact one's length; the worst patch by ${worst === 255 ? "255 or more" : worst} %. It takes `,
      el("b", {}, `${millions(cost)} million operations`),
      `, exact Gaussian attention ${millions(exact)} million: ${ratio(cost, exact)}.`
    );
    panels.replaceChildren(landmarks(runs, run), errors(run, worst));
    bars.replaceChildren(bar("SOFT", cost, exact, "a"), bar("exact", exact, cost, "quiet"));
    const lines = data.kinds.map((name, i) => {
      const values = runs[name].error.map((error) => Math.min(1, error));
      return { name, values, mark: SHAPES[i], css: `${CSS[i]}${i === state.kind ? " lit" : ""}` };
    });
    curve.show(lines, state.at);
  }

  const percents = (run) => pairs(run.maps[state.at]).map((pair) => parseInt(pair, 16));
  const millions = (x) => (x / 1e6).toFixed(x < 1e7 ? 2 : 1);
  const percent = (x) => `${(100 * x).toFixed(1)} %`;
  const ratio = (cost, exact) =>
    cost < exact
      ? `${(exact / cost).toFixed(1)} times as many`
      : `SOFT costs ${(cost / exact).toFixed(1)} times as much`;

  function picture(label, caption, behind, ...parts) {
    const photo = data.inputs[state.input];
    const isPhoto = behind && state.input < data.inputs.length - 1;
    const image = { href: url(`${photo}.png`), width: side, height: side };
    return el(
      "figure",
      {},
      svg(
        "svg",
        { viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": label },
        svg("rect", { class: "ground", width: side, height: side }),
        isPhoto ? svg("image", image) : null,
        parts
      ),
      el("figcaption", {}, caption)
    );
  }

  function landmarks(runs, run) {
    const groups = pairs((run.groups || runs[data.kinds[0]].groups)[state.at]);
    const seen = new Set(groups).size;
    const text = `Lines part patches that are nearest to different landmarks: ${seen} regions`;
    return picture(text, `${text}.`, true, borders(groups, side));
  }

  function errors(run, worst) {
    const squares = percents(run).map((value, i) => {
      const opacity = Math.min(1, value / 100);
      const place = { x: i % side, y: Math.floor(i / side), width: 1.01, height: 1.01 };
      return svg("rect", { class: "error", ...place, opacity }, svg("title", {}, `${value} %`));
    });
    const text = "Error of each patch's output: white is 0, black is 100 % or more";
    return picture(`${text}; the worst is ${worst} %`, `${text}.`, false, squares);
  }

  function bar(name, value, other, css) {
    const width = `${Math.max(0.5, (100 * value) / Math.max(value, other)).toFixed(1)}%`;
    return el(
      "li",
      {},
      el("span", { class: "name" }, `${name}: ${big(value)}`),
      el("span", { class: "track" }, el("span", { class: `bar ${css}`, style: `width:${width}` }))
    );
  }

  show();
});
