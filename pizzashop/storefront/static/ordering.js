// The menu: what is chosen stands beside the button, which can be pressed once.
const form = document.getElementById("ordering");
const [chosen, price, button] = ["chosen", "price", "order"].map((id) => document.getElementById(id));

function show() {
  const choice = form.querySelector("[name=choice]:checked");
  if (!choice) return;
  chosen.textContent = choice.dataset.says;
  price.textContent = choice.dataset.price;
  button.textContent = `Order for ${choice.dataset.price}`;
}

form.addEventListener("change", show);
form.addEventListener("submit", (event) => {
  // A second press would be the same order: it only looks as if nothing had happened.
  if (button.getAttribute("aria-disabled")) event.preventDefault();
  button.setAttribute("aria-disabled", "true");
  button.textContent = "Ordering…";
});
// Back from the order's page the browser shows this one as it was left.
addEventListener("pageshow", () => {
  button.removeAttribute("aria-disabled");
  show();
});
