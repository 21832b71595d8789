// The theme opens its menu and its search with labels, which a keyboard cannot reach. Make them reachable.
const names = { __drawer: "Menu", __search: "Search" };
for (const label of document.querySelectorAll("label.md-header__button[for]")) {
  const box = document.getElementById(label.htmlFor);
  if (!box || box.type !== "checkbox") continue;
  label.tabIndex = 0;
  label.setAttribute("role", "button");
  label.setAttribute("aria-label", names[box.id] ?? box.id);
  label.setAttribute("aria-expanded", String(box.checked));
  box.addEventListener("change", () => label.setAttribute("aria-expanded", String(box.checked)));
  label.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation(); // the theme clicks labels on Enter, too: twice is not at all
    label.click();
  });
}

// The theme lets a keyboard reach code that is too wide only where there is a mouse. A tablet may have a keyboard alone.
if (!matchMedia("(hover)").matches) {
  for (const code of document.querySelectorAll("article pre > code[tabindex]")) {
    const restore = () => code.hasAttribute("tabindex") || code.setAttribute("tabindex", "0");
    new MutationObserver(restore).observe(code, { attributeFilter: ["tabindex"] });
  }
}
