/** A delay of more than so many minutes counts as late. */
export const lateAfterMinutes = 15;

const secondUs = 1_000_000;
const taxiMinutes = 30;
const milesPerMinute = 7;

/**
 * When a flight's delay is known: about when it has landed, which is its departure, its delay, 30 minutes on the ground
 * and its distance at 7 miles a minute. An approximation: the data does not have the landing.
 *
 * @param departureUs scheduled departure, epoch microseconds
 * @returns epoch microseconds, a whole second
 */
export function landedAt(departureUs: number, delayMinutes: number, distanceMiles: number): number {
  const seconds = Math.round((delayMinutes + taxiMinutes + distanceMiles / milesPerMinute) * 60);
  return departureUs + seconds * secondUs;
}
