// What the learner expects of each server, written down before the traffic runs, and what came instead.

import { freshId, make, put, section, shape, write } from "./dom.js";
import { percent } from "./words.js";

function makeRow(name, changed) {
  const id = freshId("guess");
  const field = make("input", {
    type: "number", id, min: "0", max: "100", step: "any", inputmode: "decimal", placeholder: "?", oninput: changed,
    "aria-label": `${name}, expected share in per cent`,
  });
  const [guess, came] = [make("i", { class: "guess" }), make("i", { class: "came" })];
  const said = make("span", { class: "said" });
  const bar = make("span", { class: "versus", "aria-hidden": "true" }, came, guess);
  const label = make("label", { for: id }, name);
  const node = make("div", { class: "row" }, label, make("span", { class: "unit" }, field, " %"), bar, said);
  return { name, node, field, guess, came, said };
}

export function makePrediction(act) {
  const total = make("span", { class: "total", role: "status" });
  const save = make("button", { type: "submit", class: "button" }, "Save");
  const lines = make("div", { class: "guesses" });
  const form = make("form", { novalidate: true }, lines, make("div", { class: "row" }, save, total));
  const { node } = section("prediction", "Your prediction", form);
  // `known` is what the kernel has written down; `sent` what it was asked to, until it has.
  let [rows, names, edited, known, sent] = [[], "", false, {}, null];

  const filled = () => rows.every((row) => row.field.value !== "" && Number(row.field.value) >= 0);
  const sum = () => rows.reduce((all, row) => all + Number(row.field.value || 0), 0);
  const right = () => sum() >= 99 && sum() <= 101;
  const guesses = () => Object.fromEntries(rows.map((row) => [row.name, Number(row.field.value) / 100]));

  const written = (shares) => Object.entries(shares).every(([name, part]) => Math.abs((known[name] ?? -1) - part) < 1e-3);

  function tell() {
    const whole = Math.round(sum() * 10) / 10;
    if (sent) return write(total, "saving…");
    if (!edited) return write(total, filled() ? "saved" : "What do you expect? Fill in before you look.");
    write(total, `together ${whole} %${right() ? "" : ", should be 100 %"}`);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    edited ||= !filled();
    if (filled() && right() && act("predict", { shares: guesses() })) {
      edited = false;
      sent = written(guesses()) ? null : guesses();
    }
    tell();
  });

  return {
    node,
    show(frame, before) {
      const now = JSON.stringify(frame.servers.map((server) => server.name));
      if (now !== names) {
        names = now;
        [edited, sent] = [false, null];
        rows = frame.servers.map((server) => makeRow(server.name, () => (([edited, sent] = [true, null]), tell())));
        lines.replaceChildren(...rows.map((row) => row.node));
      } else if (before && before.predicted === frame.predicted && before.observed === frame.observed) {
        return;
      }
      known = frame.predicted;
      if (sent && (written(sent) || before?.predicted !== frame.predicted)) sent = null;
      const seen = Object.keys(frame.observed).length > 0;
      for (const row of rows) {
        const [guess, came] = [frame.predicted[row.name], frame.observed[row.name] ?? 0];
        const text = guess === undefined ? "" : String(Math.round(guess * 1000) / 10);
        if (!edited && !sent && row.field.value !== text) row.field.value = text;
        const bare = guess === undefined;
        row.guess.hidden = bare;
        shape(row.guess, "left", `${((guess ?? 0) * 100).toFixed(1)}%`);
        shape(row.came, "transform", `scaleX(${seen && !bare ? came.toFixed(3) : 0})`);
        write(row.said, bare ? "" : seen ? `observed ${percent(came)}` : "not seen yet");
        put(row.node, "data-far", !bare && seen && Math.abs(guess - came) > 0.1);
      }
      tell();
    },
  };
}
