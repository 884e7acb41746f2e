// A step-through in a frame follows the colours that the reader chose for the site.
(() => {
  const scheme = () => document.body.getAttribute("data-md-color-scheme");
  const follow = (frame) => {
    try {
      const root = frame.contentDocument?.documentElement;
      if (root) root.dataset.theme = scheme() === "slate" ? "dark" : "light";
    } catch {
      // Opened from a folder, a browser keeps frames apart: the page follows the system's colours.
    }
  };
  const all = () => document.querySelectorAll("iframe.steps").forEach(follow);
  document.addEventListener("DOMContentLoaded", () => {
    for (const frame of document.querySelectorAll("iframe.steps")) {
      frame.addEventListener("load", () => follow(frame));
    }
    all();
    new MutationObserver(all).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
  });
})();
