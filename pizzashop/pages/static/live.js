// Keeps the part of a page that is marked with `data-live` up to date: told by server-sent events, or, where the shop
// has no place for one more, by asking every few seconds. A page that nobody sees asks for nothing.
import { morph } from "./morph.js";

const SECOND = 1000;
const QUIET = 1.5 * SECOND; // a connection that is back so soon was not lost
const STREAM_AFTER = 6; // how often it is asked before a stream is tried again

const region = document.querySelector("[data-live]");
const line = document.getElementById("connection");
let mark = region?.dataset.mark ?? "";
let [source, timer, asked, telling, words] = [null, 0, 0, 0, ""];

function say(text) {
  words = text;
  if (text && line.textContent === "") {
    // Said again meanwhile, as at each vain try, it must not wait anew.
    telling ||= setTimeout(() => (line.textContent = words), QUIET);
    return;
  }
  clearTimeout(telling);
  telling = 0;
  line.textContent = text;
}

const lost = () => say("The connection is lost. This page goes on by itself when it is back.");
const away = () => say("A part of the shop cannot be reached. This page goes on by itself.");

function show(html, newMark) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const focused = document.activeElement;
  morph(region, fresh.content);
  // What was moved has lost it.
  if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
  mark = newMark;
}

function stop() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

function stream() {
  stop();
  asked = 0;
  source = new EventSource(`${region.dataset.live}?since=${encodeURIComponent(mark)}`);
  source.onopen = () => say("");
  source.onerror = () => {
    lost();
    // It comes again by itself where it was cut off; where it was turned away it does not.
    if (source?.readyState === EventSource.CLOSED) ask();
  };
  source.addEventListener("shown", (event) => show(event.data, event.lastEventId));
  source.addEventListener("gone", () => location.reload());
  source.addEventListener("over", stop);
  source.addEventListener("away", away);
  source.addEventListener("back", () => say(""));
}

async function ask() {
  stop();
  let seconds = 4;
  try {
    const headers = { Accept: "text/html", "If-None-Match": `"${mark}"` };
    const reply = await fetch(region.dataset.live, { headers, cache: "no-store" });
    seconds = Number(reply.headers.get("Retry-After")) || seconds;
    // Gone, or signed out meanwhile: the page itself says so.
    if (reply.status === 404 || reply.redirected) return location.reload();
    if (reply.status === 200) show(await reply.text(), reply.headers.get("ETag").replace(/^W\/|"/g, ""));
    if (reply.status === 200 || reply.status === 304) say("");
    else away();
  } catch {
    lost();
  }
  asked += 1;
  timer = setTimeout(asked < STREAM_AFTER ? ask : stream, seconds * SECOND * (0.75 + Math.random() / 2));
}

if (region) {
  const begin = () => (document.hidden ? stop() : stream());
  document.addEventListener("visibilitychange", begin);
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => event.persisted && begin());
  begin();
}
