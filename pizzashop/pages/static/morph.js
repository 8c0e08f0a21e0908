// Changes a part of the page into new content, and leaves alone what is the same already. So the focus, open questions,
// typed texts and ticked boxes stay, and a mouse button is released over the element on which it was pressed.

/** Makes the content of `old` that of `fresh`; an element with an id is found again wherever it stands. */
export function morph(old, fresh) {
  const freshIds = new Set([...fresh.children].map((child) => child.id).filter(Boolean));
  for (const child of [...old.children]) {
    if (child.id && !freshIds.has(child.id)) child.remove();
  }
  const oldById = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let next = old.firstChild;
  for (const node of [...fresh.childNodes]) {
    const match = node.id ? oldById.get(node.id) : next && isAlike(next, node) ? next : null;
    if (!match) {
      old.insertBefore(node, next);
    } else {
      if (match === next) next = next.nextSibling;
      else old.insertBefore(match, next);
      update(match, node);
    }
  }
  while (next) {
    const superfluous = next;
    next = next.nextSibling;
    superfluous.remove();
  }
}

function isAlike(node, other) {
  return node.nodeName === other.nodeName && !node.id;
}

function update(node, fresh) {
  if (node.nodeName !== fresh.nodeName) {
    node.replaceWith(fresh);
  } else if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.nodeValue !== fresh.nodeValue) node.nodeValue = fresh.nodeValue;
  } else {
    updateAttributes(node, fresh);
    morph(node, fresh);
  }
}

function updateAttributes(node, fresh) {
  for (const { name, value } of [...fresh.attributes]) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  for (const { name } of [...node.attributes]) {
    // A question that somebody opened stays open.
    if (!fresh.hasAttribute(name) && name !== "open") node.removeAttribute(name);
  }
}
