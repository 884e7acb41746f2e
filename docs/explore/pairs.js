// Points on a circle that one drags, and which pairs of them can be the two best of a question.
"use strict";

Explore.start("pairs", (root, data) => {
  const { el, svg, choice, slider, sentence, chart, remembered } = Explore;
  const [turn, middle, radius] = [72, 170, 105];
  const step = (2 * Math.PI) / turn;
  const last = data.rows.length;
  const { state, keep } = remembered(
    { n: 2, numbers: 0, question: 0 },
    { n: last, numbers: 2, question: turn }
  );
  let places = spread();

  const count = () => data.rows[state.n].n;
  function spread() {
    const n = data.rows[state.n].n;
    return Array.from({ length: n }, (_, i) => (Math.round((i * turn) / n) + 3) * step);
  }
  function pairsOf(n) {
    const pairs = [];
    for (let a = 0; a < n; a += 1) for (let b = a + 1; b < n; b += 1) pairs.push([a, b]);
    return pairs;
  }

  const change = (key) => (i) => {
    state[key] = i;
    if (key === "n") places = spread();
    keep();
    show();
  };
  const asked = () => pairsOf(count())[state.question % pairsOf(count()).length];
  const say = (i) => {
    if (state.numbers === 0) return `${(i * 360) / turn}°`;
    const [a, b] = asked();
    return `for ${a + 1} and ${b + 1}`;
  };
  const knob = slider("Question", turn, state.question, say, change("question"));
  const drawing = el("figure", {});
  const said = sentence();
  const map = el("figure", {});
  const curve = chart({
    label: "Share of all pairs that can be answered, by documents",
    x: data.rows.map((row) => row.n),
    xTicks: data.rows.map((row) => String(row.n)),
    xName: "documents",
    yName: "share",
    picked: change("n"),
  });

  root.append(
    el(
      "div",
      { class: "controls" },
      choice("Documents", data.rows.map((row) => String(row.n)), state.n, change("n")),
      choice("Numbers for each", ["two", "four"], state.numbers, change("numbers")),
      knob.node
    ),
    said,
    drawing,
    el("h2", {}, "All pairs"),
    map,
    el("h2", {}, "More documents"),
    curve.node
  );

  function score(t) {
    if (state.numbers === 0) return Math.cos(t - state.question * step);
    const [a, b] = asked();
    return -(1 - Math.cos(t - places[a])) * (1 - Math.cos(t - places[b]));
  }

  // The two best, and how far the third is behind the second.
  function best() {
    const order = places.map((t, i) => [score(t), i]).sort((p, q) => q[0] - p[0] || p[1] - q[1]);
    return { two: [order[0][1], order[1][1]].sort((p, q) => p - q), gap: order[1][0] - order[2][0] };
  }

  // With two numbers: neighbours around the circle. With four: all whose places differ.
  function answered() {
    const order = places.map((t, i) => [t, i]).sort((p, q) => p[0] - q[0]).map((entry) => entry[1]);
    const n = order.length;
    const beside = order.map((i, at) => [i, order[(at + 1) % n]].sort((p, q) => p - q).join());
    const close = (a, b) => Math.abs(places[a] - places[b]) < 1e-9;
    return new Set(
      pairsOf(n)
        .filter(([a, b]) => (state.numbers ? !close(a, b) : beside.includes([a, b].join())))
        .map((pair) => pair.join())
    );
  }

  const at = (t, r) => [middle + r * Math.cos(t), middle - r * Math.sin(t)];

  function show() {
    const { two, gap } = best();
    const lit = answered();
    const n = count();
    const all = pairsOf(n).length;
    said.replaceChildren(
      el("b", {}, `${lit.size} of ${all} pairs can be answered. `),
      `This question's two best are ${two[0] + 1} and ${two[1] + 1}, by ${gap.toFixed(4)} before the third.`
    );
    drawing.replaceChildren(circle(two));
    map.replaceChildren(squares(lit, two));
    curve.show(
      [
        { name: "two numbers", values: data.rows.map((row) => row.two / row.pairs), mark: "circle", css: "a" },
        { name: "four numbers", values: data.rows.map((row) => row.four / row.pairs), mark: "square", css: "b" },
      ],
      state.n
    );
  }

  function circle(two) {
    const span = state.numbers === 0 ? 1 : 2; // the wave is between -4 and 0
    const line = Array.from({ length: 241 }, (_, i) => {
      const t = (i * 2 * Math.PI) / 240;
      const height = state.numbers === 0 ? score(t) : score(t) / span + 1;
      return at(t, radius + 28 * height).map((x) => x.toFixed(1)).join(" ");
    });
    const picture = svg(
      "svg",
      { class: "points", viewBox: `0 0 ${2 * middle} ${2 * middle}`, role: "group", "aria-label": "Documents on a circle" },
      svg("circle", { cx: middle, cy: middle, r: radius, fill: "none", stroke: "var(--rule)" }),
      svg("polyline", { points: line.join(","), fill: "none", stroke: "var(--soft)" }),
      places.map((t, i) => point(t, i, two.includes(i)))
    );
    picture.style.maxWidth = "24rem";
    picture.style.touchAction = "none";
    return picture;
  }

  function point(t, i, chosen) {
    const [x, y] = at(t, radius);
    const ink = { fill: "var(--ground)", stroke: "var(--a)", "stroke-width": chosen ? 6 : 2 };
    const degrees = Math.round((t * 180) / Math.PI);
    const role = {
      role: "slider", tabindex: 0, "aria-label": `Document ${i + 1}`, "aria-valuemin": 0,
      "aria-valuemax": 359, "aria-valuenow": degrees,
      "aria-valuetext": `${degrees} degrees${chosen ? ", among the two best" : ""}`,
    };
    return svg(
      "g",
      { ...role, "data-point": i, onkeydown: (event) => pressed(event, i), onpointerdown: (event) => drag(event, i) },
      svg("circle", { cx: x, cy: y, r: 11, ...ink }),
      svg(
        "text",
        { x, y: y + 4, "text-anchor": "middle", "font-size": 12, "font-weight": chosen ? 700 : 400 },
        String(i + 1)
      )
    );
  }

  function moved(i, t) {
    const round = 2 * Math.PI;
    places[i] = ((t % round) + round) % round;
    show();
  }

  function pressed(event, i) {
    const by = { ArrowLeft: 1, ArrowUp: 1, ArrowRight: -1, ArrowDown: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    moved(i, places[i] + by * step);
    drawing.querySelector(`[data-point="${i}"]`).focus();
  }

  function drag(event, i) {
    event.preventDefault();
    const follow = (move) => {
      const box = drawing.firstChild.getBoundingClientRect();
      const x = move.clientX - box.left - box.width / 2;
      const y = box.height / 2 - (move.clientY - box.top);
      moved(i, Math.atan2(y, x));
    };
    const done = () => {
      window.removeEventListener("pointermove", follow);
      window.removeEventListener("pointerup", done);
      drawing.querySelector(`[data-point="${i}"]`).focus();
    };
    window.addEventListener("pointermove", follow);
    window.addEventListener("pointerup", done);
  }

  function squares(lit, two) {
    const [n, cell, left] = [count(), 30, 24];
    const side = left + n * cell + 2;
    const boxes = pairsOf(n).map(([a, b]) => {
      const on = lit.has([a, b].join());
      const now = two.join() === [a, b].join();
      const place = { x: left + a * cell, y: left + (b - 1) * cell, width: cell - 3, height: cell - 3 };
      const ink = {
        fill: on ? "var(--a)" : "none", stroke: now ? "var(--b)" : "var(--rule)",
        "stroke-width": now ? 3 : 1,
      };
      const title = svg("title", {}, `${a + 1} and ${b + 1}: ${on ? "can" : "cannot"} be answered`);
      return svg("rect", { ...place, ...ink }, title);
    });
    const names = Array.from({ length: n }, (_, i) => [
      i < n - 1 ? svg("text", { x: left + (i + 0.45) * cell, y: 15, "text-anchor": "middle" }, String(i + 1)) : [],
      i > 0 ? svg("text", { x: 8, y: left + (i - 0.35) * cell }, String(i + 1)) : [],
    ]);
    const label = `${lit.size} of ${boxes.length} pairs can be answered`;
    const picture = svg("svg", { class: "points", viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": label }, boxes, names);
    picture.style.maxWidth = `${side / 16}rem`;
    picture.style.fill = "var(--ink)";
    return picture;
  }

  show();
});
