// Keeps the element with `data-live` up to date by server-sent events. While the shop has no free stream, the page asks
// every few seconds instead. A hidden page asks for nothing.
import { morph } from "./morph.js";

const SECOND = 1000;
const STATUS_DELAY = 1.5 * SECOND; // a connection that is back within this time is not reported as lost
const POLLS_BEFORE_STREAM = 6; // how often the page asks before it tries to open a stream again
const DEFAULT_RETRY_SECONDS = 4;

const part = document.querySelector("[data-live]");
const statusLine = document.getElementById("connection");
let etag = part?.dataset.etag ?? "";
let [source, pollTimer, polls] = [null, 0, 0];
let [statusTimer, statusText] = [0, ""];

function setStatus(text) {
  statusText = text;
  if (text && statusLine.textContent === "") {
    // A status that is set again, as by each failed attempt, must not start the delay again.
    statusTimer ||= setTimeout(() => (statusLine.textContent = statusText), STATUS_DELAY);
    return;
  }
  clearTimeout(statusTimer);
  statusTimer = 0;
  statusLine.textContent = text;
}

const reportLost = () => setStatus("The connection is lost. This page goes on by itself when it is back.");
const reportUnreachable = () => setStatus("A part of the shop cannot be reached. This page goes on by itself.");

function show(html, newEtag) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const focused = document.activeElement;
  morph(part, template.content);
  // An element that was moved has lost the focus.
  if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
  etag = newEtag;
}

function stop() {
  clearTimeout(pollTimer);
  source?.close();
  source = null;
}

function stream() {
  stop();
  polls = 0;
  source = new EventSource(`${part.dataset.live}?since=${encodeURIComponent(etag)}`);
  source.onopen = () => setStatus("");
  source.onerror = () => {
    reportLost();
    // The browser connects again after a lost connection, but not after a refused one.
    if (source?.readyState === EventSource.CLOSED) poll();
  };
  source.addEventListener("shown", (event) => show(event.data, event.lastEventId));
  source.addEventListener("gone", () => location.reload());
  source.addEventListener("over", stop);
  source.addEventListener("away", reportUnreachable);
  source.addEventListener("back", () => setStatus(""));
}

async function poll() {
  stop();
  let seconds = DEFAULT_RETRY_SECONDS;
  try {
    const headers = { Accept: "text/html", "If-None-Match": `"${etag}"` };
    const reply = await fetch(part.dataset.live, { headers, cache: "no-store" });
    seconds = Number(reply.headers.get("Retry-After")) || seconds;
    // The order is deleted, or the reader is signed out: the reloaded page shows it.
    if (reply.status === 404 || reply.redirected) return location.reload();
    if (reply.status === 200) show(await reply.text(), reply.headers.get("ETag").replace(/^W\/|"/g, ""));
    if (reply.status === 200 || reply.status === 304) setStatus("");
    else reportUnreachable();
  } catch {
    reportLost();
  }
  polls += 1;
  pollTimer = setTimeout(polls < POLLS_BEFORE_STREAM ? poll : stream, seconds * SECOND * (0.75 + Math.random() / 2));
}

if (part) {
  const start = () => (document.hidden ? stop() : stream());
  document.addEventListener("visibilitychange", start);
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => event.persisted && start());
  start();
}
