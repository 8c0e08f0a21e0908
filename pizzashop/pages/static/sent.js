// The id of an order that this tab has sent, until its page is seen: whether it arrived is not known before.

const KEY = "pizzashop.sent";

/** The id, or null; also where the browser keeps nothing. */
export function sent() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Keep `id`; null forgets it. */
export function keepSent(id) {
  try {
    if (id) sessionStorage.setItem(KEY, id);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Nothing is kept: a page that is loaded anew then has another id, as without scripts.
  }
}
