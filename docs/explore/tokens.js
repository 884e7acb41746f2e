// Byte-pair merges of what is typed, in four vocabularies; the slider goes through them in order.
"use strict";

// Encoding, as `tokenlab.tokenizers` does it. Numbers 0 to 255 are bytes, 256 + r is made by merge r.
const Merges = (() => {
  const SHIFT = 2 ** 18; // more than any number here
  const key = (left, right) => left * SHIFT + right;

  function unpacked(vocabulary) {
    const bytes = atob(vocabulary.merges);
    const number = (i) =>
      bytes.charCodeAt(i) * 65536 + bytes.charCodeAt(i + 1) * 256 + bytes.charCodeAt(i + 2);
    const pairs = [];
    const rank = new Map();
    for (let i = 0; i < bytes.length; i += 6) {
      const pair = [number(i), number(i + 3)];
      const place = key(...pair);
      if (!rank.has(place)) rank.set(place, pairs.length); // of two merges of one pair the first counts
      pairs.push(pair);
    }
    return { ...vocabulary, pairs, rank };
  }

  function bytesOf(v, token) {
    if (token < 256) return [token];
    return v.pairs[token - 256].flatMap((part) => bytesOf(v, part));
  }

  const idOf = (v, token) => (token < 256 ? v.bytes[token] : v.first + token - 256);

  // The merge of the lowest rank that is possible anywhere, or -1.
  function lowest(v, chunks) {
    let best = -1;
    for (const chunk of chunks) {
      for (let i = 0; i + 1 < chunk.length; i += 1) {
        const rank = v.rank.get(key(chunk[i], chunk[i + 1]));
        if (rank !== undefined && (best < 0 || rank < best)) best = rank;
      }
    }
    return best;
  }

  // Replace a pair from left to right.
  function merged(chunk, [left, right], made) {
    const out = [];
    for (let i = 0; i < chunk.length; i += 1) {
      const found = chunk[i] === left && chunk[i + 1] === right;
      out.push(found ? made : chunk[i]);
      if (found) i += 1;
    }
    return out;
  }

  // Every state on the way: { rank, chunks }; the first one is the bytes.
  function states(v, pattern, text) {
    const encoder = new TextEncoder();
    let chunks = (text.match(new RegExp(pattern, "gu")) || []).map((c) => [...encoder.encode(c)]);
    const all = [{ rank: -1, chunks }];
    for (let rank = lowest(v, chunks); rank >= 0; rank = lowest(v, chunks)) {
      const [pair, made] = [v.pairs[rank], 256 + rank];
      chunks = chunks.map((chunk) => merged(chunk, pair, made));
      all.push({ rank, chunks });
    }
    return all;
  }

  return { unpacked, bytesOf, idOf, states };
})();

if (typeof module !== "undefined") module.exports = Merges; // a test runs it by itself

if (typeof document !== "undefined")
  Explore.start("tokens", (root, data) => {
    const { el, choice, slider, sentence, remembered, url } = Explore;
    const names = Object.keys(data.names);
    const samples = Object.keys(data.samples);
    const LONGEST = 400; // characters
    const { state, keep } = remembered(
      { sample: 0, told: 0, at: 1e6 },
      { sample: samples.length, told: names.length, at: 1e6 }
    );
    const vocabularies = {};
    let text = data.samples[samples[state.sample]];
    let ways = {}; // of each vocabulary that is there, its states

    const box = el("textarea", {
      id: "typed",
      rows: 3,
      maxlength: LONGEST,
      spellcheck: "false",
      autocapitalize: "off",
      oninput: (event) => {
        text = event.target.value;
        state.at = 1e6; // to the end
        again();
      },
    });
    box.value = text;
    const field = el("div", { class: "control wide" }, el("label", { for: "typed" }, "Text"), box);
    const knob = el("div", { class: "knob" });
    const said = sentence();
    const rows = el("div", { class: "rows" });
    const pick = (i) => {
      state.sample = i;
      text = data.samples[samples[i]];
      box.value = text;
      state.at = 1e6;
      again();
    };
    const tell = (i) => {
      state.told = i;
      again();
    };
    root.append(
      el(
        "div",
        { class: "controls" },
        choice("Example", samples, state.sample, pick),
        choice("Told of", Object.values(data.names), state.told, tell),
        field,
        knob
      ),
      said,
      rows
    );

    // Anew for another text: other merges, another number of them.
    function again() {
      ways = {};
      for (const name of names) {
        if (vocabularies[name]) ways[name] = Merges.states(vocabularies[name], data.patterns[name], text);
      }
      const told = ways[names[state.told]];
      const most = told ? told.length : 1;
      if (told) state.at = Math.min(state.at, most - 1);
      const say = (i) => `${i} of ${most - 1}`;
      const moved = slider(`Merges of ${data.names[names[state.told]]}`, most, Math.min(state.at, most - 1), say, (i) => {
        state.at = i;
        show();
      });
      knob.replaceChildren(moved.node);
      show();
    }

    function show() {
      const told = ways[names[state.told]];
      if (told) keep();
      said.replaceChildren(...(told ? telling(names[state.told], told) : ["Loading…"]));
      // The others are shown as far as they have come: up to the same share of their own merges.
      const share = told && told.length > 1 ? state.at / (told.length - 1) : 1;
      rows.replaceChildren(...names.map((name) => row(name, share)));
    }

    function telling(name, all) {
      const { rank, chunks } = all[state.at];
      const n = chunks.flat().length;
      const count = `${n} tokens of ${data.names[name]}`;
      if (rank < 0) return [el("b", {}, count), ": every byte stands alone. ", ahead(name, all)];
      const v = vocabularies[name];
      const [left, right] = v.pairs[rank];
      const before = all[state.at - 1].chunks.flat().length;
      const places = before - n;
      return [
        el("b", {}, `Merge ${rank + 1}: `),
        ...[left, right].flatMap((token, i) => [i ? " + " : "", piece(name, token, "quiet")]),
        " → ",
        piece(name, 256 + rank, "made"),
        `, at ${places} ${places === 1 ? "place" : "places"}. Now `,
        el("b", {}, count),
        state.at === all.length - 1 ? ", and nothing is left to merge." : ".",
      ];
    }

    const ahead = (name, all) =>
      all.length > 1 ? `${all.length - 1} merges are to come.` : "Nothing can be merged.";

    function row(name, share) {
      const title = el("b", {}, data.names[name]);
      const all = ways[name];
      if (!all) return el("section", { class: "tokens" }, el("p", {}, title, ": loading…"));
      const own = name === names[state.told];
      const at = own ? state.at : Math.round(share * (all.length - 1));
      const { rank, chunks } = all[at];
      const tokens = chunks.flat();
      const n = new TextEncoder().encode(text).length;
      const rate = tokens.length ? `, ${(n / tokens.length).toFixed(2)} bytes each` : "";
      const much = ` (${data.sizes[name].toLocaleString("en")}): `;
      const head = el("p", {}, title, much, el("b", { class: "count" }, `${tokens.length} tokens`), rate);
      let number = 0;
      const parts = chunks.map((chunk) =>
        el(
          "span",
          { class: "chunk" },
          chunk.map((token) => {
            number += 1;
            const css = `t${number % 4}${rank >= 0 && token === 256 + rank ? " made" : ""}`;
            return piece(name, token, css);
          })
        )
      );
      return el("section", { class: `tokens${own ? " told" : ""}`, "data-name": name }, head, el("div", {}, parts));
    }

    const SIGNS = { " ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍" };

    function piece(name, token, css) {
      const v = vocabularies[name];
      const bytes = Uint8Array.from(Merges.bytesOf(v, token));
      const id = Merges.idOf(v, token);
      const hex = [...bytes].map((b) => b.toString(16).toUpperCase().padStart(2, "0"));
      let label;
      let raw = false;
      try {
        const whole = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
        label = whole.replace(/[ \n\t\r]/g, (sign) => SIGNS[sign]);
      } catch {
        label = hex.join("");
        raw = true; // part of a character
      }
      const title = id < 0 ? `no token has the byte ${hex.join(" ")}` : `id ${id}, bytes ${hex.join(" ")}`;
      const kinds = ["piece", css, raw ? "raw" : "", id < 0 ? "lacking" : ""];
      return el("span", { class: kinds.filter(Boolean).join(" "), title, "data-id": id }, label);
    }

    // One vocabulary after the other; the page can be used as soon as the first is there.
    function load(i) {
      if (i === names.length) {
        root.dataset.whole = "true";
        return;
      }
      const script = el("script", { src: url(`tokens-${names[i]}.js`) });
      script.addEventListener("load", () => {
        vocabularies[names[i]] = Merges.unpacked(window.exploreVocabularies[names[i]]);
        again();
        load(i + 1);
      });
      script.addEventListener("error", () => {
        const missing = el("a", { href: url("tokens.html") }, "the numbers as a table");
        root.append(el("p", { role: "alert" }, `${data.names[names[i]]} is missing. Read `, missing, "."));
        load(i + 1);
      });
      document.head.append(script);
    }

    again();
    load(0);
  });
