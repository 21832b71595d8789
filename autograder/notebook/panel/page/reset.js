// Starting over: the one thing here that takes something away, so it is asked for twice.

import { make } from "./dom.js";

export function makeReset(act) {
  const button = (text, does, kind) => make("button", { type: "button", class: `tool ${kind}`, onclick: does }, text);
  const first = button("Start over …", () => ask(true), "");
  const yes = button("Start over", () => (ask(false), act("reset")), "back");
  const no = button("Keep mine", () => ask(false), "");
  const question = "All servers up, and the config as it was given? Yours is kept beside it, with .mine at its end.";
  const sure = make("span", { class: "sure", role: "group", "aria-label": question }, question, yes, no);

  function ask(open) {
    sure.hidden = !open;
    first.hidden = open;
    (open ? no : first).focus();
  }

  sure.hidden = true;
  sure.addEventListener("keydown", (event) => event.key === "Escape" && ask(false));
  return { node: make("div", { class: "reset" }, first, sure) };
}
