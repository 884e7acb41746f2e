// One value, drawn as what it is. Small ones become tables: their numbers can be read and copied.
const SMALL = { rows: 16, columns: 24, bars: 40 };

/** The alternative text of a picture. */
function describe(step) {
  const range = step.kind === "mask" ? step.values : `values ${step.values}`;
  const kind = { matrix: "Heat map", mask: "Mask", bars: "Bars" }[step.kind] || "Table";
  const under = step.picture.photo ? " over the photo" : "";
  const bins = step.picture.bins ? `, ${step.picture.note}` : "";
  const keys = "Arrow keys move from cell to cell, Escape leaves.";
  return `${kind} of ${step.name} ${step.shape}${under}, ${range}${bins}. ${keys}`;
}

/** A table of cells with row and column labels; `fill(td, value)` makes each cell. */
function cellTable(step, data, read, fill) {
  const { rows, columns } = step.picture;
  const table = make("table", { className: "cells" });
  table.setAttribute("aria-label", `${step.name} ${step.shape}`);
  const heads = data[0].map((_, c) =>
    make("th", { scope: "col", title: labelOf(columns, c) }, make("span", {}, labelOf(columns, c))),
  );
  const head = make("tr", {}, make("td"), ...heads);
  if (data[0].length === 1) table.classList.add("single");
  if (data[0].length > 8 && columns.labels && step.kind !== "positions")
    table.classList.add("tilted");
  if (data[0].length > 1 || columns.size > 1) table.append(make("thead", {}, head));
  const body = table.appendChild(make("tbody"));
  data.forEach((values, r) => {
    const label = rows.size > 1 ? labelOf(rows, r) : "";
    const line = body.appendChild(
      make("tr", {}, make("th", { scope: "row", title: label }, label)),
    );
    values.forEach((value, c) => {
      const cell = line.appendChild(make("td"));
      fill(cell, value);
      cell.addEventListener("pointerenter", () => read(r, c, false));
    });
  });
  return table;
}

function numbers(box, step, data, read) {
  const scale = colourScale(step, palette(box));
  const mask = step.kind === "mask";
  // As many decimals for all, so that the points stand in line; the read-out has the digits.
  const reach = Math.max(
    ...data
      .flat()
      .map((v) => Math.abs(toNumber(v)))
      .filter(Number.isFinite),
    0,
  );
  const whole = data
    .flat()
    .every((v) => !Number.isFinite(toNumber(v)) || Number.isInteger(toNumber(v)));
  const decimals =
    whole || reach === 0
      ? 0
      : Math.max(0, (data[0].length > 8 ? 1 : 2) - Math.floor(Math.log10(reach)));
  const short = (v) =>
    whole || decimals > 4 || !Number.isFinite(toNumber(v))
      ? format(v)
      : v.toFixed(decimals).replace("-", "−");
  return cellTable(step, data, read, (cell, value) => {
    const rgb = scale(value);
    cell.textContent = mask ? (value ? "✓" : "·") : short(value);
    if (mask) cell.setAttribute("aria-label", value ? "true" : "false");
    if (rgb) cell.style.cssText = `background:${css(rgb)};color:${inkOn(rgb)}`;
    else cell.className = "gap";
  });
}

/** Positions by the name of what they point at, the number beside it; or plain text. */
function names(step, data, read) {
  const labels = step.picture.labels || {};
  return cellTable(step, data, read, (cell, value) => {
    cell.className = "name";
    if (value in labels) {
      cell.append(make("span", { title: labels[value] }, labels[value]));
      if (data[0].length === 1) cell.append(make("small", {}, format(value)));
    } else
      cell.append(
        step.kind === "positions" ? format(value) : make("span", { title: value }, value),
      );
  });
}

function barList(step, row, read) {
  const { columns } = step.picture;
  const { from, to, cut } = barEnds(step.picture);
  const share = (v) => (100 * (v - from)) / (to - from || 1);
  const table = make("table", { className: "bars" });
  row.forEach((raw, i) => {
    const v = toNumber(raw);
    const track = make("div", { className: Number.isFinite(v) ? "track" : "track gap" });
    if (Number.isFinite(v)) {
      const [a, b] = cut ? [0, share(v)] : [share(Math.min(0, v)), share(Math.max(0, v))];
      track.append(make("i", { style: `left:${a}%;width:${b - a}%` }));
    }
    const label = labelOf(columns, i);
    const line = make(
      "tr",
      {},
      make("th", { scope: "row", title: label }, label),
      make("td", {}, track),
      make("td", {}, format(raw)),
    );
    line.addEventListener("pointerenter", () => read(0, i, false));
    table.append(line);
  });
  table.setAttribute("aria-label", `${step.name} ${step.shape}`);
  return table;
}

function record(step) {
  const [first] = step.picture;
  if (step.picture.length === 1 && !first[0]) return make("pre", { className: "text" }, first[1]);
  const list = make("dl", { className: "fields" });
  for (const [name, content] of step.picture)
    list.append(make("dt", {}, name), make("dd", {}, content));
  return list;
}

/** What a cell holds, in words. */
function sentence(step, data, r, c) {
  const { rows, columns, labels, bins } = step.picture;
  if (bins) return binInWords(step, c);
  const value = data[r][c];
  const content = step.kind === "mask" ? String(Boolean(value)) : format(value);
  const name = labels && value in labels ? ` “${labels[value]}”` : "";
  // A vector of names is drawn as a column, any other vector as a row.
  const where = [
    [rows, r],
    [columns, c],
  ].filter(([axis]) => axis.size > 1 || axis.name);
  const pointed = step.kind === "positions" ? `${step.of} ${content}${name}` : content;
  return `${where.map(([axis, i]) => place(axis, i)).join("  ·  ")}  →  ${pointed}`;
}

/** Axis names, what is left out, and the switch between all cells and legible ones. */
function heading(step) {
  const { rows, columns, note } = step.picture;
  const line = make("div", { className: "axes" });
  const used = (axis) => axis.size > 1 || axis.name;
  const arrows = [
    used(rows) && `${rows.name || "rows"} ↓`,
    used(columns) && `${columns.name || "columns"} →`,
  ];
  line.append(make("span", {}, arrows.filter(Boolean).join("   ")));
  const say = (text) => line.append(make("span", { className: "sampled" }, text));
  if (note) say(`shown: ${note}`);
  if (step.kind === "bars" && barEnds(step.picture).cut) say("bars do not start at zero");
  return line;
}

/** Fill the box with the picture of a step. */
function drawStep(box, step, { slice = 0, enlarged = false, still = false } = {}) {
  const picture = step.picture;
  box.replaceChildren();
  if (step.kind === "object") return void box.append(record(step));
  if (step.kind === "number")
    return void box.append(make("p", { className: "number" }, picture.replace("-", "−")));
  if (step.kind === "empty") {
    return void box.append(
      make("p", { className: "nothing" }, `Empty, ${step.shape}: there is nothing to draw.`),
    );
  }
  const again = (change) => drawStep(box, step, { slice, enlarged, still, ...change });
  const data = picture.data[slice];
  const list = step.kind === "positions" || step.kind === "text";
  const readout = make("p", { className: "readout" }, still ? "" : "Point at a value to read it.");
  const turned = list && data.length === 1 && picture.rows.size === 1 && !picture.rows.name;
  const shown = turned
    ? { ...step, picture: { ...picture, rows: picture.columns, columns: picture.rows } }
    : step;
  const cells = turned ? data[0].map((v) => [v]) : data;
  const read = (r, c, spoken) => {
    readout.setAttribute("aria-live", spoken ? "polite" : "off");
    readout.textContent = sentence(shown, cells, r, c);
  };
  const line = heading(shown);
  if (picture.data.length > 1) line.append(sliceSlider(picture, slice, again, still));
  const plot = make("div", { className: "plot" });
  box.append(line, plot, readout, legend(step, palette(box)));
  if (list) plot.append(names(shown, cells, read));
  else if (step.kind === "bars" && data[0].length <= SMALL.bars)
    plot.append(barList(step, data[0], read));
  else if (
    !picture.photo &&
    step.kind !== "bars" &&
    data.length <= SMALL.rows &&
    data[0].length <= SMALL.columns
  ) {
    plot.append(numbers(box, step, data, read));
  } else {
    plot.setAttribute("role", "application");
    plot.setAttribute("aria-label", describe(step));
    plot.tabIndex = 0;
    const button = make("button", { type: "button" }, enlarged ? "Show all" : "Enlarge");
    button.addEventListener("click", () => again({ enlarged: !enlarged }));
    line.append(button); // before the room is measured: it may take a line of its own
    const draw = picture.photo ? drawPhoto : drawCanvas;
    const at = draw(plot, step, data, read, { enlarged, height: roomFor(box, plot, still) });
    if (still || !(at.cramped || enlarged)) button.remove();
  }
}

/** The height that a picture may have: what its box has left, and on a phone half the screen. */
function roomFor(box, plot, still) {
  if (still) return 360;
  const others = [...box.children].reduce(
    (sum, node) => sum + (node === plot ? 0 : node.offsetHeight),
    0,
  );
  const fixed = getComputedStyle(box).overflowY === "hidden";
  return Math.max(150, fixed ? box.clientHeight - others - 24 : innerHeight * 0.42);
}

function sliceSlider(picture, slice, again, still) {
  const text = make(
    "output",
    {},
    picture.slices.name ? place(picture.slices, slice) : labelOf(picture.slices, slice),
  );
  if (still) return text;
  const slider = make("input", {
    type: "range",
    min: 0,
    max: picture.data.length - 1,
    value: slice,
  });
  slider.setAttribute("aria-label", picture.slices.name || "slice");
  slider.addEventListener("input", () => {
    again({ slice: +slider.value });
    document.querySelector("#picture input[type=range]")?.focus();
  });
  return make("label", { className: "slices" }, text, slider);
}
