// The player: which step is shown, and how one gets from one to the next.
(() => {
  const steps = JSON.parse(document.getElementById("data").textContent);
  const by = (id) => document.getElementById(id);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const narrow = matchMedia("(max-width: 859px)");
  const framed = window !== window.parent;
  const links = document.querySelectorAll(".outline a");
  const made = stepsByLine();
  let current = -1;
  let shownSource = -1;

  function show(i, { announce = true } = {}) {
    if (!steps.length) return void (by("name").textContent = "No steps were recorded");
    const forward = i > current;
    current = Math.min(steps.length - 1, Math.max(0, i));
    const step = steps[current];
    by("count").textContent = `Step ${current + 1} of ${steps.length}`;
    by("name").textContent = step.name;
    const facts = [
      step.shape,
      step.type,
      ["number", "object", "empty"].includes(step.kind)
        ? ""
        : step.values.replace(/-(?=[\d.i])/g, "−"),
    ];
    by("facts").replaceChildren(...facts.filter(Boolean).map((text) => make("span", {}, text)));
    by("note").textContent = step.note;
    by("eq").textContent = step.eq;
    by("eq").hidden = !step.eq;
    // Not `disabled`: the focus would be lost at the first and at the last step.
    by("previous").ariaDisabled = String(current === 0);
    by("next").ariaDisabled = String(current === steps.length - 1);
    by("progress").value = (current + 1) / steps.length;
    drawStep(by("picture"), step);
    if (!calm.matches)
      by("picture").animate(
        [{ opacity: 0, transform: `translateX(${forward ? 8 : -8}px)` }, {}],
        160,
      );
    markOutline();
    showCall(0);
    if (announce)
      by("announce").textContent =
        `Step ${current + 1} of ${steps.length}: ${step.name}. ${step.note}`;
    // In a notebook or in the documentation the address belongs to the page around.
    if (!framed) history.replaceState(null, "", `#step-${current + 1}`);
  }

  function markOutline() {
    document.querySelector(".outline a[aria-current]")?.removeAttribute("aria-current");
    links[current].setAttribute("aria-current", "step");
    bring(links[current], links[current], document.querySelector(".outline nav"));
  }

  /** Scroll inside a box, never the page around it, until first and last are in sight. */
  function bring(first, last, box, { room = 0, jump = false } = {}) {
    const [top, bottom] = [first.getBoundingClientRect().top, last.getBoundingClientRect().bottom];
    const frame = box.getBoundingClientRect();
    if (top >= frame.top + room && bottom <= frame.bottom - room) return;
    const above = Math.max(room, (frame.height - (bottom - top)) / 3);
    const behavior = calm.matches || jump ? "auto" : "smooth";
    box.scrollTo({ top: box.scrollTop + top - frame.top - above, behavior });
  }

  /** Show the source of one of the functions that were running; 0 is the one that made the step. */
  function showCall(level) {
    const calls = steps[current].calls;
    const call = calls[level];
    by("calls").replaceChildren(
      ...calls
        .map((c, i) => {
          const button = make("button", { type: "button", title: c.file }, c.function || c.file);
          if (i === level) button.setAttribute("aria-current", "true");
          button.addEventListener("click", () => showCall(i));
          return button;
        })
        .reverse(),
      make("span", { className: "file" }, call.file),
    );
    for (const source of document.querySelectorAll(".source"))
      source.hidden = +source.dataset.source !== call.source;
    const source = document.querySelector(`.source[data-source="${call.source}"]`);
    const [first, last] = call.lit;
    const marked = [];
    for (const line of source.querySelectorAll(".line")) {
      const n = +line.dataset.line;
      line.classList.toggle("lit", n >= first && n <= last);
      line.classList.toggle("made", n >= call.from && n < first);
      if (n >= call.from && n <= last) marked.push(line);
    }
    markSteps(source, call.source);
    const jump = call.source !== shownSource;
    shownSource = call.source;
    if (jump) by("sources").scrollTop = 0;
    if (marked.length) bring(marked[0], marked.at(-1), by("sources"), { room: 30, jump });
  }

  /** For each source: which steps each of its lines made. Once, since a loop makes thousands. */
  function stepsByLine() {
    const sources = new Map();
    steps.forEach(({ calls: [call] }, i) => {
      if (!sources.has(call.source)) sources.set(call.source, new Map());
      const lines = sources.get(call.source);
      if (!lines.has(call.lit[0])) lines.set(call.lit[0], []);
      lines.get(call.lit[0]).push(i);
    });
    return sources;
  }

  /** Every line that made a step carries a button that goes there. */
  function markSteps(source, index) {
    source.querySelectorAll(".go").forEach((button) => button.remove());
    for (const [line, numbers] of made.get(index) || []) {
      const next = numbers.find((i) => i > current) ?? numbers[0];
      const target = numbers.includes(current) && numbers.length === 1 ? current : next;
      const label = numbers.includes(current) ? current + 1 : target + 1;
      const button = make(
        "button",
        { type: "button", className: "go", title: `Step ${target + 1}: ${steps[target].name}` },
        String(label),
      );
      button.setAttribute("aria-label", `Go to step ${target + 1}, ${steps[target].name}`);
      button.addEventListener("click", () => show(target));
      source.querySelector(`.line[data-line="${line}"]`)?.prepend(button);
    }
  }

  const fromHash = () => Number((location.hash.match(/^#step-(\d+)$/) || [0, 1])[1]) - 1;

  by("previous").addEventListener("click", () => show(current - 1));
  by("next").addEventListener("click", () => show(current + 1));
  addEventListener("hashchange", () => show(fromHash()));
  document.querySelector(".outline").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    event.preventDefault();
    show(Number(link.hash.slice(6)) - 1);
  });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input")) return;
    // On a button or a link the space bar already means something.
    if (event.key === " " && event.target.closest("button, a, summary")) return;
    const back = event.key === " " && event.shiftKey;
    const to = {
      ArrowRight: current + 1,
      ArrowLeft: current - 1,
      " ": current + (back ? -1 : 1),
      Home: 0,
      End: steps.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    show(to);
  });

  const redraw = () => steps.length && drawStep(by("picture"), steps[current]);
  const isDark = () => palette(document.body).dark;
  const label = () => {
    by("theme").textContent = isDark() ? "Light" : "Dark"; // what a click leads to
    by("theme").setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
  };
  by("theme").addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("tokenlab-theme", theme);
    } catch {
      /* a frame without storage */
    }
  });
  // Drawn colours do not follow a style sheet: paint anew, also where the page around this frame
  // changes the theme.
  const repaint = () => (label(), redraw());
  new MutationObserver(repaint).observe(document.documentElement, {
    attributeFilter: ["data-theme"],
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  // On a phone the height changes whenever the address bar hides: there only the width counts.
  let [width, height] = [0, 0];
  new ResizeObserver(([{ contentRect: now }]) => {
    const taller = !narrow.matches && Math.abs(now.height - height) >= 2;
    if (Math.abs(now.width - width) < 2 && !taller) return;
    [width, height] = [now.width, now.height];
    redraw();
  }).observe(by("picture"));

  // On a wide screen both lists are always open; a phone begins with the value alone.
  const fold = () => {
    document.querySelector(".code").open = true;
    document.querySelector(".outline").open = !narrow.matches;
  };
  narrow.addEventListener("change", fold);
  // On paper all steps stand one below the other, each with its picture.
  let theme;
  addEventListener("beforeprint", () => {
    theme = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light"; // paper is white
    document
      .querySelectorAll(".static .picture")
      .forEach((box, i) => drawStep(box, steps[i], { still: true }));
  });
  addEventListener("afterprint", () => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  });

  fold();
  label();
  show(fromHash(), { announce: false });
})();
