document$.subscribe(({ body }) => {
  // Equations on consecutive lines reach us as one block: $$ a $$ $$ b $$.
  for (const block of body.querySelectorAll("div.arithmatex")) {
    const parts = block.textContent.replace(/^\s*\\\[|\\\]\s*$/g, "").split(/\$\$\s*\$\$/);
    block.replaceChildren(
      ...parts.map((part) => Object.assign(document.createElement("div"), { textContent: `\\[${part}\\]` })),
    );
  }
  renderMathInElement(body, {
    delimiters: [
      { left: "\\[", right: "\\]", display: true },
      { left: "\\(", right: "\\)", display: false },
    ],
  });
});
