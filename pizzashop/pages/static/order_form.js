// The order form: shows the choice beside the button. Two clicks make one order, because the form has the order's id.
import { readSentId, storeSentId } from "./sent_order.js";

const DOUBLE_CLICK_MS = 700; // a second click within this time is ignored
const RETRY_MS = 6000; // after this time without an answer the button can be used again

const form = document.getElementById("ordering");
const [chosen, price, button] = ["chosen", "price", "order"].map((id) => document.getElementById(id));
let [sentAt, retryTimer, sendTimer] = [-Infinity, 0, 0];

function showChoice() {
  clearTimeout(retryTimer);
  button.removeAttribute("aria-busy");
  const choice = form.querySelector("[name=choice]:checked");
  button.textContent = choice ? `Order for ${choice.dataset.price}` : "Order";
  if (!choice) return;
  chosen.textContent = choice.dataset.says;
  price.textContent = choice.dataset.price;
}

// While the shop takes no order, the page sends it again. After a change the customer has to send it.
function sendAgain() {
  const retrying = document.getElementById("retrying");
  const [seconds, jitter] = [Number(form.dataset.retrySeconds), 1 + Math.random() / 4];
  if (!seconds || !retrying) return;
  retrying.hidden = false;
  document.getElementById("again").hidden = true;
  sendTimer = setTimeout(() => form.requestSubmit(button), 1000 * seconds * jitter);
}

function stopSendingAgain() {
  clearTimeout(sendTimer);
  const retrying = document.getElementById("retrying");
  if (!retrying) return;
  retrying.hidden = true;
  document.getElementById("again").hidden = false;
}

form.addEventListener("change", showChoice);
form.addEventListener("input", stopSendingAgain);
form.addEventListener("submit", (event) => {
  clearTimeout(sendTimer);
  if (performance.now() - sentAt < DOUBLE_CLICK_MS) {
    event.preventDefault();
    return;
  }
  sentAt = performance.now();
  storeSentId(form.elements.order_id.value);
  button.setAttribute("aria-busy", "true");
  button.textContent = "Ordering…";
  // No browser reliably tells a page that its request was stopped, or answered without content (204).
  clearTimeout(retryTimer);
  retryTimer = setTimeout(showChoice, RETRY_MS);
});
addEventListener("offline", showChoice);
globalThis.navigation?.addEventListener("navigateerror", showChoice);

// After "back" the browser shows this page as it was, or loads it again: then it takes the id that was sent.
addEventListener("pageshow", () => {
  if (form.dataset.used) storeSentId(null);
  else form.elements.order_id.value = readSentId() ?? form.elements.order_id.value;
  showChoice();
});
addEventListener("pagehide", stopSendingAgain);
sendAgain();
