// Who asks, and how much.

import { freshId, make, put, section, write } from "./dom.js";
import { perSecond } from "./words.js";

const SETTLE_MS = 200;
const MINE_MS = 1500;

function makeLoad(act) {
  const id = freshId("load");
  const slider = make("input", { type: "range", id, min: "0", step: "5" });
  const value = make("output", { for: id });
  let [timer, touched] = [0, -Infinity];

  function say(rate) {
    write(value, rate > 0 ? perSecond(rate) : "off");
    put(slider, "aria-valuetext", rate > 0 ? `${Math.round(rate)} requests a second` : "nobody asks");
    slider.style.setProperty("--filled", `${(100 * rate) / Math.max(1, Number(slider.max))}%`);
  }

  slider.addEventListener("input", () => {
    touched = performance.now();
    const rate = Number(slider.value);
    say(rate);
    clearTimeout(timer);
    timer = setTimeout(() => act("set_load", { rate }), SETTLE_MS);
  });
  return {
    node: make("div", { class: "field" }, make("label", { for: id }, "Load"), slider, value),
    show(frame) {
      put(slider, "max", String(Math.round(frame.most)));
      // A hand on the slider knows better than a frame that was under way.
      if (performance.now() - touched < MINE_MS) return;
      if (slider.value !== String(Math.round(frame.rate))) slider.value = String(Math.round(frame.rate));
      say(frame.rate);
    },
    leave: () => clearTimeout(timer),
  };
}

function makeClients(act) {
  const group = freshId("clients");
  const choices = make("div", { class: "choices" });
  const about = make("p", { class: "soft about", id: freshId("about") });
  const legend = make("legend", {}, "Clients");
  const node = make("fieldset", { class: "field", "aria-describedby": about.id }, legend, choices, about);
  let [radios, touched] = [new Map(), -Infinity];

  function choose(name) {
    touched = performance.now();
    act("set_clients", { name });
  }

  return {
    node,
    show(frame, before) {
      if (!before || frame.populations !== before.populations) {
        radios = new Map();
        choices.replaceChildren(...frame.populations.map(([name, described]) => {
          const radio = make("input", { type: "radio", name: group, value: name, onchange: () => choose(name) });
          radios.set(name, radio);
          return make("label", { class: "choice", title: described }, radio, make("span", {}, name.replaceAll("-", " ")));
        }));
      }
      if (performance.now() - touched < MINE_MS) return;
      const radio = radios.get(frame.clients);
      if (radio && !radio.checked) radio.checked = true;
      write(about, frame.populations.find(([name]) => name === frame.clients)?.[1] ?? "");
    },
  };
}

/** The load slider and the choice of a population. */
export function makeControls(act) {
  const [load, clients] = [makeLoad(act), makeClients(act)];
  const { node } = section("controls", "Who asks", load.node, clients.node);
  return {
    node,
    show(frame, before) {
      load.show(frame);
      clients.show(frame, before);
    },
    leave: load.leave,
  };
}
