// The map: points by WebGL, names and marks as elements above them. Texts of documents come in as bytes and are shown
// by textContent only, so that nothing in them is read as HTML.

const NEAR = { mouse: 8, pen: 12, touch: 20 };
const MOST_ZOOM = 400;
const VERTEX = `attribute vec2 place; attribute vec4 colour; uniform vec4 view; uniform float size; varying vec4 shade;
void main() { gl_Position = vec4(place * view.xy + view.zw, 0.0, 1.0); gl_PointSize = size; shade = colour; }`;
const FRAGMENT = `precision mediump float; varying vec4 shade;
void main() { vec2 off = gl_PointCoord - 0.5; if (dot(off, off) > 0.25) discard; gl_FragColor = vec4(shade.rgb, 1.0) * shade.a; }`;

// What is looked at stays when the page is drawn again with other colours or another query.
const views = new WeakMap();

/** Takes the bytes apart that `ui.map_points.packed` put together. */
function unpacked(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  // Typed arrays must begin at a multiple of their numbers' size, which the message itself may not.
  const rest = bytes.slice(4 + length);
  const n = head.points;
  const places = new Float32Array(rest.buffer, 0, 2 * n);
  const ends = new Uint32Array(rest.buffer, 8 * n, n);
  const colours = rest.subarray(12 * n, 13 * n);
  const texts = rest.subarray(13 * n);
  const text = (i) => new TextDecoder().decode(texts.subarray(i ? ends[i - 1] : 0, ends[i]));
  return { head, n, places, colours, text };
}

function compiled(gl, kind, source) {
  const shader = gl.createShader(kind);
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

/** A function that draws all points; null where there is no WebGL. */
function painter(canvas, map) {
  const gl = canvas.getContext("webgl", { antialias: false });
  if (!gl) return null;
  const program = gl.createProgram();
  gl.attachShader(program, compiled(gl, gl.VERTEX_SHADER, VERTEX));
  gl.attachShader(program, compiled(gl, gl.FRAGMENT_SHADER, FRAGMENT));
  gl.linkProgram(program);
  gl.useProgram(program);
  const shades = new Uint8Array(4 * map.n);
  for (let i = 0; i < map.n; i++) shades.set(map.head.palette[map.colours[i]], 4 * i);
  const bind = (name, values, size, kind, scaled) => {
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    const at = gl.getAttribLocation(program, name);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, kind, scaled, 0, 0);
  };
  bind("place", map.places, 2, gl.FLOAT, false);
  bind("colour", shades, 4, gl.UNSIGNED_BYTE, true);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const [view, size] = ["view", "size"].map((name) => gl.getUniformLocation(program, name));
  return (scale, x, y, diameter) => {
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const [across, down] = [(2 * scale) / canvas.clientWidth, (2 * scale) / canvas.clientHeight];
    gl.uniform4f(view, across, down, -x * across, -y * down);
    gl.uniform1f(size, diameter * (canvas.width / canvas.clientWidth));
    gl.drawArrays(gl.POINTS, 0, map.n);
  };
}

function element(className, text, parent) {
  const made = document.createElement("div");
  made.className = className;
  made.textContent = text;
  made.dir = "auto";
  parent.append(made);
  return made;
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".map");
  const canvas = root.querySelector("canvas");
  const above = root.querySelector(".above");
  const tip = root.querySelector(".tip");
  const map = unpacked(data);
  const { head } = map;
  const stop = new AbortController();
  const listen = (target, kind, act, options = {}) =>
    target.addEventListener(kind, act, { ...options, signal: stop.signal });

  let view = views.get(canvas);
  if (!view || view.of !== head.id) views.set(canvas, (view = { of: head.id, x: 0, y: 0, zoom: 1 }));
  canvas.setAttribute("aria-label", head.label);
  let paint = painter(canvas, map);
  root.classList.toggle("blank", !paint);
  if (!paint) above.textContent = head.no_webgl;

  above.replaceChildren(...(paint ? [] : above.childNodes));
  const names = paint ? head.names.map((name) => ({ ...name, shown: element("name", name.text, above) })) : [];
  const marks = paint ? head.marks.map((mark) => ({ ...mark, shown: element(mark.kind, mark.text, above) })) : [];
  for (const name of names) [name.width, name.height] = [name.shown.offsetWidth, name.shown.offsetHeight];

  // Half of what the points take up, so that at first the map fills its place in one direction.
  const half = [1e-6, 1e-6];
  for (let i = 0; i < 2 * map.n; i++) half[i % 2] = Math.max(half[i % 2], Math.abs(map.places[i]));
  const scale = () => 0.46 * Math.min(canvas.clientWidth / half[0], canvas.clientHeight / half[1]) * view.zoom;
  const onScreen = (x, y) => [
    canvas.clientWidth / 2 + (x - view.x) * scale(),
    canvas.clientHeight / 2 - (y - view.y) * scale(),
  ];
  const onMap = (left, top) => [
    view.x + (left - canvas.clientWidth / 2) / scale(),
    view.y - (top - canvas.clientHeight / 2) / scale(),
  ];

  function draw() {
    frame = 0;
    if (!paint || !canvas.clientWidth) return;
    const sharp = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [Math.round(canvas.clientWidth * sharp), Math.round(canvas.clientHeight * sharp)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const diameter = map.n > 5000 ? 3 : map.n > 500 ? 5 : 9;
    paint(scale(), view.x, view.y, Math.min(diameter * view.zoom ** 0.35, 14));
    const taken = [];
    for (const name of names) {
      const [left, top] = onScreen(name.x, name.y);
      const box = [left - name.width / 2, top - name.height / 2, left + name.width / 2, top + name.height / 2];
      const free =
        box[2] > 0 && box[0] < canvas.clientWidth &&
        taken.every((other) => box[2] < other[0] || box[0] > other[2] || box[3] < other[1] || box[1] > other[3]);
      if (free) taken.push(box);
      name.shown.style.visibility = free ? "visible" : "hidden";
      name.shown.style.transform = `translate(${box[0]}px, ${box[1]}px)`;
    }
    for (const mark of marks) {
      const [left, top] = onScreen(mark.x, mark.y);
      mark.shown.style.transform = `translate(${left}px, ${top}px) translate(-50%, -50%)`;
    }
    root.dataset.drawn = Number(root.dataset.drawn || 0) + 1;
  }
  let frame = 0;
  const redraw = () => (frame ||= requestAnimationFrame(draw));

  function nearest(left, top, radius) {
    const [x, y] = onMap(left, top);
    let [found, least] = [-1, (radius / scale()) ** 2];
    for (let i = 0; i < map.n; i++) {
      const distance = (map.places[2 * i] - x) ** 2 + (map.places[2 * i + 1] - y) ** 2;
      if (distance < least) [found, least] = [i, distance];
    }
    return found;
  }

  function hover(left, top, radius) {
    const i = nearest(left, top, radius);
    canvas.style.cursor = i < 0 ? "grab" : "pointer";
    tip.hidden = i < 0;
    if (i < 0) return;
    const text = map.text(i);
    const cut = text.indexOf("\n");
    tip.replaceChildren();
    if (cut > 0) element("title", text.slice(0, cut), tip);
    element("start", text.slice(cut + 1), tip);
    // Beside the point, or above it where there is no room below, and never beyond the map's edges.
    const across = Math.min(left + 12, canvas.clientWidth - tip.offsetWidth - 4);
    const down = top + 12 + tip.offsetHeight < canvas.clientHeight ? top + 12 : top - 12 - tip.offsetHeight;
    tip.style.transform = `translate(${Math.max(across, 4)}px, ${Math.max(down, 4)}px)`;
  }

  function zoom(factor, left = canvas.clientWidth / 2, top = canvas.clientHeight / 2) {
    const [x, y] = onMap(left, top);
    view.zoom = Math.min(Math.max(view.zoom * factor, 0.5), MOST_ZOOM);
    const [nowX, nowY] = onMap(left, top);
    view.x += x - nowX;
    view.y += y - nowY;
    redraw();
  }

  const held = new Map();
  let moved = 0;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  listen(canvas, "pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (!held.size) moved = 0;
    held.set(event.pointerId, at(event));
    tip.hidden = true;
  });
  listen(canvas, "pointermove", (event) => {
    const here = at(event);
    const before = held.get(event.pointerId);
    if (!before) {
      hover(...here, NEAR[event.pointerType] || NEAR.mouse);
      return;
    }
    const others = [...held].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    held.set(event.pointerId, here);
    moved += Math.hypot(here[0] - before[0], here[1] - before[1]);
    const share = 1 / held.size;
    view.x -= ((here[0] - before[0]) * share) / scale();
    view.y += ((here[1] - before[1]) * share) / scale();
    if (others.length) {
      const apart = (place) => Math.max(Math.hypot(place[0] - others[0][0], place[1] - others[0][1]), 1);
      zoom(apart(here) / apart(before), (here[0] + others[0][0]) / 2, (here[1] + others[0][1]) / 2);
    }
    redraw();
  });
  listen(canvas, "pointerup", (event) => {
    const known = held.delete(event.pointerId);
    if (!known || held.size || moved > 6) return;
    const picked = nearest(...at(event), NEAR[event.pointerType] || NEAR.mouse);
    if (picked >= 0) setStateValue("picked", picked);
  });
  listen(canvas, "pointercancel", (event) => held.delete(event.pointerId));
  listen(canvas, "pointerleave", () => (tip.hidden = true));
  listen(
    canvas,
    "wheel",
    (event) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / (event.deltaMode ? 20 : 400)), ...at(event));
    },
    { passive: false },
  );
  listen(canvas, "keydown", (event) => {
    const step = 0.1 / view.zoom;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 1.3 : 1 / 1.3);
    else if (moves[event.key]) {
      view.x += moves[event.key][0];
      view.y += moves[event.key][1];
      redraw();
    } else return;
    event.preventDefault();
  });
  for (const [name, act] of Object.entries({
    nearer: () => zoom(1.6),
    further: () => zoom(1 / 1.6),
    whole: () => {
      Object.assign(view, { x: 0, y: 0, zoom: 1 });
      redraw();
    },
  })) {
    const button = root.querySelector(`.${name}`);
    button.setAttribute("aria-label", head[name]);
    button.title = head[name];
    listen(button, "click", act);
  }
  listen(canvas, "webglcontextlost", (event) => event.preventDefault());
  listen(canvas, "webglcontextrestored", () => {
    paint = painter(canvas, map);
    redraw();
  });
  const resized = new ResizeObserver(redraw);
  resized.observe(canvas);
  redraw();
  return () => {
    stop.abort();
    resized.disconnect();
    cancelAnimationFrame(frame);
  };
}
