// Scrolls to the passage that the address names, once for each place: what is drawn anew does not move the reader.

let shown = "";

export default function (component) {
  const { document: name, at } = component.data;
  const place = `${name} ${at}`;
  if (place === shown) return;
  shown = place;
  if (at === null) return;
  // The passages may be drawn after this.
  let tries = 0;
  const look = () => {
    const chosen = document.querySelector(".sk-passage.chosen");
    if (chosen) chosen.scrollIntoView({ block: "center" });
    else if (tries++ < 40) setTimeout(look, 50);
  };
  setTimeout(look, 50);
}
