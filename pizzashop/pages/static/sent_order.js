// The id of the order that this tab has sent, until the page of that order is open: before that it is unknown whether
// the order arrived.

const KEY = "pizzashop.sent";

/** Returns the id; null where there is none, or where the browser stores nothing. */
export function readSentId() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Stores `id`; null removes it. */
export function storeSentId(id) {
  try {
    if (id) sessionStorage.setItem(KEY, id);
    else sessionStorage.removeItem(KEY);
  } catch {
    // The browser stores nothing: a form that is loaded again then has another id, as without scripts.
  }
}
