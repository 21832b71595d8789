// A shift on call: the clock, the pager and the chat, and what can be done beyond the config. Hidden where nobody is on call.

import { make, put, section, write } from "./dom.js";
import { makeField, offer } from "./fields.js";

function makeTalk(ask) {
  const said = make("div", { class: "said", role: "log", tabindex: "0", "aria-label": "Pager and chat, newest last" });
  const words = makeField("input", "Tell everybody", { type: "text", maxlength: "2000", autocomplete: "off" });
  const tell = make("button", { type: "submit", class: "button first" }, "Tell");
  const clear = make("button", { type: "button", class: "button", onclick: () => speak("all_clear") }, "All clear");
  const call = make("button", { type: "button", class: "button", onclick: () => ask("escalate") }, "Call the seniors");
  const form = make("form", {}, words.node, make("div", { class: "row" }, tell, clear, call));
  let told = [];

  function speak(verb) {
    const text = words.field.value.trim();
    if (text && ask(verb, { text })) words.field.value = "";
    else words.field.focus();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    speak("tell");
  });
  return {
    node: make("div", { class: "talk" }, said, form),
    form,
    show(shift) {
      const low = said.scrollTop + said.clientHeight >= said.scrollHeight - 4;
      // What was said stays as it is, so that only what is new is read out. Another shift begins with nothing.
      const lines = shift.messages.map((one) => JSON.stringify(one));
      if (told.some((line, number) => line !== lines[number])) {
        said.replaceChildren();
        told = [];
      }
      for (const one of shift.messages.slice(told.length)) {
        said.append(make("p", one.mine ? { "data-mine": true } : {}, make("b", {}, `${one.at} ${one.who} `), one.text));
      }
      told = lines;
      if (low) said.scrollTop = said.scrollHeight;
    },
  };
}

function makeMoves(ask, act) {
  const why = makeField("input", "Why", { type: "text", maxlength: "2000", autocomplete: "off" });
  const [commit, machine, balancer] = [makeField("select", "Change"), makeField("select", "Machine"), makeField("select", "Balancer")];
  const button = (text, does) => make("button", { type: "button", class: "tool", onclick: does }, text);
  const because = () => why.field.value.trim();
  const undo = (verb) => (because() ? ask(verb, { commit: commit.field.value, why: because() }) : why.field.focus());
  const add = button("Add the spare", () => ask("add_server"));
  const node = make(
    "div", { class: "moves" },
    commit.node, why.node,
    make("div", { class: "row" }, button("Show it", () => act("look", { what: "change", of: commit.field.value })),
      button("Revert it", () => undo("revert")), button("Go back to it", () => undo("go_back")),
      button("Forget what came after", () => ask("reset_to", { commit: commit.field.value })),
      button("Commit the file as saved", () => (because() ? ask("commit", { why: because() }) : why.field.focus()))),
    balancer.node,
    make("div", { class: "row" }, button("Reload", () => ask("reload", { balancer: balancer.field.value })),
      button("Restart the balancer", () => ask("restart_balancer", { balancer: balancer.field.value }))),
    machine.node,
    make("div", { class: "row" }, button("Restart", () => ask("restart", { server: machine.field.value })),
      button("Make it bigger", () => ask("bigger", { server: machine.field.value })), add),
  );
  return {
    node,
    show(frame) {
      offer(commit.field, frame.shift.commits.map(([name, words]) => [name, `${name}  ${words}`]));
      offer(machine.field, frame.servers.map((server) => [server.name, server.name]));
      offer(balancer.field, frame.balancers.map((one) => [one.name, one.name]));
      add.hidden = frame.shift.spare === "";
    },
  };
}

export function makeShift(act) {
  const ask = (verb, words = {}) => act("on_call", { verb, ...words });
  const clock = make("b", { class: "clock" });
  const until = make("span", { class: "soft" });
  const begin = make("button", { type: "button", class: "button first", onclick: () => ask("begin") }, "Begin the shift");
  const end = make("button", { type: "button", class: "button", onclick: () => ask("end") }, "End the shift");
  const again = make("button", { type: "button", class: "button", onclick: () => ask("again") }, "Another shift");
  const first = make("p", { class: "soft" }, "Look before you act, with the buttons below or in a cell: shift.shares(), shift.errors(), shift.history(). Then tell people what you know.");
  const [talk, moves] = [makeTalk(ask), makeMoves(ask, act)];
  const body = make("div", { class: "desk" }, talk.node, moves.node);
  const { node } = section("shift", "On call", make("div", { class: "row" }, clock, until, begin, end, again), first, body);
  node.hidden = true;
  return {
    node,
    show(frame, before) {
      const shift = frame.shift ?? null;
      node.hidden = shift === null;
      if (shift === null || (before && before.shift === shift && before.servers === frame.servers)) return;
      write(clock, shift.clock);
      write(until, { before: "the pager has rung", on: `the shift ends at ${shift.ends}`, over: "the shift is over" }[shift.phase]);
      [begin.hidden, end.hidden, again.hidden] = [shift.phase !== "before", shift.phase !== "on", shift.phase !== "over"];
      [first.hidden, body.hidden] = [shift.phase !== "on", shift.phase === "before"];
      [moves.node.hidden, talk.form.hidden] = [shift.phase !== "on", shift.phase !== "on"];
      put(node, "data-phase", shift.phase);
      talk.show(shift);
      moves.show(frame);
    },
  };
}
