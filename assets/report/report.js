// Shows the row under the pointer on the map. Without this the map is a still picture.
(() => {
  const box = document.querySelector(".mapbox");
  if (!box) return;
  const tip = box.querySelector(".tip");
  const dots = [...box.querySelectorAll("circle")];
  const { names, labels, sheet, across, side } = JSON.parse(document.getElementById("map-data").textContent);
  const at = dots.map((dot) => [+dot.getAttribute("cx"), +dot.getAttribute("cy")]);
  const face = document.createElement("i");
  const words = document.createElement("span");
  if (sheet) {
    face.style.backgroundImage = `url(${sheet})`;
    face.style.backgroundSize = `${across * 64}px auto`;
    tip.append(face);
  }
  tip.append(words);
  const show = (event) => {
    const frame = box.querySelector("svg").getBoundingClientRect();
    const x = ((event.clientX - frame.left) / frame.width) * 480;
    const y = ((event.clientY - frame.top) / frame.height) * 480;
    let best = -1;
    let least = 100;
    at.forEach(([px, py], i) => {
      const apart = (px - x) ** 2 + (py - y) ** 2;
      if (apart < least) [least, best] = [apart, i];
    });
    if (best < 0) return hide();
    if (sheet) face.style.backgroundPosition = `-${(best % across) * 64}px -${Math.floor(best / across) * 64}px`;
    words.textContent = labels.length ? names[labels[best]] ?? String(labels[best]) : `row ${best + 1}`;
    tip.style.display = "block";
    tip.style.left = `${Math.min((at[best][0] / 480) * frame.width + 12, frame.width - 84)}px`;
    tip.style.top = `${(at[best][1] / 480) * frame.height + 12}px`;
  };
  const hide = () => (tip.style.display = "none");
  box.addEventListener("pointermove", show);
  box.addEventListener("pointerleave", hide);
})();
