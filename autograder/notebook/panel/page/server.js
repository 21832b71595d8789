// One server's card: its share, how busy it is, who waits, and the buttons that break and mend it.

import { make, put, shape, write } from "./dom.js";
import { icon, turn } from "./icons.js";
import { fairNow, judged, percent, perSecond } from "./words.js";

const FAULTS = [["kill", "kill"], ["slow", "slow"], ["cut_off", "cut off"]];
const RECOVERED_S = 8;

function fact(name) {
  const value = make("b");
  return { value, node: make("span", { class: "fact" }, `${name} `, value) };
}

/** Buttons of which one is on the way of the Tab key; the arrows lead to the others. */
function makeToolbar(label, ...buttons) {
  const node = make("span", { class: "tools", role: "toolbar", "aria-label": label }, ...buttons);
  const shown = () => buttons.filter((button) => !button.hidden);
  const stop = (chosen) => buttons.forEach((button) => put(button, "tabindex", button === chosen ? "0" : "-1"));
  node.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const here = shown().indexOf(document.activeElement);
    if (step === undefined || here < 0) return;
    event.preventDefault();
    const next = shown().at((here + step) % shown().length);
    stop(next);
    next.focus();
  });
  node.settle = () => {
    if (!shown().some((button) => button.getAttribute("tabindex") === "0")) stop(shown()[0]);
  };
  stop(buttons[0]);
  return node;
}

export function makeServer(name, act) {
  const [sign, word, share, fair] = [icon("fine"), make("span", { class: "word" }), make("b"), make("small")];
  const level = make("i");
  const [rate, busy, queue, memory] = ["", "busy", "queue", "mem"].map(fact);
  const fault = ([command, text]) => {
    const does = () => act(command, { server: name });
    return make("button", { type: "button", class: "tool", onclick: does, "aria-label": `${text} ${name}` }, text);
  };
  const faults = FAULTS.map(fault);
  const heal = fault(["bring_back", "bring back"]);
  const tools = makeToolbar(`Break or mend ${name}`, ...faults, heal);
  const node = make(
    "li", { class: "card server" },
    make("span", { class: "row" }, make("b", { class: "name" }, name), make("span", { class: "share" }, share, fair)),
    make("span", { class: "bar", "aria-hidden": "true" }, level),
    make("span", { class: "row state" }, sign, word, tools),
    make("span", { class: "facts soft" }, rate.node, busy.node, queue.node, memory.node),
  );
  let [starts, recovered] = [null, -Infinity];

  return {
    node,
    show(server, frame) {
      const flowing = frame.throughput > 0;
      const state = judged(server, frame);
      if (starts !== null && server.starts > starts) recovered = frame.at;
      starts = server.starts;
      const fresh = server.condition === "up" && frame.at - recovered < RECOVERED_S;
      put(node, "data-tone", state.tone);
      turn(sign, state.icon);
      write(word, fresh ? `${state.word}, start ${server.starts}` : state.word);
      write(share, percent(flowing ? server.share : 0));
      write(fair, `fair ${percent(fairNow(server, frame.servers))}`);
      shape(level, "transform", `scaleX(${Math.min(1, server.busy).toFixed(3)})`);
      write(rate.value, perSecond(server.rate));
      write(busy.value, percent(server.busy));
      write(queue.value, String(server.queue));
      write(memory.value, percent(server.memory));
      put(queue.node, "data-bad", server.queue > 0 && server.busy >= 0.98);
      put(memory.node, "data-bad", server.memory >= 0.85);
      const down = server.condition === "down";
      faults[0].hidden = down;
      faults[1].hidden = down || server.condition === "slow";
      faults[2].hidden = down || server.condition === "cut-off";
      heal.hidden = server.condition === "up";
      tools.settle();
    },
  };
}
