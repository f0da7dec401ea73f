// Numbers: how they travel, how they are shown and read.

const NAMED = { nan: NaN, inf: Infinity, "-inf": -Infinity };

// A number of the page's data. JSON has neither nan nor infinities: these come by their names.
export const decode = (number) => (typeof number === "string" ? NAMED[number] : number);

// The same way back.
export const encode = (number) =>
  Number.isFinite(number) ? number : Number.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";

// A number to n significant digits.
export function show(number, digits = 4) {
  if (typeof number === "string") return number; // recorded as text
  const size = Math.abs(number);
  if (!Number.isFinite(number)) return minus(String(encode(number)));
  if (number === 0) return "0";
  if (size < 1e-4 || size >= 1e6) return minus(number.toExponential(digits - 1).replace(/\.?0*e\+?/, "e"));
  return minus(
    String(Number.isInteger(number) || size >= 10 ** digits ? Math.round(number) : Number(number.toPrecision(digits))),
  );
}

// A count with its thousands apart.
export const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ",");

// A number as a factor of a product: in parentheses where it begins with a minus.
export const factor = (number) => (number < 0 ? `(${show(number)})` : show(number));

// A number with all its digits, for a field.
export const exact = (number) => (Object.is(number, -0) ? "-0" : String(encode(number)));

// What was written into a field; undefined where that is no number.
export function parse(text) {
  const plain = text.trim().replace("−", "-").toLowerCase();
  if (Object.hasOwn(NAMED, plain)) return NAMED[plain];
  const number = Number(plain);
  return plain === "" || Number.isNaN(number) ? undefined : number;
}

const minus = (text) => text.replaceAll("-", "−");
