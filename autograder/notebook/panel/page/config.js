// The config as it is in the file, beside the last known good: colours, signs, line numbers, and what was complained of.

import { make, put, write } from "./dom.js";
import { icon } from "./icons.js";

const STATES = {
  running: ["fine", "running"],
  changed: ["pen", "changed, not applied"],
  refused: ["cross", "refused"],
  "rolled-back": ["back", "rolled back"],
};
const SIGNS = { "+": ["added", "new"], "-": ["removed", "old"] };

function lineOf(line, blamed) {
  const [word, kind] = SIGNS[line.sign] ?? ["", "same"];
  const text = line.words.map(([piece, colour]) => make("span", { class: `w-${colour}` }, piece));
  const sign = make("span", { class: "sign" }, word ? make("span", { class: "unseen" }, `${word}: `) : "", line.sign);
  const number = make("span", { class: "number" }, String(line.number));
  const code = make("code", {}, ...text, "\n");
  return make("div", { class: `line ${kind}`, "data-blamed": blamed }, number, sign, code);
}

function makeFile(path) {
  const state = make("span", { class: "chip" });
  const against = make("span", { class: "soft" });
  const complaint = make("p", { class: "complaint" });
  const code = make("div", { class: "code", tabindex: "0", role: "region", "aria-label": `${path}, line by line` });
  const heading = make("h3", { class: "label row" }, make("span", { class: "path" }, path), state, against);
  const node = make("section", { class: "config", "aria-label": path }, heading, code, complaint);

  return {
    node,
    show(file) {
      const [sign, text] = STATES[file.state] ?? ["dash", file.state];
      put(node, "data-state", file.state);
      state.replaceChildren(icon(sign), text);
      const changed = file.lines.some((line) => line.sign !== " ");
      write(against, changed ? `compared with ${file.compared_with}` : file.compared_with && `same as ${file.compared_with}`);
      // The complaint names its line as nginx.conf:12 does; that line is marked as well.
      const named = Number(/:(\d+)/.exec(file.complaint)?.[1] ?? 0);
      write(complaint, file.complaint);
      complaint.hidden = file.complaint === "";
      code.replaceChildren(...file.lines.map((line) => lineOf(line, line.sign !== "-" && line.number === named)));
      const first = code.querySelector("[data-blamed], .mh-new, .mh-old");
      if (first) code.scrollTop = Math.max(0, first.offsetTop - code.clientHeight / 3);
    },
  };
}

/** One section for each file, rebuilt only when the file, its state or a complaint changes. */
export function makeConfig() {
  const node = make("div", { class: "configs" });
  const files = new Map();
  return {
    node,
    show(frame, before) {
      if (before && frame.config === before.config) return;
      for (const file of frame.config) {
        if (!files.has(file.path)) files.set(file.path, makeFile(file.path));
      }
      // In the page first: what is not there has no height to scroll, and what is moved loses its place.
      const nodes = frame.config.map((file) => files.get(file.path).node);
      if (nodes.length !== node.children.length || nodes.some((one, at) => node.children[at] !== one)) {
        node.replaceChildren(...nodes);
      }
      for (const file of frame.config) files.get(file.path).show(file);
    },
  };
}
