/*
 * Live changes, and what makes itself new. page.js loads this where a page has something of it:
 *
 * [data-live-cursor]        changes after this cursor of /api/v1/changes are counted; with
 *                           data-live-registry and data-live-repository only those of one place
 * #news                     a hidden note beside it, which then says "3 new changes" in its first
 *                           element, and leads to them
 * [data-refresh="status"]   its content is replaced by the block of that name every 10 s
 * #updated                  outside of that block: says "updated 3 s ago"
 */

import { ageText, base, find, replace, say } from "./page.js";

// Changes, as they come.

const live = find("[data-live-cursor]"), news = find("#news");
const REFRESH_MS = 10_000, POLL_MS = 30_000;
let stream, polling, cursor = live?.dataset.liveCursor, count = 0;

function listen() {
  clearTimeout(polling);
  stream?.close();
  if (document.hidden) return;
  stream = new EventSource(`${base}/api/v1/changes/stream?cursor=${encodeURIComponent(cursor)}`);
  for (const kind of ["tag.pushed", "tag.removed", "repository.removed"]) {
    stream.addEventListener(kind, (event) => {
      cursor = event.lastEventId;
      arrived(JSON.parse(event.data));
    });
  }
  stream.addEventListener("expired", reload);
  // A refusal closes a stream for good; everything else the browser tries again by itself.
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) polling = setTimeout(poll, POLL_MS);
  });
}

async function poll() {
  polling = setTimeout(poll, POLL_MS);
  try {
    const answer = await fetch(`${base}/api/v1/changes?cursor=${encodeURIComponent(cursor)}`);
    if (answer.status === 410) return reload();
    const { changes, next } = await answer.json();
    cursor = next ?? cursor;
    changes?.forEach(arrived);
  } catch { /* the next time, perhaps */ }
}

/** Begin again with a new cursor; a page that has just begun would do so for ever. */
function reload() {
  stream.close();
  if (performance.now() > REFRESH_MS) location.reload();
}

function arrived(change) {
  const { liveRegistry, liveRepository } = live.dataset;
  if (liveRegistry && liveRegistry !== change.registry) return;
  if (liveRepository && liveRepository !== change.repository) return;
  count += 1;
  const text = `${count} new change${count === 1 ? "" : "s"}`;
  news.firstElementChild.textContent = text;
  news.hidden = false;
  say(text);
}

if (live) {
  listen();
  document.addEventListener("visibilitychange", listen);
}

// What makes itself new.

const refreshed = find("[data-refresh]"), updated = find("#updated");
let updatedAt = Date.now(), triedAt = updatedAt;

async function refresh() {
  if (document.hidden) return;
  const now = Date.now();
  if (updated) updated.textContent = `updated ${ageText(now - updatedAt)}`;
  // What somebody has selected stays.
  if (now - triedAt < REFRESH_MS || !getSelection().isCollapsed) return;
  triedAt = now;
  try {
    const headers = { Accept: "text/html", "X-Fragment": refreshed.dataset.refresh };
    const answer = await fetch(location.href, { headers });
    if (!answer.ok) return;
    replace(refreshed, await answer.text());
    updatedAt = Date.now();
  } catch { /* the age says it */ }
}

if (refreshed) setInterval(refresh, 1_000);
