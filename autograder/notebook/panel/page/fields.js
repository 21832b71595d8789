// Fields that people fill in or choose from.

import { freshId, make } from "./dom.js";

/** A field with its label. */
export function makeField(tag, label, given = {}) {
  const id = freshId("field");
  const field = make(tag, { id, ...given });
  return { field, node: make("div", { class: "field" }, make("label", { for: id }, label), field) };
}

/** Put these words into a list of choices, and keep the one that is chosen if it is still there. */
export function offer(select, options) {
  const now = JSON.stringify(options);
  if (select.offered === now) return;
  select.offered = now;
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}
