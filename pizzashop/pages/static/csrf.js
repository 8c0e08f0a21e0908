// Adds the CSRF token of the page to forms without one: the forms in a part that was replaced after the page was loaded.

document.addEventListener("submit", ({ target: form }) => {
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  if (!token || form.method !== "post" || form.querySelector('input[name="csrf_token"]')) return;
  const field = Object.assign(document.createElement("input"), { type: "hidden", name: "csrf_token", value: token });
  form.insertAdjacentElement("afterbegin", field);
});
