// The top of the panel: the verdict, the numbers, what is going on, and what one can do about it.

import { make, put, write } from "./dom.js";
import { icon, turn } from "./icons.js";
import { fine, millis, perSecond } from "./words.js";

/** Buttons of the head: what to ask for, what it is called, how it looks. */
const DEEDS = [["check_syntax", "Check syntax", "plain"], ["apply", "Apply", "first"], ["roll_back", "Roll back", "back"]];

export function makeHead(act) {
  const title = make("h2");
  const [sign, words] = [icon("fine"), make("span")];
  const verdict = make("p", { class: "verdict" }, sign, words);
  const [rate, failing, half, most] = ["rate", "failing", "half", "most"].map((name) => make("span", { class: name }));
  const numbers = make("p", { class: "numbers soft" }, rate, failing, half, most);
  const buttons = DEEDS.map(([command, text, kind]) =>
    make("button", { type: "button", class: `button ${kind}`, onclick: () => act(command) }, text));
  const node = make("header", {}, title, verdict, numbers, make("div", { class: "deeds" }, ...buttons));

  return {
    node,
    show(frame) {
      const flowing = frame.throughput > 0;
      write(title, frame.title);
      write(words, frame.verdict || "no traffic yet");
      put(verdict, "data-tone", frame.alarm ? "hot" : flowing ? "calm" : "idle");
      turn(sign, frame.alarm ? "warn" : flowing ? "fine" : "dash");
      write(rate, perSecond(frame.throughput));
      write(failing, `${fine(frame.failing)} failed`);
      write(half, `p50 ${millis(frame.p50_ms)}`);
      write(most, `p99 ${millis(frame.p99_ms)}`);
      put(failing, "data-bad", frame.failing > 0);
      const over = frame.phase === "closed" || frame.phase === "broken";
      buttons.forEach((button) => put(button, "aria-disabled", over || frame.phase === "starting" ? "true" : false));
      put(buttons[1], "data-due", frame.config.some((file) => file.state === "changed"));
    },
  };
}
