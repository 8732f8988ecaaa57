// The script of every page. Each page is whole without it.

const said = document.getElementById("said");

/** Tell everybody, also those who do not see the page. */
export function say(text) {
  said.textContent = text;
}

for (const button of document.querySelectorAll(".copy, .theme")) button.hidden = false;

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  say("Copied");
  setTimeout(() => say(""), 2000);
});

// A new order is shown at once.
document.addEventListener("change", (event) => {
  if (event.target.matches(".sort select")) event.target.form.requestSubmit();
});

document.querySelector(".theme")?.addEventListener("click", () => {
  const root = document.documentElement;
  const now = root.dataset.theme
    ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* for this page only */ }
});
