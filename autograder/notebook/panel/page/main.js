// The panel: puts the parts together, hands each frame to them, and carries what is pressed to the kernel.

import { makeChecks } from "./checks.js";
import { makeConfig } from "./config.js";
import { makeControls } from "./controls.js";
import { make } from "./dom.js";
import { makeHead } from "./head.js";
import { join } from "./link.js";
import { makeLog } from "./log.js";
import { makeLooks } from "./looks.js";
import { takeLostPlace } from "./lost.js";
import { makeNews } from "./news.js";
import { makePrediction } from "./prediction.js";
import { makeReset } from "./reset.js";
import { makeShift } from "./shift.js";
import { makeSpeech } from "./speech.js";
import { makeStage } from "./stage.js";
import { makeTable } from "./table.js";
import { makeTimeline } from "./timeline.js";

let views = 0;

function render({ model, el }) {
  views += 1;
  const act = (command, words) => link.ask(command, words);
  const [head, news, speech] = [makeHead(act), makeNews(act), makeSpeech()];
  const [stage, timeline, table] = [makeStage(act), makeTimeline(), makeTable()];
  const [config, controls] = [makeConfig(), makeControls(act)];
  const [prediction, checks, log, reset] = [makePrediction(act), makeChecks(act), makeLog(), makeReset(act)];
  const [shift, looks] = [makeShift(act), makeLooks(act)];
  const parts = [head, news, shift, stage, table, timeline, config, controls, prediction, checks, looks, log];
  const seen = make("div", { class: "seen" }, stage.node, timeline.node, table.node);
  const changed = make("div", { class: "changed" }, config.node, controls.node, prediction.node);
  const room = make(
    "div", { class: "room", hidden: true },
    head.node, news.node, shift.node, make("div", { class: "main" }, seen, changed), checks.node, looks.node,
    make("footer", {}, log.node, reset.node), speech.node,
  );
  const waiting = make("p", { class: "waiting" }, "Waiting for the lab …");
  const frame_ = make("div", { class: "mh-control-room", role: "region", "aria-label": "Control room" }, waiting, room);
  el.append(frame_);

  const link = join(model, frame_, (frame, before) => {
    if (before === null) {
      waiting.remove();
      room.hidden = false;
    }
    // Who is on call looks first, and acts then; elsewhere the picture comes first.
    if (frame.shift && shift.node.nextSibling !== looks.node) shift.node.after(looks.node);
    for (const part of parts) part.show(frame, before);
    speech.verdict(frame.verdict);
  }, (state) => {
    if (waiting.isConnected && state) waiting.textContent = "The kernel does not answer: run the first cell again.";
    news.silence(state);
  });

  return () => {
    link.leave();
    for (const part of [...parts, speech]) part.leave?.();
    frame_.remove();
    views -= 1;
  };
}

/** Runs once when the model comes to a page, before any view. */
function initialize({ model }) {
  takeLostPlace((el) => render({ model, el }), () => views > 0);
}

export default { initialize, render };
