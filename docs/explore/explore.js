// Shared by the explorables: elements, controls, a chart, squares over a photo. Nothing is computed
// here but positions on the screen; every number comes from the data that the library wrote.
"use strict";

const Explore = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const home = new URL("data/", document.currentScript.src);

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) {
        node.setAttribute(name, value === true ? "" : value);
      }
    }
    node.append(...children.flat(Infinity).filter((child) => child !== null));
    return node;
  }

  const el = (name, attributes = {}, ...children) =>
    fill(document.createElement(name), attributes, children);
  const svg = (name, attributes = {}, ...children) =>
    fill(document.createElementNS(SVG, name), attributes, children);

  // Draw the page's data, which a script before this one brings; without them point to the table.
  function start(name, draw) {
    const root = document.getElementById("explore");
    if (window.exploreData) {
      draw(root, window.exploreData);
      root.dataset.ready = "true";
    } else {
      const table = el("a", { href: url(`${name}.html`) }, "the numbers as a table");
      root.append(el("p", { role: "alert" }, "The data of this page are missing. Read ", table, "."));
    }
  }

  let count = 0;

  // A labelled <select>; `changed` gets the position of the choice.
  function choice(label, options, at, changed, css = "control") {
    const id = `choice-${(count += 1)}`;
    const items = options.map((text, i) => el("option", { value: i, selected: i === at }, text));
    const onchange = (event) => changed(Number(event.target.value));
    const select = el("select", { id, onchange }, items);
    return el("div", { class: css }, el("label", { for: id }, label), select);
  }

  // A labelled slider over positions 0 to n - 1, with a button at either end. `say(i)` is its text.
  function slider(label, n, at, say, changed) {
    const id = `slider-${(count += 1)}`;
    // Its text is in the sentence as well, which is read out.
    const output = el("output", { for: id, "aria-live": "off" });
    const input = el("input", { id, type: "range", min: 0, max: n - 1, step: 1, value: at });
    const button = (by, sign, name) => {
      const attributes = { type: "button", "aria-label": `${label}: ${name}` };
      return el("button", { ...attributes, onclick: () => move(Number(input.value) + by) }, sign);
    };
    const less = button(-1, "−", "less");
    const more = button(1, "+", "more");

    function move(i) {
      input.value = Math.max(0, Math.min(n - 1, i));
      show();
      changed(Number(input.value));
    }
    function show() {
      const text = say(Number(input.value));
      output.textContent = text;
      input.setAttribute("aria-valuetext", text);
    }
    input.addEventListener("input", () => move(Number(input.value)));
    show();
    const row = el("div", { class: "slide" }, less, input, more);
    const name = el("div", {}, el("label", { for: id }, label), " ", output);
    return { node: el("div", { class: "control wide" }, name, row), move };
  }

  // What changed, in a sentence that a screen reader reads out, too.
  const sentence = () => el("p", { class: "said", role: "status", "aria-live": "polite" });

  const MARKS = {
    circle: (x, y) => svg("circle", { cx: x, cy: y, r: 3.5 }),
    square: (x, y) => svg("rect", { x: x - 3.2, y: y - 3.2, width: 6.4, height: 6.4 }),
    triangle: (x, y) => svg("path", { d: `M${x} ${y - 4.2}l4.2 7.4h-8.4z` }),
    cross: (x, y) => svg("path", { class: "open", d: `M${x - 3} ${y - 3}l6 6m0-6l-6 6` }),
  };

  // Lines over positions x from `floor` to 1; a click or a drag picks the nearest place.
  // series: [{ name, values, mark, css, band: [low, high] }], drawn in this order.
  function chart({ label, x, xTicks, xName, yName, picked, floor = 0, ceiling = 1 }) {
    const box = el("div", { class: "chart" });
    const legend = el("ul", { class: "legend" });
    let state = null;
    let places = []; // of x, in pixels

    // On the box, which stays while the picture in it is replaced.
    const nearest = (event) => {
      const to = event.clientX - box.getBoundingClientRect().left;
      const far = places.map((place) => Math.abs(place - to));
      picked(far.indexOf(Math.min(...far)));
    };
    box.addEventListener("pointerdown", nearest);
    box.addEventListener("pointermove", (event) => event.buttons && nearest(event));

    function show(series, at) {
      state = { series, at };
      draw();
    }

    function draw() {
      const width = Math.max(280, box.clientWidth || 640);
      const height = 230;
      const area = { left: 44, right: width - 14, top: 10, bottom: height - 42 };
      const [low, high] = [Math.min(...x), Math.max(...x)];
      const px = (v) => area.left + ((v - low) / (high - low)) * (area.right - area.left);
      const py = (v) => area.bottom - ((v - floor) / (ceiling - floor)) * (area.bottom - area.top);
      const said = state.series.map((s) => `${s.name} ${s.values[state.at].toFixed(2)}`);
      const lines = state.series.map((s) => line(s, px, py));
      const at = px(x[state.at]);
      const cursor = svg("line", { class: "at", x1: at, x2: at, y1: area.top, y2: area.bottom });
      const picture = svg(
        "svg",
        { width, height, role: "img", "aria-label": `${label}. At ${xTicks[state.at]}: ${said}` },
        axes(width, height, area, px, py),
        cursor,
        lines
      );
      places = x.map(px);
      box.replaceChildren(picture);
      legend.replaceChildren(...state.series.map(key));
    }

    function axes(width, height, area, px, py) {
      const parts = [0, 0.25, 0.5, 0.75, 1].map((share) => floor + share * (ceiling - floor)).flatMap((v) => [
        svg("line", { class: "grid", x1: area.left, x2: area.right, y1: py(v), y2: py(v) }),
        svg("text", { x: area.left - 6, y: py(v) + 4, "text-anchor": "end" }, v.toFixed(ceiling > 1 ? 0 : 2)),
      ]);
      let free = -Infinity;
      x.forEach((v, i) => {
        const half = 3.6 * xTicks[i].length;
        const centre = Math.min(px(v), width - half - 2);
        if (centre - half < free && i !== state.at) return;
        free = centre + half + 8;
        const place = { x: centre, y: area.bottom + 16, "text-anchor": "middle" };
        parts.push(svg("text", { ...place, class: i === state.at ? "lit" : null }, xTicks[i]));
      });
      const middle = (area.left + area.right) / 2;
      parts.push(svg("text", { x: middle, y: height - 6, "text-anchor": "middle" }, xName));
      const turned = `translate(12 ${(area.top + area.bottom) / 2}) rotate(-90)`;
      parts.push(svg("text", { transform: turned, "text-anchor": "middle" }, yName));
      return parts;
    }

    function line(s, px, py) {
      const path = (values) => values.map((v, i) => `${px(x[i])},${py(v)}`);
      const [bottom, top] = s.band || [[], []];
      const band = [...path(bottom), ...path(top).reverse()];
      return svg(
        "g",
        { class: `series ${s.css}` },
        s.band ? svg("polygon", { class: "band", points: band.join(" ") }) : null,
        svg("polyline", { points: path(s.values).join(" ") }),
        s.values.map((v, i) => MARKS[s.mark](px(x[i]), py(v)))
      );
    }

    function key(s) {
      const size = { class: `series ${s.css}`, width: 30, height: 12, "aria-hidden": "true" };
      const picture = svg("svg", size, svg("polyline", { points: "0,6 30,6" }), MARKS[s.mark](15, 6));
      return el("li", {}, picture, ` ${s.name}: `, el("b", {}, s.values[state.at].toFixed(3)));
    }

    new ResizeObserver(() => state && draw()).observe(box);
    return { node: el("div", {}, box, legend), show };
  }

  // Lines between neighbouring patches of different groups, as one SVG path over `side` squares.
  function borders(groups, side) {
    const parts = [];
    for (let i = 0; i < groups.length; i += 1) {
      const [row, column] = [Math.floor(i / side), i % side];
      if (column + 1 < side && groups[i] !== groups[i + 1]) parts.push(`M${column + 1} ${row}v1`);
      if (row + 1 < side && groups[i] !== groups[i + side]) parts.push(`M${column} ${row + 1}h1`);
    }
    return svg("path", { class: "borders", d: parts.join("") });
  }

  // What is chosen stands in the address, so that a link, and "back", show the same again.
  function remembered(state, limits) {
    const found = new URLSearchParams(location.hash.slice(1));
    for (const [key, n] of Object.entries(limits)) {
      const i = found.has(key) ? Number(found.get(key)) : NaN;
      if (Number.isInteger(i) && i >= 0 && i < n) state[key] = i;
    }
    return { state, keep: () => remember(state, Object.keys(limits)) };
  }

  function remember(state, keys) {
    const text = new URLSearchParams(keys.map((key) => [key, state[key]]));
    try {
      history.replaceState(history.state, "", `#${text}`);
    } catch {
      // A browser that allows no address to a page from a folder.
    }
  }

  const pairs = (text) => text.match(/../g) || [];
  const url = (file) => new URL(file, home).href;
  const big = (n) => n.toLocaleString("en");
  return { el, svg, start, choice, slider, sentence, chart, borders, remembered, pairs, url, big };
})();
