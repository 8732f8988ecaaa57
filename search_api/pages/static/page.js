/*
 * The script of every page, each of which is whole without it. It looks for:
 *
 * #q, #suggestions          the box and its suggestions
 * #results                  its content follows the typing: the block "results" of the template
 * .result[data-reference]   a result: j, k and the arrows go through their h2 links, c copies
 * .copy[data-copy]          a button that copies
 * time[datetime]            relative times, made new each minute
 * [data-live-cursor], [data-refresh]: see live.js
 */

export const base = document.body.dataset.base;
export const find = (selector) => document.querySelector(selector);
const make = (name, values) => Object.assign(document.createElement(name), values);
const isPlain = (event) => !(event.ctrlKey || event.metaKey || event.altKey || event.isComposing);
const box = find("#q"), list = find("#suggestions"), results = find("#results");
const TYPING_MS = 120, SUGGEST_MS = 80, BUSY_MS = 150, SAID_MS = 500, HALF_MS = 700;
const COPIED_MS = 2_000, RETRY_S = 5;

/** Tell those who do not see the page. */
function say(text) {
  find("#said").textContent = text;
}

function keep(name, value) {
  try { localStorage[name] = value; } catch { /* for this page only */ }
}

/** Show the buttons that need this script. */
function unhide(root) {
  for (const button of root.querySelectorAll(".copy, .theme, #single-keys")) button.hidden = false;
}

/** Put new content into an element; what was open stays open, and the focus in its place. */
export function replace(element, html) {
  const name = (one) => one.id || one.parentElement.getAttribute("aria-labelledby") || one.className;
  const open = new Set([...element.querySelectorAll("details[open]")].map(name));
  const all = () => [...element.querySelectorAll("a, button, summary, select")];
  const { id } = document.activeElement, focused = all().indexOf(document.activeElement);
  element.innerHTML = html;
  for (const one of element.querySelectorAll("details")) one.open ||= open.has(name(one));
  if (focused >= 0) (document.getElementById(id) ?? all()[focused])?.focus({ preventScroll: true });
  unhide(element);
}

// Results that follow the typing.

let asking, typing, announcing, retrying, complaining;
let isSettled = true; // the next search is a new entry of the history
let shown = location.pathname + location.search;
const mistake = make("p", { id: "mistake", className: "note", hidden: true });

function address() {
  const given = [...new FormData(box.form)].filter(([, value]) => value.trim());
  const query = new URLSearchParams(given).toString().replace(/%(2F|3A|40)/g, decodeURIComponent);
  return new URL(box.form.action).pathname + (query && `?${query}`);
}

function complain(text) {
  mistake.textContent = text;
  mistake.hidden = !text;
  box.setAttribute("aria-invalid", Boolean(text));
  if (text) say(text);
}

/** Show the results of an address; a later call overtakes. */
async function show(target) {
  shown = target;
  asking?.abort();
  const mine = asking = new AbortController();
  [announcing, retrying, complaining].forEach(clearTimeout);
  const slow = setTimeout(() => results.setAttribute("aria-busy", "true"), BUSY_MS);
  const again = (why, seconds) => {
    complain(`${why} Trying again in ${seconds} s.`);
    retrying = setTimeout(show, seconds * 1_000, target);
  };
  try {
    const headers = { Accept: "text/html", "X-Fragment": "results" };
    const answer = await fetch(target, { headers, signal: mine.signal });
    const text = await answer.text();
    if (asking !== mine) return;
    const seconds = Number(answer.headers.get("Retry-After"));
    if (answer.ok) {
      replace(results, text);
      document.title = `${find("#total").dataset.title} · regsearch`;
      complain("");
      announcing = setTimeout(() => say(find("#total").textContent), SAID_MS);
    } else if (seconds) {
      again("Searching is not possible just now.", seconds);
    } else {
      const page = new DOMParser().parseFromString(text, "text/html");
      const why = page.getElementById("mistake")?.textContent ?? "This search failed.";
      complaining = setTimeout(complain, HALF_MS, why); // half a query
    }
  } catch (error) {
    if (error.name === "AbortError") return;
    again("No answer.", RETRY_S);
  } finally {
    clearTimeout(slow);
    if (asking === mine) results.removeAttribute("aria-busy");
  }
}

/** Search for what is in the box, at an address of its own. */
function search() {
  clearTimeout(typing);
  const target = address();
  if (target !== shown) {
    history[isSettled ? "pushState" : "replaceState"](null, "", target);
    for (const link of document.querySelectorAll("link[rel=alternate], footer .twin")) {
      link.href = `${base}/api/v1${target.slice(base.length)}`;
    }
  }
  isSettled = false;
  return show(target);
}

if (results) {
  results.before(mistake);
  box.setAttribute("aria-describedby", "mistake");
  box.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(search, TYPING_MS);
  });
  box.form.addEventListener("submit", async (event) => {
    event.preventDefault();
    close();
    const text = box.value;
    await search();
    isSettled = true;
    // The keys of the results work now, unless somebody types on.
    if (box.form.contains(document.activeElement) && box.value === text) titles()[0]?.focus();
  });
  addEventListener("popstate", () => {
    if (shown === location.pathname + location.search) return;
    box.value = new URLSearchParams(location.search).get("q") ?? "";
    isSettled = true;
    show(location.pathname + location.search);
  });
}

// Suggestions: a combobox with a listbox.

let suggesting, thinking, chosen = -1;

function close() {
  clearTimeout(thinking);
  suggesting?.abort();
  list.hidden = true;
  list.replaceChildren();
  choose(-1);
}

function choose(number) {
  chosen = number;
  box.setAttribute("aria-expanded", !list.hidden);
  box.removeAttribute("aria-activedescendant");
  [...list.children].forEach((item, position) => {
    item.setAttribute("aria-selected", position === number);
    if (position === number) box.setAttribute("aria-activedescendant", item.id);
  });
}

/** Open the suggestions: where results follow, those names are there already. */
async function suggest(wantsNames) {
  close();
  if (!box.value.trim()) return;
  const mine = suggesting = new AbortController();
  const given = new URLSearchParams({ q: box.value, type: box.form.elements.type?.value ?? "repository" });
  let found;
  try {
    const answer = await fetch(`${base}/api/v1/suggest?${given}`, { signal: mine.signal });
    found = answer.ok ? (await answer.json()).suggestions : [];
  } catch {
    return;
  }
  if (suggesting !== mine || document.activeElement !== box) return;
  if (!wantsNames) found = found.filter((one) => one.kind !== "repository");
  list.replaceChildren(...found.filter((one) => one.text !== box.value).map((one, number) => {
    const item = make("li", { id: `suggestion-${number}` });
    item.setAttribute("role", "option");
    item.append(
      make("bdi", { textContent: one.text }),
      make("span", { className: "kind", textContent: one.kind }),
    );
    return item;
  }));
  list.hidden = !list.children.length;
  choose(wantsNames && results && !list.hidden ? 0 : -1);
}

/** Take a suggestion, and search for it unless its value is missing. */
function take(item) {
  box.value = item.firstChild.textContent;
  close();
  if (box.value.endsWith(":")) suggest(true);
  else if (results) search();
  else box.form.requestSubmit();
}

box.addEventListener("input", () => {
  close();
  thinking = setTimeout(suggest, SUGGEST_MS, !results);
});
box.addEventListener("blur", close);
box.addEventListener("keydown", (event) => {
  if (!isPlain(event) || event.shiftKey) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    const places = list.children.length + 1; // with the box
    if (!list.hidden) choose((chosen + 1 + step + places) % places - 1);
    else if (step > 0) suggest(true);
  } else if (event.key === "Enter" && chosen >= 0) {
    event.preventDefault();
    take(list.children[chosen]);
  } else if (event.key === "Escape") {
    event.preventDefault();
    if (!list.hidden) return close();
    box.value = "";
    box.dispatchEvent(new Event("input"));
  }
});
// The box keeps the focus from the mouse.
list.addEventListener("pointerdown", (event) => event.preventDefault());
list.addEventListener("click", (event) => {
  const item = event.target.closest("li");
  if (item) take(item);
});

// Keys between the results.

const hasKeys = () => { try { return localStorage.keys !== "off"; } catch { return true; } };
const titles = () => [...document.querySelectorAll(".result h2 > a:first-child")];

document.addEventListener("keydown", (event) => {
  if (!isPlain(event) || event.defaultPrevented) return;
  if (event.target.closest("input:not([type=checkbox], [type=radio]), select, textarea")) return;
  if (event.key.length === 1 && !hasKeys()) return;
  const result = document.activeElement.closest(".result");
  const step = { j: 1, k: -1, ArrowDown: result && 1, ArrowUp: result && -1 }[event.key];
  if (event.key === "/") {
    box.focus();
    box.select();
  } else if (event.key === "?") {
    location.assign(`${base}/help#keys`);
  } else if (event.key === "c" && result) {
    copy(result.dataset.reference, result.querySelector(".copy"));
  } else if (step) {
    const all = titles();
    const next = all.findIndex((one) => result?.contains(one)) + step;
    all[Math.min(Math.max(next, 0), all.length - 1)]?.focus();
  } else {
    return;
  }
  event.preventDefault();
});

const keysOn = find("#keys-on");
if (keysOn) {
  keysOn.checked = hasKeys();
  keysOn.addEventListener("change", () => keep("keys", keysOn.checked ? "on" : "off"));
}

// Copying.

/** Copy, also over plain HTTP, where pages have no clipboard; else select the text. */
async function copy(text, button) {
  let word = "Copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = make("textarea", { className: "unseen", value: text });
    const back = document.activeElement;
    document.body.append(field);
    field.select();
    const isDone = document.execCommand("copy");
    field.remove();
    back.focus();
    if (!isDone) {
      const seen = button?.parentElement.querySelector("code");
      word = "Press Ctrl+C to copy";
      if (seen) {
        seen.textContent = text;
        getSelection().selectAllChildren(seen);
      }
    }
  }
  say(word);
  if (button) button.dataset.said = word;
  setTimeout(() => {
    say("");
    delete button?.dataset.said;
  }, COPIED_MS);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest(".copy");
  if (button) copy(button.dataset.copy, button);
});

// A new order is shown at once.
document.addEventListener("change", (event) => {
  if (event.target.matches(".sort select")) event.target.form.requestSubmit();
});

find(".theme").addEventListener("click", () => {
  const root = document.documentElement;
  const now = root.dataset.theme
    ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  keep("theme", root.dataset.theme);
});

/** Return how long ago a time was, in the words of the server. */
export function ageText(milliseconds) {
  const seconds = Math.trunc(Math.abs(milliseconds) / 1_000);
  if (milliseconds < 0 && seconds < 60) return "just now";
  const [, unit, name] = [
    [60, 1, "s"], [3_600, 60, "min"], [86_400, 3_600, "h"], [7_776_000, 86_400, "d"],
    [63_072_000, 2_592_000, "months"], [Infinity, 31_536_000, "years"],
  ].find(([limit]) => seconds < limit);
  const text = `${Math.trunc(seconds / unit)} ${name}`;
  return milliseconds < 0 ? `in ${text}` : `${text} ago`;
}

setInterval(() => {
  for (const time of document.querySelectorAll("time[datetime]")) {
    if (!/ ago$|^just now$|^in /.test(time.textContent)) continue;
    time.textContent = ageText(Date.now() - Date.parse(time.dateTime));
  }
}, 60_000);

unhide(document);
if (find("[data-live-cursor], [data-refresh]")) import("./live.js");
