// Keys of the page Search: "/" goes to the box, arrows from hit to hit, Enter opens one, Escape leads back. And Back and
// Forward of the browser, which Streamlit follows between pages only, step through searches. What was searched is kept
// among the recent searches (kept.js), and the address copied where it is asked for.

const typing = (element) => element.closest("input, textarea, select, [contenteditable], [role=slider], [role=listbox]");
const box = () => document.querySelector(".st-key-q input");
const hits = () => [...document.querySelectorAll('[class*="st-key-open_"] button')];

function step(by) {
  const all = hits();
  if (!all.length) return false;
  const at = all.indexOf(document.activeElement);
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
  if (!next) return false;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function pressed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const input = box();
  const inBox = event.target === input;
  if (event.key === "/" && input && !typing(event.target)) {
    input.focus();
    input.select();
  } else if (event.key === "ArrowDown" && (inBox || !typing(event.target)) && step(1)) {
  } else if (event.key === "ArrowUp" && !typing(event.target) && step(-1)) {
  } else if (event.key === "Escape" && !inBox && !typing(event.target)) {
    const back = document.querySelector(".st-key-back button");
    if (back) back.click();
    else if (input) input.focus();
    else return;
  } else return;
  event.preventDefault();
}

// Streamlit writes what stands in the box over the last address: here another query becomes an entry of the browser's
// history of its own, as it makes one of a document or a filter itself.
let shown = location.href;
let seen = shown;
// The last that is among the recent searches, and the index that was searched.
let kept = "";
let index = "";

const query = (href) => new URL(href).searchParams.get("q") ?? "";

// What is drawn another way when it changes.
const asked = (href) => {
  const named = new URL(href).searchParams;
  for (const name of ["why", "part", "page", "lang"]) named.delete(name);
  return named.toString();
};

function note() {
  const now = location.href;
  // While a page is drawn its address is on the way from one to another, over some between them.
  const rests = now === seen && !document.querySelector("[data-test-script-state=running]");
  seen = now;
  if (rests && now !== kept && query(now)) {
    kept = now;
    add(index, "recent", query(now), now);
  }
  if (now === shown || !rests) return;
  if (query(now) !== query(shown) && new URL(now).pathname === new URL(shown).pathname) {
    history.replaceState(history.state, "", shown);
    history.pushState(history.state, "", now);
  }
  shown = now;
}

// Streamlit follows Back and Forward between pages only.
function returned() {
  const now = location.href;
  if (new URL(now).pathname === new URL(shown).pathname && asked(now) !== asked(shown)) location.reload();
}

// Before it goes to another page, Streamlit empties the address, as an entry of its own: Back would stop there, at a page
// where nothing is asked. The other page takes that entry's place.
const SOON = 2000;
const push = history.pushState.bind(history);
let emptied = 0;

history.pushState = (state, title, address) => {
  const now = new URL(location.href);
  const next = new URL(address ?? now, now);
  if (next.pathname !== now.pathname && Date.now() - emptied < SOON && !now.search) {
    history.replaceState(state, title, address);
  } else push(state, title, address);
  emptied = next.pathname === now.pathname && now.search && !next.search ? Date.now() : 0;
};

// Where the clipboard's own way is closed, as it is for pages that are not of this machine and without TLS.
function copyByHand(text) {
  const field = Object.assign(document.createElement("textarea"), { value: text });
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

function clicked(event) {
  if (!event.target.closest?.(".st-key-copy_link button")) return;
  if (navigator.clipboard) navigator.clipboard.writeText(location.href).catch(() => copyByHand(location.href));
  else copyByHand(location.href);
}

export default function ({ data }) {
  index = data.index;
  document.documentElement.lang = data.lang;
  const input = box();
  if (data.focus && input && document.activeElement === document.body) input.focus();
  const watch = setInterval(note, 150);
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", clicked, true);
  window.addEventListener("popstate", returned);
  return () => {
    clearInterval(watch);
    document.removeEventListener("keydown", pressed);
    document.removeEventListener("click", clicked, true);
    window.removeEventListener("popstate", returned);
  };
}
