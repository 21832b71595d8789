// What was said and done, to read and to copy.

import { make, put, write } from "./dom.js";
import { count } from "./words.js";

export function makeLog() {
  const text = make("pre", { tabindex: "0", role: "region", "aria-label": "Log, newest last" });
  const copied = make("span", { class: "soft", role: "status" });
  const copy = make("button", { type: "button", class: "tool", onclick: take }, "Copy");
  const summary = make("summary");
  const node = make("details", { class: "log" }, summary, make("div", { class: "row" }, copy, copied), text);
  let lines = [];

  async function take() {
    try {
      await navigator.clipboard.writeText(lines.join("\n"));
      write(copied, "copied");
    } catch {
      // Not every page may write to the clipboard; then the text is chosen, for Ctrl+C.
      getSelection().selectAllChildren(text);
      text.focus();
      write(copied, "press Ctrl+C");
    }
  }

  function fill() {
    const low = text.scrollTop + text.clientHeight >= text.scrollHeight - 4;
    write(text, lines.join("\n"));
    if (low) text.scrollTop = text.scrollHeight;
  }

  node.addEventListener("toggle", () => node.open && fill());
  return {
    node,
    show(frame, before) {
      if (before && frame.log === before.log) return;
      lines = frame.log.flatMap((each) => each.split("\n"));
      write(summary, `Log (${count(lines.length, "line")})`);
      put(copy, "disabled", lines.length === 0);
      write(copied, "");
      if (node.open) fill();
    },
  };
}
