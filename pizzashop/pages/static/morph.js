// Changes a part of the page into what it is to be, and leaves alone what is the same already: so a focus, an open
// question, what is typed and what is ticked stay, and a press of the mouse still meets the button that it began on.

/** Makes the content of `old` that of `fresh`; elements with an id are found again wherever they stand. */
export function morph(old, fresh) {
  const wanted = new Set([...fresh.children].map((child) => child.id).filter(Boolean));
  for (const child of [...old.children]) {
    if (child.id && !wanted.has(child.id)) child.remove();
  }
  const known = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let at = old.firstChild;
  for (const want of [...fresh.childNodes]) {
    const match = want.id ? known.get(want.id) : at && alike(at, want) ? at : null;
    if (!match) {
      old.insertBefore(want, at);
    } else {
      if (match === at) at = at.nextSibling;
      else old.insertBefore(match, at);
      renew(match, want);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function alike(one, other) {
  return one.nodeName === other.nodeName && !one.id;
}

function renew(node, want) {
  if (node.nodeName !== want.nodeName) {
    node.replaceWith(want);
  } else if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.nodeValue !== want.nodeValue) node.nodeValue = want.nodeValue;
  } else {
    renewAttributes(node, want);
    morph(node, want);
  }
}

function renewAttributes(node, want) {
  for (const { name, value } of [...want.attributes]) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  for (const { name } of [...node.attributes]) {
    // Whoever has opened a question closes it.
    if (!want.hasAttribute(name) && name !== "open") node.removeAttribute(name);
  }
}
