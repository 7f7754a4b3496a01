/** A delay of more than so many minutes counts as late. */
export const lateAfterMinutes = 15;

const minuteUs = 60_000_000;
const taxiMinutes = 30;
const milesPerMinute = 7;

/**
 * When a flight's delay is known: about when it has landed, which is its departure, its delay, 30 minutes on the ground
 * and its distance at 7 miles a minute. An approximation: the data does not have the landing.
 *
 * @param departureUs scheduled departure, epoch microseconds
 * @returns epoch microseconds
 */
export function landedAt(departureUs: number, delayMinutes: number, distanceMiles: number): number {
  return Math.round(departureUs + (delayMinutes + taxiMinutes + distanceMiles / milesPerMinute) * minuteUs);
}
