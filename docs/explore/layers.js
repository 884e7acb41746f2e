// A sentence in MiniLM: who takes a share of whom, and which tokens are nearest, layer by layer.
"use strict";

Explore.start("layers", (root, data) => {
  const { el, svg, choice, slider, sentence, chart, remembered, pairs } = Explore;
  const longest = Math.max(...data.sentences.map((one) => one.tokens.length));
  const { state, keep } = remembered(
    { sentence: 0, token: 2, head: 0, at: 2 },
    { sentence: data.sentences.length, token: longest, head: data.heads + 1, at: data.layers }
  );
  const heads = ["mean of all", ...Array.from({ length: data.heads }, (_, i) => String(i + 1))];

  const change = (key) => (i) => {
    state[key] = i;
    state.token = Math.min(state.token, now().tokens.length - 1);
    keep();
    show();
  };
  const now = () => data.sentences[state.sentence];
  const knob = slider("Layer", data.layers, state.at, (i) => String(i + 1), change("at"));
  const tokens = el("div", { class: "control wide" });
  const said = sentence();
  const map = el("figure", {});
  const near = el("ol", { class: "nearest" });
  const curve = chart({
    label: "The chosen token, layer by layer",
    x: Array.from({ length: data.layers }, (_, i) => i + 1),
    xTicks: Array.from({ length: data.layers }, (_, i) => String(i + 1)),
    xName: "layer",
    yName: "share, cosine",
    picked: (i) => knob.move(i),
  });

  root.append(
    el(
      "div",
      { class: "controls" },
      choice("Sentence", data.sentences.map((one) => one.text), state.sentence, change("sentence"),
        "control wide"),
      tokens,
      choice("Head", heads, state.head, change("head")),
      knob.node
    ),
    said,
    el("h2", {}, "Who takes how much of whom"),
    map,
    el("h2", {}, "The nearest tokens"),
    near,
    el("h2", {}, "Through the layers"),
    curve.node,
    el("h2", {}, "The sentences"),
    el("ol", { class: "nearest" }, data.texts.map((text) => el("li", {}, text)))
  );

  // Shares in per cent of one layer, n x n.
  const shares = (layer) =>
    pairs(now().attention[layer][state.head]).map((pair) => Number.parseInt(pair, 16));
  const row = (layer) => {
    const n = now().tokens.length;
    return shares(layer).slice(state.token * n, (state.token + 1) * n);
  };

  function show() {
    const words = now().tokens;
    tokens.replaceChildren(
      choice("Token", words.map((word, i) => `${i}: ${word}`), state.token, change("token"))
    );
    const own = row(state.at);
    const order = own.map((share, i) => [share, i]).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    const most = order.slice(0, 3).map(([share, i]) => `${words[i]} ${share} %`);
    const found = now().neighbours[state.at + 1][state.token];
    const [best, cosine] = found[0];
    said.replaceChildren(
      el("b", {}, `Layer ${state.at + 1}, ${state.head ? `head ${state.head}` : "mean of all heads"}: `),
      `${words[state.token]} takes most of ${most.join(", ")}. Behind this layer its nearest token is `,
      el("b", {}, data.pool[best][0]),
      ` of sentence ${data.pool[best][1] + 1}, cosine ${cosine.toFixed(3)}.`
    );
    map.replaceChildren(...picture(words));
    near.replaceChildren(...found.map(neighbour));
    follow(words);
  }

  function neighbour([at, cosine]) {
    const [word, from] = data.pool[at];
    const text = ` ${cosine.toFixed(3)}, sentence ${from + 1}: ${data.texts[from]}`;
    return el("li", {}, el("b", {}, word), text);
  }

  function follow(words) {
    const last = words.length - 1;
    const layers = Array.from({ length: data.layers }, (_, i) => i);
    const marks = layers.map((i) => (row(i)[0] + row(i)[last]) / 100);
    const cosines = layers.map((i) => now().neighbours[i + 1][state.token][0][1]);
    curve.show(
      [
        { name: "cosine of the nearest token", values: cosines, mark: "square", css: "b" },
        { name: "share of both marks", values: marks, mark: "cross", css: "quiet" },
        { name: "share of itself", values: layers.map((i) => row(i)[state.token] / 100),
          mark: "circle", css: "a" },
      ],
      state.at
    );
  }

  // A square for each pair; a click on a row chooses its token.
  function picture(words) {
    const n = words.length;
    const [left, top, cell] = [74, 74, 22];
    const side = n * cell;
    const label = `Shares of layer ${state.at + 1}; the row of ${words[state.token]} is framed`;
    const size = { viewBox: `0 0 ${left + side + 2} ${top + side + 2}`, role: "img" };
    const squares = shares(state.at).map((share, i) => {
      const place = { x: left + (i % n) * cell, y: top + Math.floor(i / n) * cell };
      const title = svg("title", {}, `${words[Math.floor(i / n)]} takes ${share} % of ${words[i % n]}`);
      const ink = { class: "share", "fill-opacity": Math.sqrt(share / 100) };
      return svg("rect", { ...place, ...ink, width: cell, height: cell }, title);
    });
    const names = words.flatMap((word, i) => {
      const middle = (i + 0.5) * cell + 4;
      const turned = `translate(${left + middle} ${top - 5}) rotate(-90)`;
      return [
        svg("text", { x: left - 5, y: top + middle, "text-anchor": "end" }, word),
        svg("text", { transform: turned }, word),
      ];
    });
    const frame = { x: left, y: top + state.token * cell, width: side, height: cell };
    const chosen = (event) => {
      const box = event.currentTarget.getBoundingClientRect();
      const scale = (left + side + 2) / box.width;
      const i = Math.floor(((event.clientY - box.top) * scale - top) / cell);
      if (i >= 0 && i < n) change("token")(i);
    };
    const ground = svg("rect", { class: "around", x: left, y: top, width: side, height: side });
    return [
      svg(
        "svg",
        { ...size, class: "shares", "aria-label": label, onclick: chosen },
        ground,
        squares,
        names,
        svg("rect", { ...frame, class: "framed" })
      ),
    ];
  }

  show();
});
