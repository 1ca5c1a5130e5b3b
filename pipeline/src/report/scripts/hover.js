// Values under the pointer: what a shape is called, and the curves of a panel read back into numbers.
(() => {
  document.documentElement.classList.add("scripted");
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);

  const show = (text, event) => {
    tip.textContent = text;
    tip.hidden = false;
    const right = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    const below = event.clientY + 16 + tip.offsetHeight < innerHeight;
    tip.style.left = Math.max(4, right) + "px";
    tip.style.top = (below ? event.clientY + 16 : event.clientY - tip.offsetHeight - 10) + "px";
  };

  // "scale px0 px1 value0 value1" and back from a pixel to a value.
  const axis = (text) => {
    const [scale, ...ends] = text.split(" ");
    const [p0, p1, v0, v1] = ends.map(Number);
    return (px) => {
      const share = (px - p0) / (p1 - p0);
      return scale === "log" ? v0 * (v1 / v0) ** share : v0 + share * (v1 - v0);
    };
  };
  const short = (value) => String(Number(value.toPrecision(3))).replace("-", "−");
  const points = (curve) =>
    (curve.points ??= curve.getAttribute("d").split(/[ML]/).slice(1).map((pair) => pair.split(" ").map(Number)));

  // A shape's title, taken from the browser so that it is not shown twice.
  const name = (shape) => {
    const title = shape.querySelector(":scope > title");
    if (title) {
      shape.setAttribute("aria-label", title.textContent);
      title.remove();
    }
    return shape.tagName === "svg" ? null : shape.getAttribute("aria-label");
  };

  const read = (panel, event) => {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(panel.getScreenCTM().inverse());
    const x = axis(panel.dataset.x), y = axis(panel.dataset.y);
    const lines = [];
    let at = null;
    for (const curve of panel.querySelectorAll(".curve")) {
      let nearest = null;
      for (const point of points(curve)) {
        if (!nearest || Math.abs(point[0] - place.x) < Math.abs(nearest[0] - place.x)) nearest = point;
      }
      if (!nearest) continue;
      at ??= nearest[0];
      lines.push(`${curve.dataset.name}: ${short(y(nearest[1]))} ${panel.dataset.yName}`.trim());
    }
    if (at === null) return;
    const cursor = panel.querySelector(".cursor");
    cursor.setAttribute("x1", at);
    cursor.setAttribute("x2", at);
    panel.classList.add("reading");
    const where = panel.dataset.xName === "epoch" ? `epoch ${short(x(at))}` : `${short(x(at))} ${panel.dataset.xName}`;
    show([where, ...lines].join("\n"), event);
  };

  document.addEventListener("pointermove", (event) => {
    for (const panel of document.querySelectorAll(".panel.reading")) panel.classList.remove("reading");
    tip.hidden = true;
    if (!(event.target instanceof Element)) return;
    const panel = event.target.closest(".panel");
    if (panel) return read(panel, event);
    for (let shape = event.target; shape instanceof SVGElement; shape = shape.parentElement) {
      const text = name(shape);
      if (text) return show(text, event);
    }
  });

  // The contents follow the reader.
  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const sections = [...document.querySelectorAll("main > section")];
  const mark = () => {
    const passed = sections.filter((section) => section.getBoundingClientRect().top < innerHeight / 3);
    const here = passed.at(-1) ?? sections[0];
    for (const [id, link] of links) link.classList.toggle("here", id === here?.id);
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
})();
