// The arrows of the drawing: each stands for an edge, or for several between the same boxes.

import { filledIn, mark, svg } from "./elements.js";
import { grouped } from "../model/numbers.js";
import { edgeKey, isComputed, NEXT_TO_NOTHING } from "../model/trace.js";

export function arrowOf(boxes, [from, to, count, points]) {
  const d = `M${points.slice(0, 2)}C${points.slice(2)}`;
  const line = svg("path", { class: "line", d });
  const head = svg("path", { class: "head" });
  const name = `from ${boxes[from].title || "a constant"} to ${boxes[to].title}`;
  const reach = svg("path", { class: "reach", d }); // wide enough for a pointer
  const element = svg("g", { class: "arrow", role: "img", "aria-label": name }, reach, line, head);
  const arrow = { element, from: boxes[from], to: boxes[to], points, line, head, bar: null, edges: [] };
  if (count > 1) element.append(placeAtMiddle(svg("text", { class: "count" }, grouped(count)), arrow));
  return arrow;
}

export function updateArrow(arrow, trace, step) {
  const steps = arrow.edges.map((edge) => trace.edgeAt.get(edgeKey(edge))).filter((at) => at !== undefined);
  const done = steps.filter((at) => at <= step);
  const computed = arrow.to.nodes.every((node) => isComputed(trace, node, step));
  const blocked =
    computed && steps.length > 0 && steps.every((at) => Math.abs(trace.steps[at].local) < NEXT_TO_NOTHING);
  const largest = Math.max(0, ...done.map((at) => Math.abs(trace.steps[at].contribution)));
  const width = done.length ? 1.5 + 3 * Math.sqrt(Math.min(largest / trace.largest, 1) || 0) : 1.25;
  mark(arrow.element, "data-status", statusOf(steps, done, step));
  mark(arrow.element, "data-phase", computed ? "computed" : "pending");
  mark(arrow.line, "stroke-width", width.toFixed(2));
  mark(arrow.head, "d", headOf(arrow.points, done.length > 0, width));
  arrow.bar?.remove();
  arrow.bar = blocked ? svg("path", { class: "bar", d: barOf(arrow.points) }) : null;
  if (blocked) arrow.element.append(arrow.bar);
}

// How far an arrow is, whose edges carry their contributions at these steps. "none": no derivative is recorded on it.
function statusOf(steps, done, step) {
  if (!steps.length) return "none";
  if (steps.includes(step)) return "active";
  if (!done.length) return "pending";
  return done.length < steps.length ? "partial" : "done";
}

// A triangle at the end of a curve, or at its beginning once the gradient has come back along it.
function headOf(points, isBack, width) {
  const [x, y, fromX, fromY] = isBack ? points : [...points.slice(-2), ...points.slice(-4, -2)];
  const length = Math.hypot(x - fromX, y - fromY) || 1;
  const [dx, dy] = [(x - fromX) / length, (y - fromY) / length];
  const [long, wide] = [6 + width, 2.5 + width * 0.7];
  const corner = (side) =>
    `${(x - dx * long + side * dy * wide).toFixed(1)} ${(y - dy * long - side * dx * wide).toFixed(1)}`;
  return `M${x} ${y}L${corner(1)}L${corner(-1)}Z`;
}

function barOf(points) {
  const { x, y, dx, dy } = middleOf(points);
  const stroke = (along) => {
    const end = (side) => [x + along * dx - side * dy, y + along * dy + side * dx].map((place) => place.toFixed(1));
    return `M${end(7)}L${end(-7)}`;
  };
  return stroke(-2) + stroke(2);
}

// The middle of a curve of Bézier pieces, and the direction of the curve there.
function middleOf(points) {
  const pieces = (points.length / 2 - 1) / 3;
  const piece = Math.min(Math.floor(pieces / 2), pieces - 1);
  const t = pieces / 2 - piece;
  const at = (k) => {
    const [a, b, c, d] = [0, 1, 2, 3].map((j) => points[2 * (3 * piece + j) + k]);
    const place = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t * t * c + t ** 3 * d;
    return [place, (1 - t) ** 2 * (b - a) + 2 * (1 - t) * t * (c - b) + t * t * (d - c)];
  };
  const [[x, dx], [y, dy]] = [at(0), at(1)];
  const length = Math.hypot(dx, dy) || 1;
  return { x, y, dx: dx / length, dy: dy / length };
}

export function placeAtMiddle(text, arrow) {
  const { x, y } = middleOf(arrow.points);
  return filledIn(text, { x: x.toFixed(1), y: (y - 6).toFixed(1) });
}
