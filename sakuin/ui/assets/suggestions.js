// Suggestions below the box for the query, while it is typed: of the browser's storage (kept.js) at once, and titles and
// headings of documents, which the server is asked for when typing rests. Arrows choose, Enter takes, Escape closes.

const REST = 200;
const MOST_KEPT = 3;
const ID = "sakuin-suggestions";

const box = () => document.querySelector(".st-key-q input");

let list = null;
let chosen = -1;
let shownFor = "";
let closed = true;
let timer = 0;
let asking = () => {};
let latest = { data: { index: "", typed: "", found: [], words: {} } };

const plain = (text) => text.normalize("NFKC").toLowerCase();

// Recent and saved queries that have what is typed.
function kept(typed) {
  const found = [];
  for (const kind of ["saved", "recent"]) {
    const alike = listed(latest.data.index, kind).filter(
      (one) => plain(one.name).includes(plain(typed)) && one.name !== typed,
    );
    found.push(...alike.slice(0, MOST_KEPT).map((one) => ({ text: one.name, kind, address: one.address })));
  }
  return found;
}

function entries(typed) {
  const titles = latest.data.typed === typed ? latest.data.found : [];
  const all = [...kept(typed), ...titles.map((text) => ({ text, kind: "title" }))];
  return all.filter((one, at) => all.findIndex((other) => other.text === one.text) === at);
}

function close() {
  closed = true;
  chosen = -1;
  list?.remove();
  list = null;
  const input = box();
  input?.removeAttribute("aria-activedescendant");
  input?.removeAttribute("aria-controls");
}

function choose(number) {
  chosen = number;
  const options = [...(list?.children ?? [])];
  options.forEach((option, at) => option.setAttribute("aria-selected", String(at === chosen)));
  options[chosen]?.scrollIntoView({ block: "nearest" });
  if (chosen < 0) box()?.removeAttribute("aria-activedescendant");
  else box()?.setAttribute("aria-activedescendant", options[chosen].id);
}

// What stands in the box is Streamlit's; it takes a text as if it were typed.
function take(one) {
  close();
  if (one.kind === "saved") {
    location.assign(one.address);
    return;
  }
  const input = box();
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, one.text);
  shownFor = one.text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", code: "Enter", keyCode: 13, bubbles: true }));
  close();
}

function place() {
  const input = box();
  if (!list || !input) return;
  const { left, bottom, width } = (input.closest('[data-testid="stTextInputRootElement"]') ?? input).getBoundingClientRect();
  Object.assign(list.style, { left: `${left}px`, top: `${bottom + 4}px`, width: `${width}px` });
}

function draw() {
  const input = box();
  const typed = input?.value ?? "";
  const found = closed || !typed.trim() ? [] : entries(typed);
  if (!found.length) {
    const was = closed;
    close();
    closed = was;
    return;
  }
  const before = list?.children[chosen]?.dataset.text;
  list?.remove();
  list = document.createElement("ul");
  Object.assign(list, { id: ID, className: "sk-suggestions" });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", latest.data.words.label);
  found.forEach((one, number) => {
    const item = document.createElement("li");
    item.id = `${ID}-${number}`;
    item.dataset.text = one.text;
    item.setAttribute("role", "option");
    const text = document.createElement("span");
    text.dir = "auto";
    text.textContent = one.text;
    const kind = document.createElement("small");
    kind.textContent = latest.data.words[one.kind];
    item.append(text, kind);
    // Before the box loses the focus.
    item.onmousedown = (event) => {
      event.preventDefault();
      take(one);
    };
    list.append(item);
  });
  // As the page is: its theme is told by no attribute.
  const style = getComputedStyle(document.querySelector(".stApp") ?? document.body);
  Object.assign(list.style, { background: style.backgroundColor, color: style.color, fontFamily: style.fontFamily });
  // Within the page's main part, where readers of screens look for it.
  (document.querySelector('[data-testid="stMain"]') ?? document.body).append(list);
  input.setAttribute("aria-controls", ID);
  choose(found.findIndex((one) => one.text === before));
  place();
}

function typedInto(event) {
  if (event.target !== box() || event.target.value === shownFor) return;
  shownFor = event.target.value;
  closed = !shownFor.trim();
  draw();
  clearTimeout(timer);
  if (!closed) timer = setTimeout(() => asking(shownFor), REST);
}

function pressed(event) {
  if (event.target !== box() || event.isComposing || event.keyCode === 229) return;
  if (event.key === "Enter" && chosen < 0) {
    clearTimeout(timer);
    close();
    return;
  }
  if (!list) return;
  const number = list.children.length;
  if (event.key === "ArrowDown") choose(chosen + 1 < number ? chosen + 1 : -1);
  else if (event.key === "ArrowUp") choose(chosen < 0 ? number - 1 : chosen - 1);
  else if (event.key === "Escape") close();
  else if (event.key === "Enter") take(entries(box().value)[chosen]);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

const left = (event) => event.target === box() && close();

export default function (component) {
  latest = component;
  box()?.setAttribute("aria-autocomplete", "list");
  asking = (typed) => component.setStateValue("typed", typed);
  draw();
  document.addEventListener("input", typedInto, true);
  document.addEventListener("keydown", pressed, true);
  document.addEventListener("focusout", left, true);
  window.addEventListener("scroll", place, true);
  window.addEventListener("resize", place);
  return () => {
    document.removeEventListener("input", typedInto, true);
    document.removeEventListener("keydown", pressed, true);
    document.removeEventListener("focusout", left, true);
    window.removeEventListener("scroll", place, true);
    window.removeEventListener("resize", place);
    if (!box()) close();
  };
}
