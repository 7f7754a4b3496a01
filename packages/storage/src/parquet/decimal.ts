import { storageError } from "../errors.ts";
import type { Decimal } from "./column-type.ts";

/** The digits of a decimal as text: `decimalText(-1250n, 2)` is `-12.50`. */
export function decimalText(unscaled: bigint, scale: number): string {
  if (scale === 0) return unscaled.toString();
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** The unscaled digits of a number in plain or exponent notation; undefined when they do not fit the scale exactly. */
export function parseDecimal(text: string, scale: number): bigint | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  const digits = whole + fraction;
  if (digits === "") return undefined;
  const shift = scale - fraction.length + Number(exponent);
  const cut = shift < 0 ? digits.slice(shift) : "";
  if (/[^0]/.test(cut) || digits.length + shift > 400) return undefined;
  const kept = shift < 0 ? digits.slice(0, shift) : digits + "0".repeat(shift);
  const magnitude = BigInt(kept === "" ? "0" : kept);
  return sign === "-" ? -magnitude : magnitude;
}

/** Whether the digits are few enough. */
export function fitsPrecision(unscaled: bigint, precision: number): boolean {
  const limit = 10n ** BigInt(precision);
  return unscaled < limit && unscaled > -limit;
}

/** The 128-bit integers of an Arrow decimal column: four words each, the lowest first. @throws VALUE_INVALID */
export function decimalWords(
  { precision, scale }: Decimal,
  values: ArrayLike<unknown>,
  into: Uint32Array = new Uint32Array(values.length * 4),
): Uint32Array {
  const limit = 10n ** BigInt(precision);
  for (let row = 0; row < values.length; row++) {
    const value = values[row];
    if (value === null || value === undefined) continue;
    if (typeof value !== "bigint" || value >= limit || value <= -limit) {
      const type = `decimal(${precision},${scale})`;
      const rule = `it must be the bigint of its digits, of which there are ${precision} at most`;
      throw storageError("VALUE_INVALID", { type, value: `${String(value)} (${typeof value})`, rule });
    }
    writeWords(into, row * 4, value);
  }
  return into;
}

function writeWords(words: Uint32Array, at: number, value: bigint): void {
  const small = Number(BigInt.asIntN(64, value));
  if (Number.isSafeInteger(small) && BigInt(small) === value) {
    const high = Math.floor(small / 2 ** 32);
    words[at] = small >>> 0;
    words[at + 1] = high;
    words[at + 2] = words[at + 3] = small < 0 ? 0xffffffff : 0;
    return;
  }
  for (let word = 0; word < 4; word++) words[at + word] = Number(BigInt.asUintN(32, value >> BigInt(word * 32)));
}

/** One value of an Arrow decimal column. */
export function decimalAt(words: Uint32Array, row: number): bigint {
  const at = row * 4;
  const [low = 0, second = 0, third = 0, high = 0] = [words[at], words[at + 1], words[at + 2], words[at + 3]];
  const extension = (second | 0) < 0 ? 0xffffffff : 0;
  if (third === extension && high === extension && (second | 0) >= -0x200000 && (second | 0) < 0x200000) {
    return BigInt((second | 0) * 2 ** 32 + low);
  }
  const lower = (BigInt(second) << 32n) | BigInt(low);
  return (((BigInt(high | 0) << 32n) | BigInt(third)) << 64n) | lower;
}
