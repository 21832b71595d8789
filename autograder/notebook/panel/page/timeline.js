// The last two minutes: shares, answers and failures, latency. Point at a second, or walk with the arrow keys.

import { draw, make, put, section, write } from "./dom.js";
import { makeChart } from "./charts.js";
import { makeMarks } from "./marks.js";
import { ago, count, millis, percent, perSecond } from "./words.js";

const SPAN = 120;
const GUTTER = 90;
const HEIGHT = 344;
const BOTTOM = HEIGHT - 18;
const NEAR_S = 1.5;

/** A round number that is at least as large. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [1, 2, 5, 10].map((times) => times * power).find((each) => each >= value);
}

function sentence(second, marks) {
  if (!second) return "nothing yet";
  const shares = Object.entries(second.shares).sort().map(([name, part]) => `${name} ${percent(part)}`);
  const latency = second.answered ? `p50 ${millis(second.p50_ms)}, p99 ${millis(second.p99_ms)}` : "";
  const told = [shares.join("  "), perSecond(second.answered), second.failed ? count(second.failed, "failure") : "", latency];
  return [...told, ...marks.map((mark) => mark.text)].filter(Boolean).join(" · ");
}

export function makeTimeline() {
  const shares = makeChart("Share of the answers", 56, 88);
  const rates = makeChart("Requests a second", 186, 46);
  const latency = makeChart("Latency (log scale)", 272, 50);
  const marks = makeMarks(BOTTOM);
  const cross = draw("line", { class: "cross", y1: "18", y2: String(BOTTOM), hidden: true });
  const left = draw("text", { class: "axis", x: "0", y: String(HEIGHT - 3) }, "2 min ago");
  const right = draw("text", { class: "axis", "text-anchor": "end", y: String(HEIGHT - 3) }, "now");
  const svg = draw("svg", { "aria-hidden": "true", height: String(HEIGHT) }, marks.node, shares.node, rates.node, latency.node, cross, left, right);
  const readout = make("p", { class: "readout soft" });
  const plot = make("div", {
    class: "plot", tabindex: "0", role: "slider", "aria-label": "A second of the last two minutes",
    "aria-valuemin": String(-SPAN), "aria-valuemax": "0", "aria-orientation": "horizontal",
  }, svg);
  const { node } = section("timeline", "Last two minutes", plot, readout);
  let [frame, width, back, drawn] = [null, 0, null, ""];

  const end = () => Math.max(0, width - GUTTER);
  const now = () => frame.seconds.at(-1)?.at ?? Math.floor(frame.at);
  const place = (at) => end() * (1 - (now() - at) / SPAN);
  const near = (at) => frame.marks.filter((mark) => Math.abs(mark.at - at - 0.5) <= NEAR_S);

  function point() {
    if (frame === null || width === 0) return;
    const at = now() - (back ?? 0);
    const second = frame.seconds.find((each) => each.at === at);
    const text = `${ago(back ?? 0)}: ${sentence(second, near(at))}`;
    put(cross, "hidden", back === null);
    if (back !== null) {
      put(cross, "x1", place(at).toFixed(1));
      put(cross, "x2", place(at).toFixed(1));
    }
    write(readout, back === null ? "Point at a moment, or walk with ← and →; Page Up and Page Down lead from mark to mark." : text);
    put(plot, "aria-valuenow", String(-(back ?? 0)));
    put(plot, "aria-valuetext", text);
  }

  function chart() {
    const seconds = frame.seconds.filter((second) => second.at > now() - SPAN);
    const xs = seconds.map((second) => place(second.at));
    const names = frame.servers.map((server) => server.name);
    const part = (name) => seconds.map((second) => (second.answered ? (second.shares[name] ?? 0) : null));
    shares.show(names.map((key, style) => ({ key, style, values: part(key) })), xs, end(), (v) => v,
      [[0, ""], [0.5, `50\u00a0%`], [1, `100\u00a0%`]]);
    const most = roundUp(Math.max(10, ...seconds.map((second) => Math.max(second.answered, second.failed))));
    rates.show([
      { key: "answered", style: "good", values: seconds.map((second) => second.answered) },
      { key: "failed", style: "bad", values: seconds.map((second) => second.failed) },
    ], xs, end(), (v) => v / most, [[0, ""], [most, perSecond(most)]]);
    const slowest = Math.max(100, ...seconds.map((second) => second.p99_ms));
    const tens = Math.ceil(Math.log10(slowest));
    const of = (key) => seconds.map((second) => second[key] || null);
    latency.show([
      { key: "p99", style: "most", values: of("p99_ms") },
      { key: "p50", style: "half", values: of("p50_ms") },
    ], xs, end(), (v) => Math.log10(Math.max(1, v)) / tens,
      Array.from({ length: tens + 1 }, (_, n) => [10 ** n, n === tens || n === 0 ? millis(10 ** n).replace(".0", "") : ""]));
    marks.show(frame.marks.filter((mark) => mark.at > now() - SPAN), place, end());
  }

  function walk(event) {
    const steps = { ArrowLeft: 1, ArrowDown: 1, ArrowRight: -1, ArrowUp: -1 };
    const at = now() - (back ?? 0);
    if (event.key in steps) back = (back ?? 0) + steps[event.key];
    else if (event.key === "Home") back = SPAN;
    else if (event.key === "End") back = 0;
    else if (event.key === "PageUp") back = now() - Math.floor(frame.marks.filter((mark) => mark.at < at).at(-1)?.at ?? now() - SPAN);
    else if (event.key === "PageDown") back = now() - Math.floor(frame.marks.find((mark) => mark.at >= at + 1)?.at ?? now());
    else if (event.key === "Escape") back = null;
    else return;
    if (back !== null) back = Math.min(SPAN, Math.max(0, back));
    event.preventDefault();
    point();
  }

  plot.addEventListener("keydown", (event) => frame && walk(event));
  plot.addEventListener("pointermove", (event) => {
    if (frame === null || end() === 0) return;
    const x = event.clientX - plot.getBoundingClientRect().left;
    back = Math.min(SPAN, Math.max(0, Math.round(SPAN * (1 - x / end()))));
    point();
  });
  for (const leaves of ["pointerleave", "blur"]) plot.addEventListener(leaves, () => ((back = null), point()));

  function draw_() {
    if (frame === null || width === 0) return;
    chart();
    point();
  }

  const sizes = new ResizeObserver(([entry]) => {
    width = Math.round(entry.contentRect.width);
    put(svg, "viewBox", `0 0 ${width} ${HEIGHT}`);
    put(svg, "width", String(width));
    put(right, "x", String(end()));
    requestAnimationFrame(draw_);
  });
  sizes.observe(plot);

  return {
    node,
    /** Drawn anew once a second, and at once when something was done. */
    show(next) {
      frame = next;
      const key = `${now()} ${next.marks.length} ${next.servers.length}`;
      if (key === drawn) return;
      drawn = key;
      draw_();
    },
    leave: () => sizes.disconnect(),
  };
}
