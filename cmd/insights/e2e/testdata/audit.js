// Faults of a page that a program can find, as a list of sentences. The limits are
// those of WCAG 2.2, level AA.
(() => {
  const faults = [];
  const name = (el) => `<${el.localName}${el.id ? "#" + el.id : ""}${typeof el.className === "string" && el.className ? "." + el.className.trim().replace(/\s+/g, ".") : ""}>`;
  const words = (el) => (el.textContent || "").trim().replace(/\s+/g, " ").slice(0, 40);
  const root = document.documentElement;
  root.getBoundingClientRect(); // begins the transitions to what has just changed
  for (const animation of document.getAnimations()) animation.finish();

  if (root.scrollWidth > root.clientWidth) {
    const wide = [...document.body.querySelectorAll("*")].find((el) => {
      if (el.getBoundingClientRect().right <= root.clientWidth + 0.5) return false;
      for (let up = el; up && up !== root; up = up.parentElement) {
        if (getComputedStyle(up).overflowX !== "visible") return false;
      }
      return true;
    });
    faults.push(`scrolls sideways: ${root.scrollWidth} of ${root.clientWidth} px, by ${wide ? name(wide) + ' "' + words(wide) + '"' : "something"}`);
  }
  if (!root.lang) faults.push("the page has no language");
  if (!document.title.trim()) faults.push("the page has no title");

  let level = 0;
  const headings = [...document.querySelectorAll("h1,h2,h3,h4,h5,h6")].filter((h) => h.checkVisibility());
  for (const h of headings) {
    const now = Number(h.localName[1]);
    if (now > level + 1) faults.push(`heading ${name(h)} "${words(h)}" comes after h${level || " nothing"}`);
    if (!words(h)) faults.push(`heading ${name(h)} is empty`);
    level = now;
  }
  const first = headings.filter((h) => h.localName === "h1").length;
  if (first !== 1) faults.push(`${first} headings of the first level`);

  for (const img of document.images) if (!img.hasAttribute("alt")) faults.push(`image ${img.src} has no alt`);
  for (const frame of document.querySelectorAll("iframe")) if (!frame.title) faults.push("a frame has no title");
  for (const el of document.querySelectorAll("input:not([type=hidden]),select,textarea")) {
    const label = el.labels && [...el.labels].some((l) => words(l));
    if (!label && !el.ariaLabel && !el.getAttribute("aria-labelledby")) faults.push(`form control ${name(el)} ${el.name} has no label`);
  }
  for (const el of document.querySelectorAll("a[href],button")) {
    if (!words(el) && !el.ariaLabel && !el.querySelector("img[alt]:not([alt=''])")) faults.push(`${name(el)} ${el.getAttribute("href") || ""} has no words`);
  }
  const ids = new Map();
  for (const el of document.querySelectorAll("[id]")) ids.set(el.id, (ids.get(el.id) || 0) + 1);
  for (const [id, n] of ids) if (n > 1) faults.push(`the id ${id} stands there ${n} times`);
  for (const el of document.querySelectorAll("[aria-labelledby],[aria-describedby]")) {
    for (const id of ((el.getAttribute("aria-labelledby") || "") + " " + (el.getAttribute("aria-describedby") || "")).trim().split(/\s+/)) {
      if (!document.getElementById(id)) faults.push(`${name(el)} points to #${id}, which is not there`);
    }
  }
  for (const a of document.querySelectorAll('a[href^="#"]')) {
    const id = decodeURIComponent(a.getAttribute("href").slice(1));
    if (id && !document.getElementById(id)) faults.push(`a link leads to #${id}, which is not there`);
  }

  // Contrast, of every text that can be seen, over what lies behind it.
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (colour) => {
    if (!known.has(colour)) {
      pen.clearRect(0, 0, 1, 1);
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
      known.set(colour, [r, g, b, a / 255]);
    }
    return known.get(colour);
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const canvasColour = () => {
    const probe = document.createElement("div");
    probe.style.backgroundColor = "Canvas";
    document.body.append(probe);
    const colour = rgba(getComputedStyle(probe).backgroundColor);
    probe.remove();
    return colour;
  };
  const paper = canvasColour();
  // What lies behind an element: its colour (null where there is a picture), and
  // how much of it all is seen.
  const grounds = new Map();
  const ground = (el) => {
    if (!el) return { colour: paper, opacity: 1 };
    if (!grounds.has(el)) {
      const up = ground(el.parentElement);
      const style = getComputedStyle(el);
      const own = rgba(style.backgroundColor);
      const below = own[3] === 1 ? own : up.colour && own[3] > 0 ? over(own, up.colour) : up.colour;
      grounds.set(el, { colour: style.backgroundImage === "none" ? below : null, opacity: up.opacity * Number(style.opacity) });
    }
    return grounds.get(el);
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const told = new Set();
  while (texts.nextNode()) {
    const el = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || ["SCRIPT", "STYLE", "NOSCRIPT"].includes(el.tagName)) continue;
    if (!el.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || el.closest("[aria-hidden=true]")) continue;
    const box = el.getBoundingClientRect();
    if (box.width <= 1 || box.height <= 1 || box.right < 0 || box.bottom < 0) continue; // for screen readers alone
    const style = getComputedStyle(el);
    const { colour: below, opacity } = ground(el);
    if (!below) continue;
    const ink = rgba(style.color);
    const seen = over([ink[0], ink[1], ink[2], ink[3] * opacity], below);
    const [a, b] = [light(seen), light(below)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const wanted = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const key = style.color + below + name(el);
    if (ratio < wanted - 0.005 && !told.has(key)) {
      told.add(key);
      faults.push(`contrast ${ratio.toFixed(2)} of ${name(el)} "${words(el)}": ${style.color} over rgb(${below.slice(0, 3).map(Math.round)}); ${wanted} wanted`);
    }
  }
  return faults;
})()
