// The checks: run one, read what was observed, why, and where to look next.

import { freshId, make, put, section, write } from "./dom.js";
import { icon, turn } from "./icons.js";

const OUTCOMES = {
  untried: ["dash", "not run yet"],
  running: ["wait", "running …"],
  passed: ["fine", "passed"],
  failed: ["cross", "failed"],
  unjudged: ["ask", "could not be judged"],
};
const PLACE = /([\w./-]+:\d+)/;

/** Only an address of the web becomes a link; it may come from a lab that somebody wrote. */
function safeAddress(page) {
  try {
    const { protocol, href } = new URL(page, document.baseURI);
    return protocol === "https:" || protocol === "http:" ? href : "";
  } catch {
    return "";
  }
}

function part(name) {
  const [title, text] = [make("dt", {}, name), make("dd")];
  const node = make("div", { class: `part ${name}` }, title, text);
  let told = "";
  return {
    node,
    show(words, called = name) {
      write(title, called);
      node.hidden = words === "";
      if (words === told) return;
      told = words;
      const pieces = words.split(PLACE).map((piece, at) => (at % 2 ? make("code", {}, piece) : piece));
      text.replaceChildren(...pieces);
    },
  };
}

function makeCheck(name, act, open) {
  const id = freshId("result");
  const [sign, title, word, points] = [icon("dash"), make("span", { class: "title" }), make("span", { class: "outcome" }), make("span", { class: "points" })];
  const [observed, why, next] = ["observed", "why", "next"].map(part);
  const hint = make("button", { type: "button", class: "tool", onclick: () => act("hint", { name }) }, "Hint");
  const page = make("a", { target: "_blank", rel: "noopener noreferrer" }, "Read in the course");
  const more = make("div", { class: "row" }, hint, page);
  const result = make("div", { class: "result", id }, make("dl", {}, observed.node, why.node, next.node), more);
  const head = make("button", { type: "button", class: "head", "aria-expanded": "false", "aria-controls": id, onclick: () => open(name) }, sign, make("b", {}, name), title);
  const run = make("button", { type: "button", class: "tool", "aria-label": `Check ${name}`, onclick: () => act("check", { name }) }, "Check");
  const node = make("li", { class: "check" }, make("div", { class: "row" }, head, word, points, run), result);

  return {
    node,
    show(check, shown) {
      const [picture, text] = OUTCOMES[check.outcome] ?? OUTCOMES.untried;
      const tried = check.outcome === "passed" || check.outcome === "failed" || check.outcome === "unjudged";
      put(node, "data-outcome", check.outcome);
      put(node, "data-stale", check.stale);
      turn(sign, picture);
      write(title, check.title);
      write(word, check.stale && tried ? `${text}, files changed since` : text);
      write(points, `${check.points}/${check.max_points}`);
      observed.show(check.observed);
      why.show(check.why);
      const hinted = check.hint_number > 0 && check.outcome !== "unjudged";
      next.show(check.next, hinted ? `hint ${check.hint_number} of ${check.hints}` : "next");
      hint.hidden = check.hint_number >= check.hints || check.outcome === "passed";
      write(hint, check.hint_number ? "Next hint" : "Hint");
      const address = safeAddress(check.page);
      page.hidden = check.page === "" || address === "";
      if (address) put(page, "href", address);
      result.hidden = !shown;
      put(head, "aria-expanded", String(shown));
    },
  };
}

export function makeChecks(act) {
  const list = make("ul");
  const all = make("button", { type: "button", class: "tool", onclick: () => act("check_all") }, "Check all");
  const sum = make("span", { class: "soft" });
  const { node, heading } = section("checks", "Checks", list, all);
  heading.append(" ", sum);
  const checks = new Map();
  let [shown, frame] = ["", null];

  function open(name) {
    shown = shown === name ? "" : name;
    fill();
  }

  function fill() {
    for (const check of frame.checks) {
      if (!checks.has(check.name)) checks.set(check.name, makeCheck(check.name, act, open));
      checks.get(check.name).show(check, shown === check.name);
    }
    const nodes = frame.checks.map((check) => checks.get(check.name).node);
    if (nodes.some((one, at) => list.children[at] !== one) || list.children.length !== nodes.length) {
      list.replaceChildren(...nodes);
    }
    const [points, most] = ["points", "max_points"].map((key) => frame.checks.reduce((all, one) => all + one[key], 0));
    write(sum, `${points} of ${most} points`);
  }

  return {
    node,
    show(next, before) {
      frame = next;
      if (before && before.checks === next.checks) return;
      const was = new Map((before?.checks ?? []).map((check) => [check.name, check.outcome]));
      const ended = next.checks.find((check) => was.get(check.name) === "running" && check.outcome !== "running");
      shown = ended?.name ?? (before ? shown : next.checks.find((check) => check.outcome === "failed")?.name ?? "");
      fill();
    },
  };
}
