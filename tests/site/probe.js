// Evaluated in every page by tests/site/test_pages.py: what a reader would trip over.
(only) => {
  const shown = (node) => node.checkVisibility({ opacityProperty: true, visibilityProperty: true });

  const tag = (node) => `<${node.tagName.toLowerCase()} class="${node.className.baseVal ?? node.className}">`;

  function parse(colour) {
    const canvas = (parse.canvas ??= new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true }));
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  }
  const over = ([r, g, b, a], under) => [r, g, b].map((v, i) => v * a + under[i] * (1 - a));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };

  // The ground behind a node; null where a picture lies there, which says nothing.
  function ground(node) {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage.includes("url(")) return null;
      const colour = parse(style.backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((under, layer) => over(layer, under), canvas());
  }

  // Where nothing is painted, the browser's own ground for the colour scheme.
  function canvas() {
    const scheme = getComputedStyle(document.documentElement).colorScheme;
    const prefers = matchMedia("(prefers-color-scheme: dark)").matches;
    return scheme === "dark" || (scheme.includes("dark") && prefers) ? [18, 18, 18] : [255, 255, 255];
  }

  function contrast(node) {
    const under = ground(node);
    if (!under) return null;
    const style = getComputedStyle(node);
    const inSvg = node instanceof SVGElement;
    let [r, g, b, a] = parse(inSvg ? style.fill : style.color);
    for (let at = node; at; at = at.parentElement) a *= Number(getComputedStyle(at).opacity);
    const [low, high] = [light(over([r, g, b, a], under)), light(under)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  }

  // Text of the site's own elements: at most a few of each kind, so that a long page stays quick.
  function faint() {
    const seen = new Map();
    const found = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const node = walk.currentNode.parentElement;
      if (!walk.currentNode.data.trim() || node.closest("script, style, noscript, option, .katex, [aria-hidden=true], [aria-disabled=true]")) continue;
      const kind = `${node.tagName}.${node.className.baseVal ?? node.className}|${node.parentElement?.className}`;
      const times = seen.get(kind) || 0;
      if (times >= 3 || !shown(node)) continue;
      const ratio = contrast(node);
      if (ratio === null) continue;
      seen.set(kind, times + 1);
      // 4.5 is asked for; colours are read in whole steps of 255.
      if (ratio < 4.48) found.push([`${ratio.toFixed(2)} ${tag(node)}`, walk.currentNode.data.trim().slice(0, 40)]);
    }
    return { found, texts: [...seen.values()].reduce((a, b) => a + b, 0) };
  }

  const wide = [...document.querySelectorAll("body *")]
    .filter((node) => node.getBoundingClientRect().right > innerWidth + 1 && shown(node))
    .slice(0, 3)
    .map(tag);

  return {
    links: [...document.querySelectorAll("a[href]")].map((a) => a.href.baseVal ?? a.href),
    ids: [...document.querySelectorAll("[id], a[name]")].map((node) => node.id || node.name),
    noAlt: [...document.images].filter((img) => !img.alt.trim() && shown(img)).map((img) => img.src),
    emptyFrames: [...document.querySelectorAll("iframe")].filter((frame) => !frame.title).length,
    overflow: document.documentElement.scrollWidth - innerWidth,
    wide,
    ...(only ? {} : faint()),
    scheme: getComputedStyle(document.body).colorScheme,
  };
}
