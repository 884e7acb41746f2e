// How many machines for how many tokens: the constants come with the page, as they were measured.
"use strict";

(() => {
  const root = document.getElementById("machines");
  if (!root) return;
  const c = JSON.parse(root.dataset.constants);

  const el = (name, attributes, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const big = (n) => Math.round(n).toLocaleString("en").replaceAll(",", " ");
  const bytes = (n) => {
    const i = Math.min(5, Math.max(0, Math.floor(Math.log10(n) / 3)));
    return `${(n / 1000 ** i).toPrecision(3)} ${["B", "kB", "MB", "GB", "TB", "PB"][i]}`;
  };
  const span = (ms) => (ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`);

  const inputs = {};
  const field = (name, label, attributes) => {
    const input = el("input", { id: `machines-${name}`, type: "number", min: 1, ...attributes });
    inputs[name] = input;
    input.addEventListener("input", show);
    return el("p", {}, el("label", { for: input.id }, `${label} `), input);
  };
  const said = el("p", { role: "status", "aria-live": "polite" });
  root.append(
    field("tokens", "Tokens, as a power of ten:", { min: 6, max: 11, step: 0.1, value: 9 }),
    field("d", "Width of a vector:", { value: c.d, max: 4096 }),
    field("memory", "Memory of a machine, GB:", { value: c.memory_gb, max: 100000 }),
    field("cores", "Cores of a machine:", { value: c.cores, max: 1024 }),
    said
  );

  function show() {
    const [power, d, memory, cores] = ["tokens", "d", "memory", "cores"].map((name) =>
      Number(inputs[name].value)
    );
    if (![d, memory, cores].every((x) => x > 0) || !(power >= 6 && power <= 11)) {
      said.textContent = "Numbers above 0, and a power from 6 to 11.";
      return;
    }
    const n = 10 ** power;
    const room = memory * 1e9 * c.share_of_memory;
    const lines = [
      ["float32", 4 * d + c.bytes_more_exact, (m) => (c.exact_ns * 1e-6 * m * d) / c.d / cores],
      ["4 bits", d / 2 + c.bytes_more_compressed, (m) => c.fixed_ms + c.root_ms * Math.sqrt(m / 1e6)],
    ].map(([kind, each, ms]) => {
      const machines = Math.max(1, Math.ceil((n * each) / room));
      const took = ms(n / machines) + (machines > 1 ? c.round_ms * (kind === "float32" ? 1 : 2) : 0);
      const word = machines === 1 ? "machine" : "machines";
      return `${kind}: ${bytes(n * each)}, ${big(machines)} ${word}, about ${span(took)} a question`;
    });
    said.textContent = `${big(n)} tokens. ${lines.join("; ")}.`;
  }
  show();
})();
