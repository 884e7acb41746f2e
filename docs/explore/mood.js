// The mood of SmolLM2: what it writes, and what that costs, by the strength of a shift.
"use strict";

Explore.start("mood", (root, data) => {
  const { el, choice, slider, sentence, chart, remembered } = Explore;
  const { state, keep } = remembered(
    { prompt: 0, at: data.strengths.indexOf(0) },
    { prompt: data.prompts.length, at: data.strengths.length }
  );
  const change = (key) => (i) => {
    state[key] = i;
    keep();
    show();
  };
  const knob = slider(
    "Strength", data.strengths.length, state.at, (i) => String(data.strengths[i]), change("at")
  );
  const said = sentence();
  const text = el("blockquote", {});
  const costs = data.perplexity.map(Math.log10);
  const shown = [...data.odds, ...costs];
  const curve = chart({
    label: "Mood and perplexity, by strength",
    x: data.strengths,
    xTicks: data.strengths.map(String),
    xName: "strength",
    yName: "log-odds; log10 of perplexity",
    picked: (i) => knob.move(i),
    floor: 4 * Math.floor(Math.min(...shown) / 4),
    ceiling: 4 * Math.ceil(Math.max(...shown) / 4),
  });
  root.append(
    el(
      "div",
      { class: "controls" },
      choice("Prompt", data.prompts, state.prompt, change("prompt")),
      knob.node
    ),
    said,
    el("h2", {}, "What it writes"),
    text,
    el("h2", {}, "By strength"),
    curve.node
  );

  function show() {
    const [odds, perplexity] = [data.odds[state.at], data.perplexity[state.at]];
    said.replaceChildren(
      el("b", {}, `Strength ${data.strengths[state.at]}: `),
      `log-odds of good words ${odds.toFixed(1)}, perplexity of an ordinary text `,
      el("b", {}, Math.round(perplexity).toLocaleString("en")),
      "."
    );
    const prompt = data.prompts[state.prompt];
    text.replaceChildren(el("b", {}, prompt), data.texts[state.at][state.prompt]);
    curve.show(
      [
        { name: "log-odds of good words", values: data.odds, mark: "circle", css: "a" },
        { name: "log10 of perplexity", values: costs, mark: "square", css: "b" },
      ],
      state.at
    );
  }

  show();
});
