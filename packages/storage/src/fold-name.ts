/** Two names with one fold are one file where letter case or Unicode normalisation does not count. */
export function foldName(name: string): string {
  return name.normalize("NFC").toUpperCase().toLowerCase().normalize("NFC");
}
