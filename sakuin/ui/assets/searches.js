// Lists of recent and saved searches, drawn from the browser's storage (kept.js), and the box that saves one.

function element(tag, text, values = {}) {
  const made = Object.assign(document.createElement(tag), values);
  made.textContent = text;
  return made;
}

function list(root, data, kind) {
  const found = listed(data.index, kind);
  if (!found.length) return;
  root.append(element("h3", data.words[kind]));
  const items = document.createElement("ul");
  for (const { name, address } of found) {
    const item = document.createElement("li");
    const away = element("button", "×", { type: "button", title: `${data.words.forget}: ${name}` });
    away.setAttribute("aria-label", `${data.words.forget}: ${name}`);
    away.onclick = () => {
      forget(data.index, kind, name);
      draw(root, data);
    };
    item.append(element("a", name, { href: address, dir: "auto" }), away);
    items.append(item);
  }
  root.append(items);
}

function saving(root, data) {
  const form = document.createElement("form");
  const name = element("input", "", { type: "text", maxLength: 100, value: data.query, required: true });
  name.setAttribute("aria-label", data.words.name);
  name.placeholder = data.words.name;
  form.append(name, element("button", data.words.save, { type: "submit" }));
  form.onsubmit = (event) => {
    event.preventDefault();
    if (!name.value.trim()) return;
    add(data.index, "saved", name.value.trim(), location.href);
    draw(root, data);
  };
  root.append(form);
}

function draw(root, data) {
  root.replaceChildren();
  if (data.saves) saving(root, data);
  list(root, data, "saved");
  if (!data.saves) list(root, data, "recent");
}

export default function ({ data, parentElement }) {
  draw(parentElement.querySelector(".searches"), data);
}
