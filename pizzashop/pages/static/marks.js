// Forms that came later than their page, in a part that was renewed, have no mark of the session in them: the page has.

document.addEventListener("submit", ({ target: form }) => {
  const mark = document.querySelector('meta[name="csrf-token"]')?.content;
  if (!mark || form.method !== "post" || form.querySelector('input[name="csrf_token"]')) return;
  form.insertAdjacentElement("afterbegin", Object.assign(document.createElement("input"), { type: "hidden", name: "csrf_token", value: mark }));
});
