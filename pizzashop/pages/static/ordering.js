// The menu: what is chosen stands beside the button. Pressed twice it makes one order: the form names the order.
import { keepSent, sent } from "./sent.js";

const DOUBLE_CLICK = 700; // milliseconds within which a second press is none
const PATIENCE = 6000; // milliseconds after which the button offers itself again

const form = document.getElementById("ordering");
const [chosen, price, button] = ["chosen", "price", "order"].map((id) => document.getElementById(id));
let [sentAt, waiting] = [-Infinity, 0];

function show() {
  clearTimeout(waiting);
  button.removeAttribute("aria-busy");
  const choice = form.querySelector("[name=choice]:checked");
  button.textContent = choice ? `Order for ${choice.dataset.price}` : "Order";
  if (!choice) return;
  chosen.textContent = choice.dataset.says;
  price.textContent = choice.dataset.price;
}

form.addEventListener("change", show);
form.addEventListener("submit", (event) => {
  if (performance.now() - sentAt < DOUBLE_CLICK) {
    event.preventDefault();
    return;
  }
  sentAt = performance.now();
  keepSent(form.elements.order_id.value);
  button.setAttribute("aria-busy", "true");
  button.textContent = "Ordering…";
  // No browser tells a page for certain that its request was stopped, or answered with nothing (204).
  clearTimeout(waiting);
  waiting = setTimeout(show, PATIENCE);
});
addEventListener("offline", show);
globalThis.navigation?.addEventListener("navigateerror", show);

// Back from another page the browser shows this one as it was left, or loads it anew: then with the id that was sent.
addEventListener("pageshow", () => {
  if (form.dataset.used) keepSent(null);
  else form.elements.order_id.value = sent() ?? form.elements.order_id.value;
  show();
});
