// A quantisation table as a heat map: fine steps light, coarse steps dark.
import { make } from "./dom.js";

const FROM = [222, 240, 233];
const TO = [98, 28, 84];

/** A table of 8 rows of 8 steps, low frequencies first. */
export function heatMap(name, table) {
  const cell = (step) => {
    const share = Math.sqrt(Math.max(0, step - 1) / 254);
    const colour = FROM.map((from, index) => Math.round(from + (TO[index] - from) * Math.min(1, share)));
    const element = make("td", {}, String(step));
    element.style.backgroundColor = `rgb(${colour.join(" ")})`;
    element.style.color = luminance(colour) > 0.179 ? "#000" : "#fff";
    return element;
  };
  const rows = table.map((row) => make("tr", {}, ...row.map(cell)));
  return make("table", { className: "heat" }, make("caption", {}, name), make("tbody", {}, ...rows));
}

/** Relative luminance of an sRGB colour (WCAG 2); above 0.179 black text has more contrast than white. */
function luminance(colour) {
  const [r, g, b] = colour.map((value) => (value <= 10 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
