/** The same numbers in an array of twice the length. */
export function grown<Numbers extends Float64Array | Uint32Array | Uint16Array | Int32Array>(
  numbers: Numbers,
): Numbers {
  const make = numbers.constructor as new (length: number) => Numbers;
  const larger = new make(2 * numbers.length);
  larger.set(numbers);
  return larger;
}
