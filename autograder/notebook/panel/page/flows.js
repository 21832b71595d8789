// The streams between the cards: each as wide as its share, in a drawing that lies behind the cards.

import { draw, put } from "./dom.js";

const WIDEST = 38;
const THINNEST = 1.5;
const STEP = 5;

/** One stream. A line of dashes moves along it with every frame: what stands still has stopped. */
function makeFlow() {
  const band = draw("path", { class: "band" });
  const drops = draw("path", { class: "drops" });
  return { band, drops, node: draw("g", { class: "flow" }, band, drops) };
}

function lay(flow, from, to, width, tone) {
  const bend = (to.x - from.x) / 2;
  const points = [from.x, from.y, from.x + bend, from.y, to.x - bend, to.y, to.x, to.y].map((n) => n.toFixed(1));
  const [x1, y1, ...rest] = points;
  const d = `M${x1},${y1}C${rest.join(",")}`;
  put(flow.band, "d", d);
  put(flow.drops, "d", d);
  put(flow.band, "stroke-width", Math.max(width, THINNEST).toFixed(1));
  put(flow.node, "data-tone", tone);
}

/** A drawing of streams; `measure` reads where the cards are, and is called only when they may have moved. */
export function makeFlows(stage) {
  const node = draw("svg", { class: "flows", "aria-hidden": "true" });
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const flows = new Map();
  let [places, moved] = [null, 0];

  function flow(name) {
    if (!flows.has(name)) {
      flows.set(name, makeFlow());
      node.append(flows.get(name).node);
    }
    return flows.get(name);
  }

  function box(card, ground) {
    const found = card.getBoundingClientRect();
    const middle = found.top - ground.top + found.height / 2;
    return { left: found.left - ground.left, right: found.right - ground.left, y: middle };
  }

  return {
    node,
    measure(clients, balancers, servers) {
      const ground = stage.getBoundingClientRect();
      if (ground.width === 0) return false;
      put(node, "viewBox", `0 0 ${ground.width.toFixed(1)} ${ground.height.toFixed(1)}`);
      places = {
        clients: box(clients, ground),
        balancers: balancers.map((card) => box(card, ground)),
        servers: servers.map((card) => box(card, ground)),
      };
      return true;
    },
    /** `parts` are what each server gets (0 to 1) with its tone; `running` says which balancers pass anything on. */
    show(parts, running, flowing) {
      if (places === null) return;
      const used = new Set();
      const active = running.filter(Boolean).length;
      const each = flowing && active ? 1 / active : 0;
      const total = Math.max(1, parts.reduce((sum, part) => sum + part.share, 0));
      places.balancers.forEach((balancer, at) => {
        if (running[at] === undefined) return;
        const open = running[at] && flowing;
        const [start, spread] = [places.clients, WIDEST * each];
        const offset = running.slice(0, at).filter(Boolean).length * spread - (spread * active) / 2 + spread / 2;
        const name = `c${at}`;
        used.add(name);
        const from = { x: start.right, y: start.y + (open ? offset : 0) };
        lay(flow(name), from, { x: balancer.left, y: balancer.y }, open ? spread : 0, open ? "calm" : "none");
        let edge = balancer.y - spread / 2;
        parts.forEach((part, place) => {
          const server = places.servers[place];
          if (server === undefined) return;
          const width = open ? (spread * part.share) / total : 0;
          const key = `${at}-${place}`;
          used.add(key);
          const tone = width > 0 ? part.tone : part.tone === "off" ? "off" : "none";
          const out = { x: balancer.right, y: width > 0 ? edge + width / 2 : balancer.y };
          lay(flow(key), out, { x: server.left, y: server.y }, width, tone);
          edge += width;
        });
      });
      for (const [name, one] of flows) put(one.node, "hidden", !used.has(name));
      if (flowing && !still.matches) {
        moved = (moved + STEP) % 1600;
        node.style.setProperty("--moved", `${-moved}px`);
      }
    },
  };
}
