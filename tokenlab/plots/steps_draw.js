"use strict";
// What every drawing needs: elements, numbers, labels, colours. Text goes in as text nodes only,
// so nothing that a label holds can become markup.
const MAPS = {
  // More is further from the page: dark on a light page, light on a dark one.
  more: {
    light: [
      "#f1f8f1",
      "#c9ecd3",
      "#8ad9b1",
      "#4dc3ad",
      "#38a3aa",
      "#3583a3",
      "#3b629b",
      "#413f80",
      "#2b1c3a",
    ],
    dark: [
      "#20202b",
      "#30284a",
      "#3f3c75",
      "#3c5f9a",
      "#3681a3",
      "#38a3aa",
      "#4dc3ad",
      "#8ad9b1",
      "#e3f6e8",
    ],
  },
  // Zero is near the page: blue below, orange above.
  signed: {
    light: [
      "#1c4f8f",
      "#3f83bd",
      "#85b7db",
      "#c9dfee",
      "#f4f3f0",
      "#fadcc0",
      "#f2ad78",
      "#d87334",
      "#97420b",
    ],
    dark: [
      "#a9d3ff",
      "#6aa9e6",
      "#3c79b5",
      "#254a70",
      "#25272d",
      "#5e351c",
      "#a55a26",
      "#e08d4f",
      "#ffcf9f",
    ],
  },
};

/** An element with properties or attributes, and its content. */
function make(tag, properties = {}, ...content) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node && name !== "style") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...content);
  return node;
}

const toNumber = (v) => (v === null ? NaN : +v);

function format(v) {
  if (v === null) return "NaN";
  if (v === "Infinity") return "inf";
  if (v === "-Infinity") return "−inf";
  const whole = Number.isInteger(v) && Math.abs(v) < 1e15;
  return (whole ? v.toLocaleString("en") : String(v)).replace("-", "−");
}

const position = (axis, i) => i * axis.step;
const labelOf = (axis, i) =>
  axis.labels ? axis.labels[i] : position(axis, i).toLocaleString("en");

/** Where a cell is, in words: `n_q 3 “why”`. */
function place(axis, i) {
  const label = axis.labels ? ` “${axis.labels[i]}”` : "";
  return `${axis.name || "position"} ${position(axis, i).toLocaleString("en")}${label}`;
}

/** The colours of the style sheet, resolved: a canvas does not know variables. */
function palette(box) {
  const probe = box.appendChild(make("span"));
  const colours = {};
  for (const name of ["ink", "muted", "line", "panel", "accent", "off", "hatch"]) {
    probe.style.color = `var(--${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  const [r, g, b] = colours.panel.match(/\d+/g).map(Number);
  return { ...colours, dark: r + g + b < 380 };
}

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const css = (rgb) => `rgb(${rgb.join(" ")})`;
const stopsOf = (picture, dark) =>
  MAPS[picture.signed ? "signed" : "more"][dark ? "dark" : "light"];

/** A function from a value to [r, g, b], or to null where there is no colour (NaN, infinities). */
function colourScale(step, colours) {
  const picture = step.picture;
  if (step.kind === "mask") {
    const [on, off] = [colours.accent, colours.off].map((c) => c.match(/\d+/g).map(Number));
    // Of a bin the share that is true: even one among many can be seen.
    const mix = (v) => off.map((c, i) => Math.round(c + (on[i] - c) * (0.35 + 0.65 * v)));
    return (v) => (v > 0 ? mix(+v) : off);
  }
  const stops = stopsOf(picture, colours.dark).map(channels);
  const [low, high] = [toNumber(picture.low), toNumber(picture.high)];
  const reach = Math.max(-low, high) || 1;
  const share = picture.signed
    ? (v) => (v / reach + 1) / 2
    : (v) => (high > low ? (v - low) / (high - low) : 0.5);
  return (raw) => {
    const v = toNumber(raw);
    if (!Number.isFinite(v)) return null;
    const x = Math.min(1, Math.max(0, share(v))) * (stops.length - 1);
    const i = Math.min(stops.length - 2, Math.floor(x));
    return stops[i].map((c, k) => Math.round(c + (stops[i + 1][k] - c) * (x - i)));
  };
}

/** Black or white, whichever reads better on a colour: the contrast is never below 4.5. */
function inkOn(rgb) {
  const [r, g, b] = rgb.map((c) => ((c / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000000" : "#ffffff";
}

/** Where bars begin and end: at zero, unless all values are alike and far from it. */
function barEnds(picture) {
  const [low, high] = [toNumber(picture.low), toNumber(picture.high)];
  const cut = low > 0 && high > low && high - low < high / 3;
  return cut
    ? { from: low - (high - low) / 8, to: high, cut }
    : { from: Math.min(0, low), to: Math.max(0, high), cut };
}

/** What a bin of a long vector holds, in words. */
function binInWords(step, i) {
  const { columns, bins, data } = step.picture;
  const last = Math.min(columns.size, position(columns, i + 1)) - 1;
  const at = bins.top[i].toLocaleString("en") + (bins.labels ? ` “${bins.labels[i]}”` : "");
  const [low, high] = [bins.low[i], data[0][0][i]];
  const where = `${place(columns, i)} to ${last.toLocaleString("en")}`;
  const n = last - position(columns, i) + 1;
  if (step.kind === "mask" && !high) return `${where}  →  all false`;
  if (step.kind === "mask")
    return `${where}  →  ${Math.round(high * n)} of ${n} true, the first at ${at}`;
  if (high === null) return `${where}  →  nothing finite`;
  return `${where}  →  ${format(low)} to ${format(high)}, the largest at ${at}`;
}

/** What the colours mean. */
function legend(step, colours) {
  const picture = step.picture;
  const box = make("div", { className: "legend" });
  const swatch = (name, text) => box.append(make("span", {}, make("i", { className: name }), text));
  if (step.kind === "mask") {
    swatch("on", `true (${format(picture.true)})`);
    swatch("off", `false (${format(picture.false)})`);
  } else if (step.kind === "matrix" && picture.low === picture.high && picture.low !== null) {
    box.append(`all ${format(picture.low)}`);
  } else if (step.kind === "matrix" && picture.low !== null) {
    const reach = Math.max(-toNumber(picture.low), toNumber(picture.high));
    // Of a signed scale only the part that occurs is shown, zero marked where it falls.
    const share = (v) =>
      picture.signed ? (toNumber(v) / reach + 1) / 2 : v === picture.high ? 1 : 0;
    const scale = colourScale(step, colours);
    const [from, to] = [share(picture.low), share(picture.high)];
    const [low, high] = [toNumber(picture.low), toNumber(picture.high)];
    const parts = [...Array(17).keys()].map((k) => css(scale(low + ((high - low) * k) / 16)));
    const bar = make("i", {
      className: "scale",
      style: `background:linear-gradient(90deg,${parts.join()})`,
    });
    if (picture.signed) {
      const zero = (100 * (0.5 - from)) / (to - from);
      bar.append(make("b", { style: `left:${zero}%` }, "0"));
    }
    box.append(
      make("span", { className: "range" }, format(picture.low), bar, format(picture.high)),
    );
  }
  if (picture.bins && step.kind === "bars") {
    swatch("on", "all values of the bin reach this");
    swatch("reach", "some do");
  }
  if ((picture.missing || []).length) {
    swatch(
      "gap",
      picture.missing.map(([name, n]) => `${name.replace("-", "−")} (${format(n)})`).join(", "),
    );
  }
  return box;
}
