// The picture: clients, balancers and servers as cards, with the streams between them.

import { make, put, write, section } from "./dom.js";
import { makeFlows } from "./flows.js";
import { makeServer } from "./server.js";
import { icon, turn } from "./icons.js";
import { judged, perSecond } from "./words.js";

function makeBalancer() {
  const [name, under, state] = [make("b"), make("span", { class: "soft" }), make("span", { class: "soft state" })];
  const sign = icon("fine");
  const node = make("li", { class: "card balancer" }, make("span", { class: "row" }, sign, name), under, state);
  return {
    node,
    show(balancer, several) {
      write(name, several ? balancer.name : balancer.proxy);
      write(under, balancer.digest ? `config ${balancer.digest}` : "no config");
      write(state, balancer.up ? (several ? balancer.proxy : "") : "stopped");
      turn(sign, balancer.up ? "fine" : "cross");
      put(node, "data-tone", balancer.up ? "calm" : "off");
    },
  };
}

/** `act(command, words)` asks the kernel for something. */
export function makeStage(act) {
  const who = make("span", { class: "soft" });
  const asked = make("span", { class: "soft" });
  const clients = make("div", { class: "card clients" }, make("b", {}, "clients"), who, asked);
  const balancers = make("ul", { class: "balancers", "aria-label": "Balancers" });
  const servers = make("ul", { class: "servers", "aria-label": "Servers" });
  const stage = make("div", { class: "stage" });
  const flows = makeFlows(stage);
  stage.append(flows.node, clients, balancers, servers);
  const { node, heading } = section("traffic", "Traffic now", stage);
  const healAll = () => act("bring_back", { server: "all" });
  const heal = make("button", { type: "button", class: "tool", onclick: healAll, hidden: true }, "Bring all back");
  heading.after(heal);
  let [inFront, behind, names, frame, measured] = [[], [], "", null, false];

  function cards(next) {
    const now = JSON.stringify([next.balancers.map((one) => one.name), next.servers.map((one) => one.name)]);
    if (now === names) return;
    names = now;
    inFront = next.balancers.map(() => makeBalancer());
    behind = next.servers.map((server) => makeServer(server.name, act));
    balancers.replaceChildren(...inFront.map((one) => one.node));
    servers.replaceChildren(...behind.map((one) => one.node));
    put(stage, "data-many", next.servers.length > 4);
    measured = false;
  }

  function streams() {
    if (!measured) measured = flows.measure(clients, inFront.map((one) => one.node), behind.map((one) => one.node));
    if (!measured || frame === null) return;
    const flowing = frame.throughput > 0;
    const parts = frame.servers.map((server) => ({
      share: flowing ? server.share : 0,
      tone: judged(server, frame).tone,
    }));
    flows.show(parts, frame.balancers.map((one) => one.up), flowing);
  }

  const sizes = new ResizeObserver(() => {
    measured = false;
    requestAnimationFrame(streams);
  });
  sizes.observe(stage);

  return {
    node,
    show(next) {
      frame = next;
      cards(next);
      write(who, next.clients);
      write(asked, next.rate > 0 ? `ask ${perSecond(next.rate)}` : "nobody asks");
      next.balancers.forEach((one, at) => inFront[at].show(one, next.balancers.length > 1));
      next.servers.forEach((one, at) => behind[at].show(one, next));
      heal.hidden = next.servers.filter((one) => one.condition !== "up").length < 2;
      streams();
    },
    leave() {
      sizes.disconnect();
    },
  };
}
