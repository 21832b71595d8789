// "Open this lab": in the JupyterLab that `./manyhands up` started, or on a JupyterHub whose address the reader gave once.
// A classic script, so that it also runs on a page opened as a file. Without it, the page says which command to type.
(() => {
  const KEPT = "many-hands.hub";
  const USUAL = "http://127.0.0.1:8888/";
  const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])$/;

  function kept() {
    try {
      return localStorage.getItem(KEPT) ?? "";
    } catch {
      return ""; // a private window may keep nothing
    }
  }

  function keep(address) {
    try {
      if (address) localStorage.setItem(KEPT, address);
      else localStorage.removeItem(KEPT);
      return true;
    } catch {
      return false;
    }
  }

  // What somebody typed or pasted, as the address of a server; empty if it is none.
  function sound(text) {
    const typed = text.trim();
    if (/\s/.test(typed)) return "";
    try {
      const url = new URL(typed.includes("://") ? typed : `https://${typed}`);
      if (!/^https?:$/.test(url.protocol) || !url.hostname) return "";
      const path = url.pathname.replace(/\/(hub|lab|tree)(\/.*)?$/, "/").replace(/\/*$/, "/");
      return url.origin + path;
    } catch {
      return "";
    }
  }

  // On a hub, everybody is sent to their own server; a server of one's own has the lab right below its address.
  function where(address, lab) {
    const own = LOOPBACK.test(new URL(address).hostname) || /\/user\/[^/]+\/$/.test(address);
    return `${address}${own ? "" : "hub/user-redirect/"}lab/tree/labs/${lab}/${lab}.ipynb`;
  }

  // Where whoever serves the site says that labs open: `up` tells the port it found free, a class's host its hub.
  async function toldByHost(root) {
    if (!location.protocol.startsWith("http")) return "";
    try {
      const answer = await fetch(`${root}lab.json`, { cache: "no-store" });
      return sound((await answer.json()).lab ?? "");
    } catch {
      return "";
    }
  }

  function add(parent, name, words, set = {}) {
    const made = Object.assign(document.createElement(name), set);
    made.textContent = words;
    parent.append(made);
    return made;
  }

  async function furnish(place) {
    const lab = place.dataset.openLab;
    const row = add(place, "p", "");
    const link = add(row, "a", "Open this lab", { className: "md-button md-button--primary", target: "_blank", rel: "noopener" });
    const told = add(place, "p", "", { className: "mh-told" });
    told.setAttribute("role", "status");
    const box = add(place, "details", "", {});
    add(box, "summary", "Your class has a JupyterHub?");
    const label = add(box, "label", "Its address ");
    const field = add(label, "input", "", { type: "url", placeholder: "https://hub.example.org/", autocomplete: "url" });
    const save = add(box, "button", "Use it", { type: "button", className: "mh-button" });
    const forget = add(box, "button", "Use ./manyhands up", { type: "button", className: "mh-button" });
    const host = await toldByHost(place.dataset.root);

    function show() {
      const hub = sound(kept());
      field.value = hub;
      link.href = where(hub || host || USUAL, lab);
      const elsewhere = hub || (host && !LOOPBACK.test(new URL(host).hostname) ? host : "");
      told.textContent = elsewhere ? `Opens on ${elsewhere}` : "Opens in the JupyterLab that ./manyhands up started in this browser.";
    }

    save.addEventListener("click", () => {
      const address = sound(field.value);
      if (!address) told.textContent = "That is no address. It looks like https://hub.example.org/";
      else if (keep(address)) show();
      else {
        link.href = where(address, lab);
        told.textContent = `Opens on ${address}. This browser does not let the page keep it.`;
      }
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") save.click();
    });
    forget.addEventListener("click", () => {
      keep("");
      show();
    });
    show();
  }

  document.querySelectorAll("[data-open-lab]").forEach(furnish);
})();
