// Looking: what a machine wrote; on a shift also who answers, what fails and what was changed. What was seen stays below the buttons.

import { freshId, make, put, section, write } from "./dom.js";
import { offer } from "./fields.js";

/** On a shift: what to look at, what it is called, and when. */
const ON_SHIFT = [["shares", "Who answers", "on"], ["errors", "Errors", "on"], ["history", "Changes", "on"], ["debrief", "Debrief", "over"]];
/** So many lines are read out as soon as they are there; more are left to whoever goes to them. */
const SPOKEN = 12;

/** `act` is asked to look. */
export function makeLooks(act) {
  const button = (text, does) => make("button", { type: "button", class: "tool", onclick: does }, text);
  const asked = ON_SHIFT.map(([what, text, phase]) => ({ phase, node: button(text, () => act("look", { what })) }));
  const id = freshId("machine");
  const machine = make("select", { id });
  const wrote = button("What it wrote", () => act("look", { what: "logs", of: machine.value }));
  const row = make("div", { class: "row" }, ...asked.map((one) => one.node), make("label", { for: id, class: "soft" }, "Machine"), machine, wrote);
  const title = make("p", { class: "soft" });
  const text = make("pre", { tabindex: "0", role: "region" });
  const seen = make("div", { class: "looked", hidden: true }, title, text);
  const { node } = section("looks", "Look", row, seen);

  return {
    node,
    show(frame, before) {
      const phase = frame.shift?.phase ?? "";
      for (const one of asked) one.node.hidden = one.phase !== phase;
      offer(machine, [...frame.balancers, ...frame.servers].map((one) => [one.name, one.name]));
      const looked = frame.looked ?? null;
      if (before && before.looked === frame.looked) return;
      seen.hidden = looked === null;
      if (looked === null) return;
      put(text, "aria-label", `You saw: ${looked.title}, ${looked.at}`);
      put(text, "aria-live", looked.text.split("\n").length <= SPOKEN ? "polite" : "off");
      write(title, `${looked.at} ${looked.title}`);
      write(text, looked.text);
      text.scrollTop = looked.title.startsWith("what ") ? text.scrollHeight : 0;
    },
  };
}
