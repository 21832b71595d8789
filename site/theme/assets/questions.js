// Questions: the first answer that is opened counts; it is kept in this browser, and comes back after 7 and 30 days.
// A classic script, so that it also runs on a page opened as a file.
(() => {
  const KEPT = "many-hands.answers";
  const DAY = 24 * 60 * 60 * 1000;
  const AGAIN = [7, 30]; // days after which a question is asked again: once, and once more
  const ENOUGH = 0.8;

  // --- what is kept: { "modules/05-monitoring": { "3": { right, at, times } } } ----------------------------------------

  function load() {
    try {
      return sound(JSON.parse(localStorage.getItem(KEPT) ?? "{}"));
    } catch {
      return {};
    }
  }

  // Only what has the shape of answers: a file may have been changed by anybody.
  function sound(data) {
    const kept = {};
    if (typeof data !== "object" || data === null) return kept;
    for (const [name, answers] of Object.entries(data)) {
      if (!/^[a-z0-9/-]{1,80}$/.test(name) || typeof answers !== "object" || answers === null) continue;
      for (const [number, answer] of Object.entries(answers)) {
        const { right, at, times } = answer ?? {};
        if (!/^\d{1,3}$/.test(number) || typeof right !== "boolean") continue;
        if (!Number.isFinite(at) || at < 0 || !Number.isInteger(times) || times < 0 || times > 99) continue;
        (kept[name] ??= {})[number] = { right, at, times };
      }
    }
    return kept;
  }

  function save(kept) {
    try {
      localStorage.setItem(KEPT, JSON.stringify(kept));
      return true;
    } catch {
      return false; // a private window may keep nothing
    }
  }

  // A question found at once is due after 7 days, then after 30, then no more; one that was missed is due tomorrow.
  function due(answer, now = Date.now()) {
    if (!answer) return false;
    const days = answer.right ? AGAIN[answer.times - 1] : 1;
    return days !== undefined && now - answer.at >= days * DAY;
  }

  // --- a page of questions ---------------------------------------------------------------------------------------------

  function questions() {
    const found = [];
    for (const option of document.querySelectorAll("details.option")) {
      const before = option.previousElementSibling;
      if (before?.matches("details.option")) found.at(-1).options.push(option);
      else found.push({ asked: before, options: [option] });
    }
    return found;
  }

  function ask(tally) {
    const name = tally.dataset.questions;
    const all = questions();
    const line = document.createElement("p");
    const heard = document.createElement("p");
    const again = document.createElement("button");
    line.id = "tally";
    heard.className = "mh-heard";
    heard.setAttribute("role", "status");
    again.type = "button";
    again.className = "mh-button";
    again.textContent = "Answer all of them anew";
    tally.append(line, again, heard);

    let kept = load();
    let open = new Set(); // questions that were answered since the page was opened

    const show = () => {
      const mine = kept[name] ?? {};
      const answered = all.filter((_, number) => mine[number + 1]);
      const right = all.filter((_, number) => mine[number + 1]?.right);
      const back = all.filter((_, number) => due(mine[number + 1]) && !open.has(number));
      const words = [`${answered.length} of ${all.length} answered, ${right.length} found at the first try.`];
      if (back.length) words.push(`${back.length} due again: marked with ↻.`);
      if (right.length >= ENOUGH * all.length && !back.length) words.push("You can be sure of this module.");
      line.textContent = words.join(" ");
      all.forEach(({ asked }, number) => {
        const answer = mine[number + 1];
        asked.dataset.mark = !answer ? "" : due(answer) && !open.has(number) ? "↻" : answer.right ? "✓" : "✗";
      });
    };

    all.forEach(({ options }, number) => {
      options.forEach((option) => {
        option.addEventListener("toggle", () => {
          if (!option.open) return;
          const right = option.classList.contains("right");
          const first = !open.has(number);
          heard.textContent = option.querySelector("p")?.textContent ?? "";
          if (!first) return;
          open.add(number);
          kept = load(); // another tab may have answered meanwhile
          const before = kept[name]?.[number + 1];
          const counts = !before || due(before) || !before.right;
          if (counts) {
            const times = right ? (before?.right ? before.times : 0) + 1 : 0;
            (kept[name] ??= {})[number + 1] = { right, at: Date.now(), times };
            if (!save(kept)) heard.textContent += " This browser keeps nothing, so it is counted until you leave the page.";
          }
          show();
        });
      });
    });
    again.addEventListener("click", () => {
      kept = load();
      delete kept[name];
      save(kept);
      open = new Set();
      document.querySelectorAll("details.option[open]").forEach((option) => (option.open = false));
      show();
      heard.textContent = "Forgotten. All questions are open again.";
    });
    show();
  }

  // --- the page of progress --------------------------------------------------------------------------------------------

  function count(progress) {
    const cells = [...document.querySelectorAll("[data-count]")];
    const show = () => {
      const kept = load();
      let sure = 0;
      let later = 0;
      for (const cell of cells) {
        const items = Number(cell.dataset.items);
        const mine = Object.values(kept[cell.dataset.count] ?? {}).slice(0, items);
        const right = mine.filter((answer) => answer.right).length;
        const back = mine.filter((answer) => due(answer)).length;
        cell.textContent = mine.length ? `${right} of ${items}` : "not yet";
        const other = document.querySelector(`[data-due="${cell.dataset.count}"]`);
        other.textContent = back ? `${back} due again` : right >= ENOUGH * items ? "✓ sure" : mine.length ? "go on" : "";
        sure += right >= ENOUGH * items;
        later += back;
      }
      const words = [`You are sure of ${sure} of ${cells.length} modules.`];
      if (later) words.push(`${later} ${later === 1 ? "question is" : "questions are"} due again today.`);
      if (sure === cells.length) words.push("That is the whole course. Now the first of March: take the capstone lab.");
      progress.textContent = words.join(" ");
    };
    carry(document.querySelector("[data-carry]"), show);
    show();
  }

  function carry(place, changed) {
    const button = (text, act) => {
      const one = document.createElement("button");
      one.type = "button";
      one.className = "mh-button";
      one.textContent = text;
      one.addEventListener("click", act);
      return one;
    };
    const heard = document.createElement("p");
    heard.setAttribute("role", "status");
    const file = document.createElement("input");
    file.type = "file";
    file.accept = "application/json,.json";
    file.hidden = true;
    file.setAttribute("aria-label", "File with answers");
    file.addEventListener("change", async () => {
      const [chosen] = file.files;
      file.value = "";
      if (!chosen) return;
      let told = null;
      try {
        told = chosen.size < 1e6 ? sound(JSON.parse(await chosen.text()).answers) : null;
      } catch {
        told = null;
      }
      if (!told || !Object.keys(told).length) {
        heard.textContent = `${chosen.name} holds no answers of this course. Nothing was changed.`;
        return;
      }
      const kept = load();
      let taken = 0;
      for (const [name, answers] of Object.entries(told)) {
        for (const [number, answer] of Object.entries(answers)) {
          if ((kept[name]?.[number]?.at ?? -1) >= answer.at) continue;
          (kept[name] ??= {})[number] = answer;
          taken += 1;
        }
      }
      heard.textContent = save(kept) ? `${taken} answers taken from ${chosen.name}.` : "This browser keeps nothing.";
      changed();
    });
    const out = button("Save my answers as a file", () => {
      const text = JSON.stringify({ course: "many-hands", answers: load() }, null, 1);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      link.download = "many-hands-answers.json";
      link.click();
      URL.revokeObjectURL(link.href);
      heard.textContent = "Saved as many-hands-answers.json.";
    });
    place.append(out, button("Open a file with answers", () => file.click()), file, heard);
  }

  const tally = document.querySelector("[data-questions]");
  if (tally) ask(tally);
  const progress = document.querySelector("[data-progress]");
  if (progress) count(progress);
})();
