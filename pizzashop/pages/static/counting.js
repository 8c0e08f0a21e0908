// Times that count on: `data-since` is when something began, `data-until` when it is to be expected, and `data-late-at`
// when a card becomes late.

const SECOND = 1000;

/** How far this machine's clock is behind the shop's, in milliseconds: as the page says when it was made. */
function behind() {
  const made = document.querySelector("[data-at]");
  return made ? Date.parse(made.dataset.at) - (performance.timeOrigin + performance.now()) : 0;
}

function counting(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const two = (number) => String(number).padStart(2, "0");
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function roughly(seconds) {
  if (seconds < 90) return `${5 * Math.ceil(seconds / 5)} seconds`;
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} minutes` : `${Math.ceil(seconds / 3600)} hours`;
}

function soon(until, now) {
  const seconds = (until - now) / SECOND;
  if (seconds <= 0) return "any moment now";
  const two = (number) => String(number).padStart(2, "0");
  const at = new Date(until);
  return `in about ${roughly(seconds)}` + (seconds > 600 ? `, at ${two(at.getHours())}:${two(at.getMinutes())}` : "");
}

function tick(ahead) {
  const now = Date.now() + ahead;
  for (const time of document.querySelectorAll("[data-since]")) {
    const text = counting((now - Date.parse(time.dataset.since)) / SECOND);
    if (time.textContent !== text) time.textContent = text;
  }
  for (const time of document.querySelectorAll("[data-until]")) {
    const text = soon(Date.parse(time.dataset.until), now);
    if (time.textContent !== text) time.textContent = text;
  }
  for (const card of document.querySelectorAll("[data-late-at]")) {
    card.classList.toggle("late", Date.parse(card.dataset.lateAt) <= now);
  }
}

const ahead = Math.abs(behind()) < 5 * SECOND ? 0 : behind();
setInterval(() => tick(ahead), SECOND);
