// Turns the phase portrait with the pointer. The same projection as in space.rs.
(() => {
  const figure = document.querySelector(".turning");
  const source = document.querySelector("script.points");
  if (!figure || !source) return;
  const cube = JSON.parse(source.textContent);
  const svg = figure.querySelector("svg");
  const half = svg.viewBox.baseVal.width / 2;
  let [azimuth, elevation] = cube.view;

  const project = ([x, y, z]) => {
    const right = x * Math.cos(azimuth) + y * Math.sin(azimuth);
    const away = y * Math.cos(azimuth) - x * Math.sin(azimuth);
    const up = z * Math.cos(elevation) + away * Math.sin(elevation);
    return [right, up];
  };
  const pixel = (point) => {
    const [right, up] = project(point);
    return [half + (half / cube.reach) * right, half - (half / cube.reach) * up];
  };
  const path = (points, joined) => {
    let text = "", down = false;
    for (const point of points) {
      if (point.includes(null)) { down = false; continue; }
      const [x, y] = pixel(point);
      text += (down ? "L" : "M") + x.toFixed(1) + " " + y.toFixed(1) + (joined ? "" : "h0");
      down = joined;
    }
    return text;
  };
  const edges = svg.querySelectorAll("line.edge"), names = svg.querySelectorAll("text.edge");
  const markers = svg.querySelectorAll(".marker");

  const draw = () => {
    for (const name of ["data", "simulated"]) {
      svg.querySelector(`[data-name=${name}]`).setAttribute("d", path(cube[name], cube[name + "_joined"]));
    }
    cube.fixed_points.forEach((point, i) => {
      const [x, y] = pixel(point);
      markers[i].setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    });
    edges.forEach((edge, i) => {
      const [right, up] = project([0, 1, 2].map((axis) => Number(axis === i)));
      const at = (length) => [cube.triad[0] + length * right, cube.triad[1] - length * up];
      const to = at(cube.triad_length), name = at(1.4 * cube.triad_length);
      edge.setAttribute("x2", to[0]);
      edge.setAttribute("y2", to[1]);
      names[i].setAttribute("x", name[0]);
      names[i].setAttribute("y", name[1] + 4);
    });
  };

  let last = null;
  figure.classList.add("live");
  figure.addEventListener("pointerdown", (event) => {
    last = [event.clientX, event.clientY];
    figure.setPointerCapture(event.pointerId);
  });
  figure.addEventListener("pointermove", (event) => {
    if (!last) return;
    azimuth += (event.clientX - last[0]) / 120;
    elevation = Math.max(-1.57, Math.min(1.57, elevation + (event.clientY - last[1]) / 120));
    last = [event.clientX, event.clientY];
    requestAnimationFrame(draw);
  });
  for (const end of ["pointerup", "pointercancel"]) figure.addEventListener(end, () => { last = null; });
})();
