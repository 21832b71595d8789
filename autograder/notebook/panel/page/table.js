// The numbers of the picture as a table, for those who cannot see it and those who want them all.

import { make, write } from "./dom.js";
import { fairNow, judged, percent, perSecond } from "./words.js";

const HEADS = ["server", "state", "share", "fair", "answers", "busy", "queue", "memory", "starts", "predicted"];

/** Filled once a second and only while it is open: a table that changes faster cannot be read. */
export function makeTable() {
  const head = make("tr", {}, ...HEADS.map((text) => make("th", { scope: "col" }, text)));
  const body = make("tbody");
  const caption = make("caption", {}, "Servers now");
  const table = make("table", {}, caption, make("thead", {}, head), body);
  const node = make("details", { class: "twin" }, make("summary", {}, "The picture as a table"), table);
  let [rows, filled, frame] = [new Map(), -1, null];

  function row(name) {
    if (!rows.has(name)) {
      const cells = HEADS.slice(1).map(() => make("td"));
      const line = make("tr", {}, make("th", { scope: "row" }, name), ...cells);
      rows.set(name, { cells, line });
      body.append(line);
    }
    return rows.get(name).cells;
  }

  function fill() {
    filled = Math.floor(frame.at);
    for (const [name, { line }] of rows) {
      if (frame.servers.some((server) => server.name === name)) continue;
      line.remove();
      rows.delete(name);
    }
    for (const server of frame.servers) {
      const guess = frame.predicted[server.name];
      const texts = [
        judged(server, frame).word, percent(server.share), percent(fairNow(server, frame.servers)),
        perSecond(server.rate), percent(server.busy), String(server.queue), percent(server.memory),
        String(server.starts), guess === undefined ? "–" : percent(guess),
      ];
      row(server.name).forEach((cell, at) => write(cell, texts[at]));
    }
  }

  node.addEventListener("toggle", () => node.open && frame && fill());
  return {
    node,
    show(next) {
      frame = next;
      if (node.open && Math.floor(next.at) !== filled) fill();
    },
  };
}
