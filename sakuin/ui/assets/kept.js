// Recent and saved searches, in the storage of the reader's browser: no server, and no other reader, learns of them. They
// are kept by index, for at one address another index may be shown later.

const MOST = { recent: 12, saved: 200 };
// What of an address is no part of a search.
const PASSING = ["doc", "of", "at", "part", "cut", "why", "page", "results", "lang"];

function listed(index, kind) {
  try {
    const found = JSON.parse(localStorage.getItem(`sakuin:${index}:${kind}`));
    return found.filter((one) => typeof one.name === "string" && String(one.address).startsWith("?"));
  } catch {
    return [];
  }
}

function write(index, kind, list) {
  try {
    localStorage.setItem(`sakuin:${index}:${kind}`, JSON.stringify(list.slice(0, MOST[kind])));
  } catch {
    // A browser that keeps nothing, or is full: searching goes on without.
  }
}

function add(index, kind, name, href) {
  const named = new URL(href).searchParams;
  for (const passing of PASSING) named.delete(passing);
  const others = listed(index, kind).filter((one) => one.name !== name);
  write(index, kind, [{ name, address: `?${named}` }, ...others]);
}

function forget(index, kind, name) {
  write(index, kind, listed(index, kind).filter((one) => one.name !== name));
}
