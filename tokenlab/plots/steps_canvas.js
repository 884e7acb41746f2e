// Large values on a canvas: heat maps, masks, and bars where a list would be too long.
const FONT = "12px system-ui, sans-serif";
const REACH = 0.5; // how strong the part of a bin's bar is that only some of its values reach
const FEWEST_PIXELS = 13; // a row or column narrower than this cannot carry its label

/** Where everything goes: margins for labels, then cells as large as fit. */
function layout(step, data, room, enlarged, context) {
  const { rows, columns } = step.picture;
  const bars = step.kind === "bars";
  const [n, m] = [data.length, data[0].length];
  const widest = (axis, count) => {
    let width = 0;
    for (let i = 0; i < count; i++)
      width = Math.max(width, context.measureText(labelOf(axis, i)).width);
    return Math.ceil(Math.min(130, 0.3 * room.width, width)) + 8;
  };
  const left = bars
    ? widest({ labels: [format(step.picture.low), format(step.picture.high)] }, 2)
    : n > 1
      ? widest(rows, n)
      : 2;
  let w = Math.min(44, (room.width - left - 14) / m);
  if (enlarged && columns.labels) w = Math.max(w, FEWEST_PIXELS);
  const tilted = columns.labels && w >= FEWEST_PIXELS;
  const bottom = tilted ? Math.min(100, widest(columns, m)) + 4 : 20;
  let h = Math.max(1, (room.height - bottom - 10) / n);
  h = Math.min(h, bars ? 300 : 28);
  if (enlarged && rows.labels) h = Math.max(h, FEWEST_PIXELS + 1);
  const cramped =
    (rows.labels && n > 1 && h < FEWEST_PIXELS) || (columns.labels && w < FEWEST_PIXELS);
  return {
    left,
    top: 6,
    w,
    h,
    n,
    m,
    tilted,
    cramped,
    width: left + w * m + 14,
    height: 6 + h * n + bottom,
  };
}

/** Diagonal lines for cells without a finite value. */
function hatch(context, colours) {
  const tile = make("canvas", { width: 6, height: 6 });
  const pen = tile.getContext("2d");
  pen.fillStyle = colours.panel;
  pen.fillRect(0, 0, 6, 6);
  pen.strokeStyle = colours.hatch;
  for (const x of [-6, 0, 6]) pen.stroke(new Path2D(`M${x} 6L${x + 6} 0`));
  return context.createPattern(tile, "repeat");
}

function paintCells(context, at, data, scale) {
  const image = new ImageData(at.m, at.n);
  data.forEach((row, r) =>
    row.forEach((v, c) => {
      const rgb = scale(v);
      if (rgb) image.data.set([...rgb, 255], 4 * (r * at.m + c));
    }),
  );
  const small = make("canvas", { width: at.m, height: at.n });
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, at.left, at.top, at.w * at.m, at.h * at.n);
}

/** A plain ground under finite values, in one piece: the hatched one stays under the others. */
function clearFinite(context, at, heights, colours) {
  context.fillStyle = colours.panel;
  for (let from = 0, to; from < at.m; from = to + 1) {
    for (to = from; to < at.m && Number.isFinite(heights[to]); to++);
    context.fillRect(at.left + from * at.w, at.top, (to - from) * at.w, at.h);
  }
}

/** Light where some values of a bin reach, full where all of them do. */
function paintBins(context, at, highs, bins, colours, bar) {
  const lows = bins.low.map(toNumber);
  const [strong, ground] = [colours.accent, colours.panel].map((c) => c.match(/\d+/g).map(Number));
  context.fillStyle = css(strong.map((c, i) => Math.round(ground[i] + REACH * (c - ground[i]))));
  highs.forEach((v, i) => v > 0 && bar(i, v));
  lows.forEach((v, i) => v < 0 && bar(i, v));
  context.fillStyle = colours.accent;
  lows.forEach((v, i) => v > 0 && bar(i, v));
  highs.forEach((v, i) => v < 0 && bar(i, v));
  context.fillStyle = hatch(context, colours);
  for (const i of bins.gaps)
    context.fillRect(at.left + i * at.w, at.top, Math.max(4, at.w), 10);
}

function paintBars(context, at, row, picture, colours) {
  const { from, to, cut } = barEnds(picture);
  const y = (v) => at.top + at.h * (1 - (v - from) / (to - from || 1));
  const ground = y(cut ? from : 0);
  const gap = at.w > 4 ? 1 : 0;
  const bar = (i, v) =>
    context.fillRect(
      at.left + i * at.w,
      Math.min(y(v), ground),
      Math.max(picture.bins ? 2 : 0.7, at.w - gap), // one high bin among hundreds must be seen
      Math.max(1, Math.abs(y(v) - ground)),
    );
  const heights = row.map(toNumber);
  clearFinite(context, at, heights, colours);
  context.fillStyle = colours.accent;
  if (picture.bins) paintBins(context, at, heights, picture.bins, colours, bar);
  else heights.forEach((v, i) => Number.isFinite(v) && bar(i, v));
  context.fillStyle = colours.muted;
  context.fillRect(at.left, ground - 0.5, at.w * at.m, 1);
  context.textAlign = "right";
  const ends = [toNumber(picture.low), toNumber(picture.high), ...(cut ? [] : [0])];
  for (const v of new Set(ends))
    if (cut || v === 0 || Math.abs(y(v) - y(0)) > 12)
      context.fillText(format(+v.toPrecision(4)), at.left - 5, y(v));
}

/** Labels where there is room, otherwise numbers at even distances. */
function paintAxes(context, at, picture, bars) {
  const fit = (text, width) => {
    if (context.measureText(text).width <= width) return text;
    while (text && context.measureText(`${text}…`).width > width) text = text.slice(0, -1);
    return `${text}…`;
  };
  const every = (pixels, size) => Math.max(1, Math.ceil(pixels / size));
  if (at.n > 1 && !bars) {
    context.textAlign = "right";
    for (let r = 0; r < at.n; r += every(FEWEST_PIXELS, at.h)) {
      context.fillText(
        fit(labelOf(picture.rows, r), at.left - 6),
        at.left - 5,
        at.top + (r + 0.5) * at.h,
      );
    }
  }
  const below = at.top + at.n * at.h;
  const step = at.tilted ? 1 : every(56, at.w);
  for (let c = 0; c < at.m; c += step) {
    if (!at.tilted && at.left + (c + 0.5) * at.w > at.width - 24 && c > 0) break; // cut off
    context.save();
    context.translate(at.left + (c + 0.5) * at.w, below + (at.tilted ? 5 : 11));
    if (at.tilted) context.rotate(-Math.PI / 2);
    context.textAlign = at.tilted ? "right" : "center";
    context.fillText(
      at.tilted
        ? fit(labelOf(picture.columns, c), 92)
        : position(picture.columns, c).toLocaleString("en"),
      0,
      0,
    );
    context.restore();
  }
}

/** Draw into the plot; returns the layout, so that the caller can offer to enlarge. */
function drawCanvas(plot, step, data, read, { enlarged = false, height = 400 } = {}) {
  const colours = palette(plot);
  const canvas = make("canvas");
  const context = canvas.getContext("2d");
  context.font = FONT;
  const at = layout(step, data, { width: plot.clientWidth, height }, enlarged, context);
  const sharp = Math.max(1, devicePixelRatio || 1);
  Object.assign(canvas, {
    width: Math.ceil(at.width * sharp),
    height: Math.ceil(at.height * sharp),
  });
  canvas.style.cssText = `width:${at.width}px;height:${at.height}px`;
  context.scale(sharp, sharp);
  Object.assign(context, {
    font: FONT,
    textBaseline: "middle",
    fillStyle: hatch(context, colours),
  });
  context.fillRect(at.left, at.top, at.w * at.m, at.h * at.n);
  const bars = step.kind === "bars";
  context.save();
  if (bars) paintBars(context, at, data[0], step.picture, colours);
  else paintCells(context, at, data, colourScale(step, colours));
  context.restore();
  context.fillStyle = colours.ink;
  paintAxes(context, at, step.picture, bars);
  context.strokeStyle = colours.line;
  context.strokeRect(at.left, at.top, at.w * at.m, at.h * at.n);
  const mark = make("div", { className: "mark", hidden: true });
  plot.append(canvas, mark);
  followCells(plot, mark, at, read);
  return at;
}

/** Read out the cell under the pointer, or, with the focus here, the one the arrow keys reach. */
function followCells(plot, mark, at, read) {
  let [row, column] = [0, 0];
  const show = (r, c, spoken) => {
    [row, column] = [Math.min(at.n - 1, Math.max(0, r)), Math.min(at.m - 1, Math.max(0, c))];
    const grow = (size) => Math.max(0, (5 - size) / 2);
    const [x, y] = [at.left + column * at.w - grow(at.w), at.top + row * at.h - grow(at.h)];
    const [width, height] = [Math.max(5, at.w), Math.max(5, at.h)];
    mark.style.cssText = `left:${x}px;top:${y}px;width:${width}px;height:${height}px`;
    mark.hidden = false;
    read(row, column, spoken);
  };
  const point = (event) => {
    const frame = plot.firstChild.getBoundingClientRect();
    const c = Math.floor((event.clientX - frame.left - at.left) / at.w);
    const r = Math.floor((event.clientY - frame.top - at.top) / at.h);
    if (r >= 0 && c >= 0 && r < at.n && c < at.m) show(r, c, false);
  };
  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerdown", point);
  // A click must not take the arrow keys away from stepping; the Tab key is the way in.
  plot.addEventListener("mousedown", (event) => event.preventDefault());
  plot.addEventListener("focus", () => show(row, column, true));
  plot.addEventListener("blur", () => (mark.hidden = true));
  plot.addEventListener("keydown", (event) => {
    const move = {
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      Home: [0, -at.m],
      End: [0, at.m],
    }[event.key];
    if (event.key === "Escape") plot.blur();
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    show(row + move[0], column + move[1], true);
  });
}
