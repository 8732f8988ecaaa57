/*
 * Each page is whole without it. It looks for:
 *
 * #q, #suggestions          what is typed
 * #results                  follows typing, filters and order
 * .result[data-reference]   j, k and the arrows go through h2 links, c copies
 * .copy[data-copy]          copies
 * time[datetime]            ages, made new each minute
 * [data-live-cursor], [data-refresh]: see live.js
 */

export const base = document.body.dataset.base;
export const find = (selector) => document.querySelector(selector);
const on = (element, kind, action) => element.addEventListener(kind, action);
const make = (name, values) => Object.assign(document.createElement(name), values);
const isPlain = (one) => !(one.ctrlKey || one.metaKey || one.altKey || one.isComposing);
const box = find("#q"), list = find("#suggestions"), results = find("#results");
const TYPING_MS = 120, SUGGEST_MS = 80, BUSY_MS = 150, SAID_MS = 500, HALF_MS = 700;
const COPIED_MS = 2_000, RETRY_S = 5;

/** Tell those who do not see the page. */
export function say(text) {
  find("#said").textContent = text;
}

let storage = {};
try { storage = localStorage; } catch { /* chosen for this page only */ }

/** Put new content into an element; what was open stays open, and the focus in its place. */
export function replace(element, html) {
  const name = (one) => one.id || one.parentElement.getAttribute("aria-labelledby") || one.className;
  const open = new Set([...element.querySelectorAll("details[open]")].map(name));
  const all = () => [...element.querySelectorAll("a, button, summary, select")];
  const { id } = document.activeElement, focused = all().indexOf(document.activeElement);
  element.innerHTML = html;
  for (const one of element.querySelectorAll("details")) one.open ||= open.has(name(one));
  if (focused >= 0) {
    const next = id ? document.getElementById(id) ?? find("#filters") : all()[focused];
    next?.focus({ preventScroll: true });
  }
}

// Results that follow typing, filters and order.

let asking, typing, later;
let isSettled = true; // the next search is new in the history
const here = () => location.pathname + location.search;
let shown = here();

/** Return a parameter of the search that is shown or awaited. */
const asked = (name) => new URL(shown, location).searchParams.get(name) ?? "";

/** Return the address of a form, for what is in the box. */
function address(form) {
  const given = new FormData(form);
  given.set("q", box.value);
  for (const name of ["type", "registry"]) given.set(name, asked(name));
  const kept = [...given].filter(([, value]) => value.trim());
  const query = new URLSearchParams(kept).toString().replace(/%(2F|3A|40)/g, decodeURIComponent);
  return new URL(form.action).pathname + (query && `?${query}`);
}

function complain(text) {
  Object.assign(find("#mistake"), { textContent: text, hidden: !text });
  box.ariaInvalid = Boolean(text);
  if (text) say(text);
}

/** Show the results of an address; a later call overtakes. */
async function show(target) {
  shown = target;
  for (const link of document.querySelectorAll("link[rel=alternate], footer .twin")) {
    link.href = `${base}/api/v1${target.slice(base.length)}`;
  }
  const signIn = find(".visitor > a:not(.name)");
  if (signIn) signIn.search = `next=${encodeURIComponent(target)}`;
  asking?.abort();
  const mine = asking = new AbortController();
  clearTimeout(later);
  const slow = setTimeout(() => { results.ariaBusy = true; }, BUSY_MS);
  const again = (why, seconds) => {
    complain(`${why} Trying again in ${seconds} s.`);
    later = setTimeout(show, seconds * 1_000, target);
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
      later = setTimeout(() => say(find("#total").textContent), SAID_MS);
    } else if (seconds) {
      again("Searching is not possible just now.", seconds);
    } else {
      const page = new DOMParser().parseFromString(text, "text/html");
      const why = page.getElementById("mistake")?.textContent ?? "This search failed.";
      later = setTimeout(complain, HALF_MS, why); // half a query
    }
  } catch {
    if (asking === mine) again("No answer.", RETRY_S);
  } finally {
    clearTimeout(slow);
    if (asking === mine) results.ariaBusy = null;
  }
}

/** Search for what is in the box, at an address of its own. */
function search() {
  clearTimeout(typing);
  const target = address(box.form);
  if (target !== shown) history[isSettled ? "pushState" : "replaceState"](null, "", target);
  isSettled = false;
  return show(target);
}

/** Show the search of a link or of the history. */
function visit(target) {
  clearTimeout(typing);
  if (target !== here()) history.pushState(null, "", target);
  show(target);
  box.value = asked("q");
  isSettled = true;
}

if (results) {
  on(box, "input", () => {
    clearTimeout(typing);
    typing = setTimeout(search, TYPING_MS);
  });
  on(box.form, "submit", async (event) => {
    event.preventDefault();
    close();
    const text = box.value;
    await search();
    isSettled = true;
    // The keys of the results work now, unless somebody types on.
    if (box.form.contains(document.activeElement) && box.value === text) titles()[0]?.focus();
  });
  on(results, "click", (event) => {
    const link = event.target.closest(".filters a, .types a");
    if (!link || !isPlain(event) || event.shiftKey) return;
    event.preventDefault();
    visit(link.pathname + link.search);
  });
  on(results, "submit", (event) => {
    event.preventDefault();
    visit(address(event.target));
  });
  on(window, "popstate", () => here() === shown || visit(here()));
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
  box.ariaExpanded = !list.hidden;
  box.removeAttribute("aria-activedescendant");
  [...list.children].forEach((item, position) => {
    item.ariaSelected = position === number;
    if (position === number) box.setAttribute("aria-activedescendant", item.id);
  });
}

/** Open the suggestions: where results follow, those names are there already. */
async function suggest(wantsNames) {
  close();
  if (!box.value.trim()) return;
  const mine = suggesting = new AbortController();
  const given = new URLSearchParams({ q: box.value, type: asked("type") || "repository" });
  const { suggestions = [] } = await fetch(`${base}/api/v1/suggest?${given}`, { signal: mine.signal })
    .then((answer) => answer.json()).catch(() => ({}));
  if (suggesting !== mine || document.activeElement !== box) return;
  const isNew = (one) => one.text !== box.value && (wantsNames || one.kind !== "repository");
  list.replaceChildren(...suggestions.filter(isNew).map((one, number) => {
    const item = make("li", { id: `suggestion-${number}`, role: "option" });
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

on(box, "input", () => {
  close();
  thinking = setTimeout(suggest, SUGGEST_MS, !results);
});
on(box, "blur", close);
on(box, "keydown", (event) => {
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
on(list, "pointerdown", (event) => event.preventDefault());
on(list, "click", (event) => {
  const item = event.target.closest("li");
  if (item) take(item);
});

// Keys between the results.

const hasKeys = () => storage.keys !== "off";
const titles = () => [...document.querySelectorAll(".result h2 > a:first-child")];

on(document, "keydown", (event) => {
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
  on(keysOn, "change", () => { storage.keys = keysOn.checked ? "on" : "off"; });
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

on(document, "click", (event) => {
  const button = event.target.closest(".copy");
  if (button) copy(button.dataset.copy, button);
});

// A new order is shown at once.
on(document, "change", (event) => {
  if (event.target.matches(".sort select")) event.target.form.requestSubmit();
});

on(find(".theme"), "click", () => {
  const root = document.documentElement;
  const now = root.dataset.theme
    ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  storage.theme = root.dataset.theme;
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
    if (/ ago$|^just now$|^in /.test(time.textContent)) {
      time.textContent = ageText(Date.now() - Date.parse(time.dateTime));
    }
  }
}, 60_000);

if (find("[data-live-cursor], [data-refresh]")) import("./live.js");
