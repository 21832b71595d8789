// What every simulation has: settings that are kept in the address, a picture, a verdict that is announced, and a
// table.
//
// Nothing moves by itself. Where something can be played, a reader starts and stops it, or goes step by step; one who
// asked for less motion gets the steps alone.
(() => {
  const play = (globalThis.manyHandsPlay ??= {});
  const { made } = play;
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  const firm = (words) => String(words).replace(/(\d) (%|ms|s|h|min)(?!\w)/g, "$1\u00a0$2"); // a number keeps its unit

  // --- settings and the address: #clients=office&seed=7 --------------------------------------------------------------

  // A setting as it may be: one of its options, or a number in its range; else what it is at the start.
  function allowed(control, value) {
    if (control.options) return control.options.some(([one]) => one === value) ? value : control.start;
    const number = Number(value);
    if (value === undefined || value === "" || !Number.isFinite(number)) return control.start;
    return Math.min(control.max, Math.max(control.min, Math.round(number / control.step) * control.step));
  }

  // Some controls depend on others: a pool has its own servers. So they are looked at one after the other.
  function sound(controls, wanted) {
    const settings = {};
    for (const control of controls) {
      const now = typeof control === "function" ? control(settings) : control;
      const value = allowed(now, wanted[now.id]);
      settings[now.id] = typeof value === "number" ? Number(value.toFixed(6)) : value;
    }
    return settings;
  }

  const fromAddress = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const toAddress = (settings) => history.replaceState(history.state, "", `#${new URLSearchParams(settings)}`);

  // --- one control ---------------------------------------------------------------------------------------------------

  function field(control, value, changed) {
    const id = `play-${control.id}`;
    const shown = made("output", { for: id }, control.shown?.(value) ?? String(value));
    let input;
    if (control.options) {
      input = made("select", { id }, ...control.options.map(([one, words]) => made("option", { value: one }, words)));
      input.value = value;
    } else {
      const type = control.seed ? "number" : "range";
      input = made("input", { id, type, min: control.min, max: control.max, step: control.step, value });
      if (type === "range") input.setAttribute("aria-valuetext", shown.textContent);
    }
    input.addEventListener(control.seed ? "change" : "input", () => changed(control, input.value));
    const label = made("label", { for: id }, control.label);
    return {
      id,
      control,
      input,
      shown,
      box: made("div", { class: "mhp-field" }, label, input, ...(input.type === "range" ? [shown] : [])),
    };
  }

  // --- the whole -----------------------------------------------------------------------------------------------------

  // simulation: { controls, run(settings) → result, draw(result, settings) → [elements], verdict(…) → text, walk?: { id,
  // by, words }, table(…) → { head: [text], rows: [[text]] } } where `walk` names the setting that is gone through.
  play.panel = (simulation) => {
    const place = document.querySelector("[data-play]");
    if (!place) return;
    let settings = sound(simulation.controls, fromAddress());
    let timer = 0;

    const form = made("div", { class: "mhp-form", role: "group", "aria-label": "Settings" });
    const picture = made("div", { class: "mhp-picture" });
    const verdict = made("p", { class: "mhp-verdict", role: "status" });
    const table = made("div", {
      class: "mhp-scroll",
      tabindex: "0",
      role: "region",
      "aria-label": "The numbers of the picture",
    });
    const twin = made("details", {}, made("summary", {}, "The same as a table"), table);
    const buttons = made("div", { class: "mhp-buttons" });

    const now = () => {
      const seen = {};
      return simulation.controls.map((control) => {
        const one = typeof control === "function" ? control(seen) : control;
        seen[one.id] = settings[one.id];
        return one;
      });
    };
    let fields = [];
    let last = "";
    let result;

    const change = (control, value) => {
      settings = sound(simulation.controls, { ...settings, [control.id]: value });
      show();
    };

    // The controls are made anew only when what they offer has changed: else the one in use would lose the focus.
    const offer = () => {
      const controls = now();
      const offered = JSON.stringify(controls.map(({ id, options, min, max }) => [id, options, min, max]));
      if (offered !== fields.offered) {
        const focused = document.activeElement?.id;
        fields = controls.map((control) => field(control, settings[control.id], change));
        fields.offered = offered;
        form.replaceChildren(...fields.map(({ box }) => box));
        fields.find(({ id }) => id === focused)?.input.focus();
      }
      for (const { control, input, shown } of fields) {
        const value = settings[control.id];
        if (String(input.value) !== String(value)) input.value = value;
        shown.textContent = control.shown?.(value) ?? String(value);
        if (input.type === "range") input.setAttribute("aria-valuetext", shown.textContent);
      }
    };

    const show = () => {
      offer();
      toAddress(settings);
      const rest = { ...settings };
      if (simulation.walk) delete rest[simulation.walk.id]; // a step on the way needs no new run
      const asked = JSON.stringify(rest);
      if (asked !== last) result = simulation.run(settings);
      last = asked;
      picture.replaceChildren(...simulation.draw(result, settings));
      const { head, rows } = simulation.table(result, settings);
      table.replaceChildren(
        made(
          "table",
          { class: "mhp-table" },
          made("thead", {}, made("tr", {}, ...head.map((words) => made("th", { scope: "col" }, words)))),
          made(
            "tbody",
            {},
            ...rows.map(([first, ...others]) =>
              made(
                "tr",
                {},
                made("th", { scope: "row" }, first),
                ...others.map((words) => made("td", {}, firm(words))),
              ),
            ),
          ),
        ),
      );
      const said = firm(simulation.verdict(result, settings));
      if (timer === 0 && verdict.textContent !== said) verdict.textContent = said; // not at each step of a play
    };

    const button = (words, act) => {
      const one = made("button", { type: "button", class: "mh-button" }, words);
      one.addEventListener("click", act);
      return one;
    };
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      begin.textContent = "Play";
      show();
    };
    const step = () => {
      const { id, by } = simulation.walk;
      const control = now().find((one) => one.id === id);
      if (settings[id] >= control.max) return false;
      change(control, settings[id] + by);
      return settings[id] < control.max;
    };
    const begin = button("Play", () => {
      if (timer) {
        stop();
        return;
      }
      const { id } = simulation.walk;
      const control = now().find((one) => one.id === id);
      if (settings[id] >= control.max) change(control, control.min);
      begin.textContent = "Pause";
      timer = setInterval(() => step() || stop(), 100);
    });
    if (simulation.walk) {
      const { id, words } = simulation.walk;
      buttons.append(button(words, step));
      if (!still.matches) buttons.append(begin);
      buttons.append(
        button("From the start", () =>
          change(
            now().find((one) => one.id === id),
            0,
          ),
        ),
      );
    }
    buttons.append(
      button("As it was", () => {
        settings = sound(simulation.controls, {});
        if (timer) stop();
        show();
      }),
    );
    addEventListener("hashchange", () => {
      if (!location.hash.includes("=")) return; // a link to a heading
      settings = sound(simulation.controls, fromAddress());
      show();
    });

    place.replaceChildren(form, buttons, verdict, picture, twin);
    place.classList.add("mhp");
    // A reader who came for a heading stays there: the address is written with the first change.
    if (location.hash && !location.hash.includes("=")) {
      const kept = location.hash;
      show();
      history.replaceState(history.state, "", kept);
    } else show();
  };
  Object.assign(play, { sound });
})();
