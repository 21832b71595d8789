// What was done and what happened, as signs above the timeline with a line down through all charts.

import { draw, put, write } from "./dom.js";
import { MARK_ICONS, strokes } from "./icons.js";

const SIZE = 13;
const LETTER = 6;
/** What gives way where signs would lie on one another; pointing at the moment still tells of it. */
const MINOR = ["load", "check", "prediction", "heal"];

/** `fits` decides which signs have room for their words; the others tell theirs when one points at them. */
export function makeMarks(bottom) {
  const node = draw("g", { class: "marks" });
  const drawn = [];

  function one(at) {
    if (!drawn[at]) {
      const line = draw("line", { y1: String(SIZE + 5), y2: String(bottom) });
      const sign = draw("path");
      const text = draw("text", { y: "12" });
      const group = draw("g", {}, line, sign, text);
      drawn[at] = { group, line, sign, text };
      node.append(group);
    }
    return drawn[at];
  }

  return {
    node,
    show(marks, place, right) {
      const xs = marks.map((mark) => place(mark.at));
      marks.forEach((mark, at) => {
        const { group, line, sign, text } = one(at);
        const room = (xs[at + 1] ?? right + 60) - xs[at] - SIZE - 8;
        put(group, "data-kind", mark.kind);
        put(group, "hidden", false);
        put(line, "x1", xs[at].toFixed(1));
        put(line, "x2", xs[at].toFixed(1));
        const near = [xs[at - 1], xs[at + 1]].some((other) => Math.abs(other - xs[at]) < SIZE);
        put(sign, "hidden", near && MINOR.includes(mark.kind));
        put(sign, "d", strokes(MARK_ICONS[mark.kind] ?? "dash"));
        put(sign, "transform", `translate(${(xs[at] - SIZE / 2).toFixed(1)},1) scale(${SIZE / 16})`);
        put(text, "x", (xs[at] + SIZE / 2 + 3).toFixed(1));
        write(text, mark.text.length * LETTER < room ? mark.text : "");
      });
      drawn.forEach(({ group }, at) => put(group, "hidden", at >= marks.length));
    },
  };
}
