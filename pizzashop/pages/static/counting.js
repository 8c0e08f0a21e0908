// Keeps times counting: `data-since` is when something began, `data-until` when something is expected, and
// `data-late-at` when a card becomes late. The texts are those of `running_text` and `countdown` in Python.

const SECOND = 1000;
const MAX_CLOCK_DIFFERENCE = 5 * SECOND; // a smaller difference is ignored

const twoDigits = (number) => String(number).padStart(2, "0");

/** Returns how far this machine's clock is behind the shop's, in milliseconds; `data-at` is when the page was made. */
function clockDifference() {
  const page = document.querySelector("[data-at]");
  return page ? Date.parse(page.dataset.at) - (performance.timeOrigin + performance.now()) : 0;
}

function runningText(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  return hours
    ? `${hours}:${twoDigits(minutes)}:${twoDigits(whole % 60)}`
    : `${minutes}:${twoDigits(whole % 60)}`;
}

function roughDuration(seconds) {
  if (seconds < 90) return `${5 * Math.ceil(seconds / 5)} seconds`;
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} minutes` : `${Math.ceil(seconds / 3600)} hours`;
}

function countdown(until, now) {
  const seconds = (until - now) / SECOND;
  if (seconds <= 0) return "any moment now";
  const at = new Date(until);
  const moment = seconds > 600 ? `, at ${twoDigits(at.getHours())}:${twoDigits(at.getMinutes())}` : "";
  return `in about ${roughDuration(seconds)}${moment}`;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function update(difference) {
  const now = Date.now() + difference;
  for (const time of document.querySelectorAll("[data-since]")) {
    setText(time, runningText((now - Date.parse(time.dataset.since)) / SECOND));
  }
  for (const time of document.querySelectorAll("[data-until]")) {
    setText(time, countdown(Date.parse(time.dataset.until), now));
  }
  for (const card of document.querySelectorAll("[data-late-at]")) {
    card.classList.toggle("late", Date.parse(card.dataset.lateAt) <= now);
  }
}

const difference = Math.abs(clockDifference()) < MAX_CLOCK_DIFFERENCE ? 0 : clockDifference();
setInterval(() => update(difference), SECOND);
