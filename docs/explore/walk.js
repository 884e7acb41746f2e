// One token's walk through SmolLM2: where it stands after each move, and what would be said there.
"use strict";

Explore.start("walk", (root, data) => {
  const { el, svg, choice, slider, sentence, chart, remembered } = Explore;
  const { state, keep } = remembered(
    { token: data.tokens.length - 1, at: data.steps.length - 1 },
    { token: data.tokens.length, at: data.steps.length }
  );
  const change = (key) => (i) => {
    state[key] = i;
    keep();
    show();
  };
  const knob = slider("Stop behind", data.steps.length, state.at, (i) => data.steps[i], change("at"));
  const said = sentence();
  const text = el("p", {});
  const words = el("ol", { class: "nearest" });
  const map = el("figure", {});
  const curve = chart({
    label: "The walk, move by move",
    x: data.steps.map((_, i) => i),
    xTicks: data.steps.map((_, i) => String(i)),
    xName: "moves",
    yName: "cosine, share",
    floor: -0.25,
    picked: (i) => knob.move(i),
  });
  root.append(
    el(
      "div",
      { class: "controls" },
      choice("Token", data.tokens.map((word, i) => `${i}: ${word}`), state.token, change("token"),
        "control wide"),
      knob.node
    ),
    said,
    text,
    el("h2", {}, "What it would say from here"),
    words,
    el("h2", {}, "Where it stands"),
    map,
    el("h2", {}, "Move by move"),
    curve.node
  );

  const column = (rows) => rows.map((row) => row[state.token]);

  function show() {
    const { at, token } = state;
    const [top, percent] = [data.top[at][token], data.percent[at][token]];
    const name = data.steps[at];
    said.replaceChildren(
      el("b", {}, `${name[0].toUpperCase()}${name.slice(1)}: `),
      "the likeliest next token is ",
      el("b", {}, data.words[top[0]]),
      `, ${percent[0].toFixed(1)} %. The vector is ${data.size[at][token].toFixed(0)} long.`
    );
    text.replaceChildren(
      ...data.tokens.map((word, i) => (i === token ? el("mark", {}, word) : i < token ? word : "")),
      " → ",
      el("b", {}, data.words[top[0]])
    );
    words.replaceChildren(
      ...top.map((i, j) => el("li", {}, el("b", {}, data.words[i]), ` ${percent[j].toFixed(1)} %`))
    );
    map.replaceChildren(picture(column(data.own), column(data.end)));
    const share = data.percent.map((row) => row[token][0] / 100);
    curve.show(
      [
        { name: "share of the likeliest token", values: share, mark: "cross", css: "quiet" },
        { name: "cosine with its own vector", values: column(data.own), mark: "circle", css: "a" },
        { name: "cosine with the end", values: column(data.end), mark: "square", css: "b" },
      ],
      at
    );
  }

  // The path, from its own vector on the right to its end on top; what is still to come is dashed.
  function picture(own, end) {
    const [side, left, top] = [300, 60, 14];
    const px = (v) => left + ((v + 0.25) / 1.3) * side;
    const py = (v) => top + side - ((v + 0.25) / 1.3) * side;
    const points = own.map((v, i) => `${px(v)},${py(end[i])}`);
    const lines = [0, 0.5, 1].flatMap((v) => [
      svg("line", { class: "grid", x1: px(v), x2: px(v), y1: top, y2: top + side }),
      svg("line", { class: "grid", x1: left, x2: left + side, y1: py(v), y2: py(v) }),
      svg("text", { x: px(v), y: top + side + 14, "text-anchor": "middle" }, v.toFixed(1)),
      svg("text", { x: left - 6, y: py(v) + 4, "text-anchor": "end" }, v.toFixed(1)),
    ]);
    const here = { cx: px(own[state.at]), cy: py(end[state.at]), r: 7, class: "here" };
    const middle = top + side / 2;
    const label =
      `Walk of ${data.tokens[state.token]}: at ${data.steps[state.at]}, cosine ` +
      `${own[state.at].toFixed(2)} with its own vector, ${end[state.at].toFixed(2)} with the end`;
    const size = { viewBox: `0 0 ${left + side + 10} ${top + side + 36}`, role: "img" };
    return svg(
      "svg",
      { ...size, class: "walk", "aria-label": label },
      lines,
      svg("polyline", { class: "coming", points: points.slice(state.at).join(" ") }),
      svg("polyline", { class: "gone", points: points.slice(0, state.at + 1).join(" ") }),
      points.map((_, i) => svg("circle", { cx: px(own[i]), cy: py(end[i]), r: 2.5 })),
      svg("circle", here),
      svg("text", { x: left + side / 2, y: top + side + 30, "text-anchor": "middle" },
        "cosine with its own vector"),
      svg("text", { transform: `translate(14 ${middle}) rotate(-90)`, "text-anchor": "middle" },
        "cosine with where the walk ends")
    );
  }

  show();
});
