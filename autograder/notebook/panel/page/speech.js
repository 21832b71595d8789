// What a screen reader is told without asking: the verdict when it changes, but not more often than one can listen.

import { make } from "./dom.js";
import { news } from "./words.js";

const PAUSE_MS = 5000;

/** A live region that nobody sees. `verdict(text)` waits its turn; of several that wait, the newest is told. */
export function makeSpeech() {
  const node = make("p", { class: "unseen", role: "status", "aria-live": "polite" });
  let [told, next, since, timer] = ["", "", -Infinity, 0];

  function speak() {
    timer = 0;
    if (!news(told, next)) return;
    told = next;
    since = performance.now();
    node.textContent = told;
  }

  return {
    node,
    verdict(text) {
      next = text;
      if (timer || !news(told, next)) return;
      const wait = since + PAUSE_MS - performance.now();
      if (wait <= 0) speak();
      else timer = setTimeout(speak, wait);
    },
    leave() {
      clearTimeout(timer);
    },
  };
}
