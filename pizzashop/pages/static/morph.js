// Changes a part of the page into new content, and leaves alone what is the same already. So the focus, open questions,
// typed texts and ticked boxes stay, and a mouse button is released over the element on which it was pressed.

/** Makes the content of `old` that of `target`; an element with an id is found again wherever it is. */
export function morph(old, target) {
  const targetIds = new Set([...target.children].map((child) => child.id).filter(Boolean));
  for (const child of [...old.children]) {
    if (child.id && !targetIds.has(child.id)) child.remove();
  }
  const oldById = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let next = old.firstChild;
  for (const node of [...target.childNodes]) {
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

function update(node, target) {
  if (node.nodeName !== target.nodeName) {
    node.replaceWith(target);
  } else if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.nodeValue !== target.nodeValue) node.nodeValue = target.nodeValue;
  } else {
    updateAttributes(node, target);
    morph(node, target);
  }
}

function updateAttributes(node, target) {
  for (const { name, value } of [...target.attributes]) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  for (const { name } of [...node.attributes]) {
    // A question that somebody opened stays open.
    if (!target.hasAttribute(name) && name !== "open") node.removeAttribute(name);
  }
}
