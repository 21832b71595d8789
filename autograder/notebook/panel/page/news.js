// Below the head: what came of the last command, and what is wrong with the lab or the kernel as a whole.

import { make, put, write } from "./dom.js";
import { icon, turn } from "./icons.js";

const SILENCES = {
  quiet: "No news from the kernel for some seconds. It may be busy with a cell; this panel goes on when it is done.",
  stopped: "The kernel has stopped: run the first cell again. Your files and what you did are kept.",
};
/** Lines of the log that answer a hand on the slider; whoever moves it hears its value anyway. */
const QUIET_LINE = /^\d\d:\d\d:\d\d load: /;
const BAD_LINE = /crashed|is gone|did not work|check \S+: (failed|unjudged)|apply: .*:\d+/;

/** `act` is asked for a new start where the stack is gone. */
export function makeNews(act) {
  const [sign, said] = [icon("dash"), make("span", { role: "status" })];
  const notice = make("div", { class: "notice" }, sign, said);
  const words = make("span", { role: "alert" });
  const again = make("button", { type: "button", class: "button plain", onclick: () => act("reset") }, "Reset");
  const trouble = make("div", { class: "trouble" }, words, again);
  const node = make("div", { class: "news" }, trouble, notice);
  let [silent, frame] = ["", null];

  function troubles() {
    const of = {
      starting: frame?.doing || "The stack is starting …",
      broken: frame?.trouble || "The stack is gone. Open the lab again: run the first cell.",
      closed: "This lab is closed. Open it again: run the first cell.",
    };
    const text = SILENCES[silent] ?? of[frame?.phase] ?? "";
    write(words, text);
    put(trouble, "data-tone", silent === "quiet" || frame?.phase === "starting" ? "warn" : "hot");
    trouble.hidden = text === "";
    again.hidden = silent !== "" || frame?.phase !== "broken";
  }

  function tell(tone, picture, text) {
    put(notice, "data-tone", tone);
    turn(sign, picture);
    write(said, text);
    notice.hidden = text === "";
  }

  function news() {
    const newest = frame.log.findLast((each) => !QUIET_LINE.test(each)) ?? "";
    const [line] = newest.split("\n"); // what was looked at has its own place
    if (frame.phase === "busy" && frame.doing) tell("busy", "wait", `${frame.doing} …`);
    else if (frame.trouble && frame.phase !== "broken") tell("bad", "cross", frame.trouble);
    else if (BAD_LINE.test(line)) tell("bad", "cross", line);
    else tell("good", "fine", line);
  }

  notice.hidden = true;
  trouble.hidden = true;
  return {
    node,
    silence(state) {
      silent = state;
      troubles();
    },
    show(next, before) {
      frame = next;
      troubles();
      if (!before || ["log", "doing", "trouble", "phase"].some((key) => before[key] !== next[key])) news();
    },
  };
}
