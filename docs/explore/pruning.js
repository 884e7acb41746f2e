// Pruning: two rules on one photo at one budget, side by side.
"use strict";

Explore.start("pruning", (root, data) => {
  const { el, svg, choice, slider, sentence, chart, borders, remembered, pairs, url, big } = Explore;
  const names = Object.keys(data.rules);
  const [side] = data.grid;
  const n = side * side;
  const { state, keep } = remembered(
    { photo: 1, at: data.kept.indexOf(64), a: names.indexOf("HiPrune"), b: 0 },
    { photo: data.photos.length, at: data.kept.length, a: names.length, b: names.length }
  );

  const change = (key) => (i) => {
    state[key] = i;
    keep();
    show();
  };
  const share = (i) => `${data.kept[i]} of ${n} (${Math.round((100 * data.kept[i]) / n)} %)`;
  const knob = slider("Patches kept", data.kept.length, state.at, share, change("at"));
  const said = sentence();
  const panels = el("div", { class: "panels" });
  const table = el("table", { class: "numbers" });
  const wrap = { class: "scroll", role: "region", tabindex: 0, "aria-label": "Both rules in numbers" };
  const every = Object.values(data.rules).flat(2);
  const lowest = Math.min(...every.map((entry) => entry.low ?? entry.fidelity));
  const curve = chart({
    label: "Fidelity on this photo, by patches kept",
    x: data.kept,
    xTicks: data.kept.map(String),
    xName: `patches kept, of ${n}`,
    yName: "fidelity",
    floor: Math.floor(10 * lowest) / 10,
    picked: (i) => knob.move(i),
  });

  root.append(
    el(
      "div",
      { class: "controls" },
      choice("Photo", data.photos, state.photo, change("photo")),
      choice("Rule A", names, state.a, change("a")),
      choice("Rule B", names, state.b, change("b")),
      knob.node
    ),
    said,
    panels,
    el(
      "p",
      { class: "legend" },
      "Bright: kept. Half faded: merged into others; lines part the groups. Nearly blank: dropped."
    ),
    el("h2", {}, "In numbers"),
    el("div", wrap, table),
    el("h2", {}, "Fidelity at every budget"),
    curve.node
  );
  function found(rule, at = state.at) {
    return data.rules[names[rule]][state.photo][at];
  }

  function show() {
    const [a, b] = [found(state.a), found(state.b)];
    said.replaceChildren(
      el("b", {}, `${share(state.at)} kept: `),
      `fidelity of ${names[state.a]} ${a.fidelity.toFixed(3)}, of ${names[state.b]} `,
      `${b.fidelity.toFixed(3)}. Both keep ${common(a, b)} patches in common. `,
      `Random, over ${data.draws} draws: ${randomly(found(names.indexOf("random")))}. The model takes `,
      `${billions(data.model[state.at])} billion multiply-adds instead of ${billions(full())}.`
    );
    panels.replaceChildren(panel("A", state.a, a), panel("B", state.b, b));
    table.replaceChildren(...rows(a, b));
    curve.show(series(), state.at);
  }

  const full = () => data.model[data.model.length - 1];
  const billions = (x) => (x / 1e9).toFixed(2);
  const randomly = (r) => `mean ${r.mean.toFixed(3)}, from ${r.low.toFixed(3)} to ${r.high.toFixed(3)}`;
  const common = (a, b) => [...a.kept].filter((k, i) => k === "1" && b.kept[i] === "1").length;

  function panel(letter, rule, entry) {
    const groups = entry.groups ? pairs(entry.groups) : null;
    const covers = [...entry.kept].map((kept, i) => {
      if (kept === "1") return null;
      const css = groups && groups[i] !== "--" ? "merged" : "dropped";
      return svg("rect", { class: css, x: i % side, y: Math.floor(i / side), width: 1, height: 1 });
    });
    const photo = data.photos[state.photo];
    const gone = covers.filter((cover) => cover && cover.getAttribute("class") === "dropped").length;
    const fate = groups ? `${n - data.kept[state.at] - gone} merged, ${gone} dropped` : `${gone} dropped`;
    const text = `${names[rule]} on the photo ${photo}: ${data.kept[state.at]} patches kept, ${fate}`;
    return el(
      "figure",
      {},
      svg(
        "svg",
        { viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": text },
        svg("image", { href: url(`${photo}.png`), width: side, height: side }),
        covers,
        groups ? borders(groups, side) : null
      ),
      el(
        "figcaption",
        {},
        el("b", {}, `${letter}: ${names[rule]}${entry.low === undefined ? "" : ", one draw"}`),
        `${fate}; fidelity `,
        el("b", {}, entry.fidelity.toFixed(3))
      )
    );
  }

  function rows(a, b) {
    const line = (title, one, two) =>
      el("tr", {}, el("th", { scope: "row" }, title), el("td", {}, one), el("td", {}, two));
    const column = (text) => el("th", { scope: "col" }, text);
    const millions = (x) => (x ? `${(x / 1e6).toFixed(1)} million` : "none, a sort");
    const saved = `${Math.round(100 - (100 * data.model[state.at]) / full())} % fewer`;
    const average = (rule) =>
      (data.rules[names[rule]].reduce((sum, photo) => sum + photo[state.at].mean, 0) /
        data.photos.length).toFixed(3);
    const spread = (entry) => (entry.low === undefined ? "one choice" : randomly(entry));
    return [
      el("thead", {}, el("tr", {}, el("td"), column(`A: ${names[state.a]}`), column(`B: ${names[state.b]}`))),
      el(
        "tbody",
        {},
        line("fidelity on this photo", a.fidelity.toFixed(4), b.fidelity.toFixed(4)),
        line("over several draws", spread(a), spread(b)),
        line("fidelity, mean of all photos", average(state.a), average(state.b)),
        line("multiply-adds of the model", big(data.model[state.at]), big(data.model[state.at])),
        line("against all patches", saved, saved),
        line("multiply-adds of choosing", millions(a.choosing), millions(b.choosing))
      ),
    ];
  }

  function series() {
    const at = (rule, key) => data.kept.map((_, i) => found(rule, i)[key]);
    const random = names.indexOf("random");
    const band = [at(random, "low"), at(random, "high")];
    const lines = [
      { name: "random, mean and range", values: at(random, "mean"), mark: "cross", css: "quiet", band },
    ];
    if (state.b !== random && state.b !== state.a) {
      lines.push({ name: `B, ${names[state.b]}`, values: at(state.b, "mean"), mark: "square", css: "b" });
    }
    if (state.a !== random) {
      lines.push({ name: `A, ${names[state.a]}`, values: at(state.a, "mean"), mark: "circle", css: "a" });
    }
    return lines;
  }

  show();
});
