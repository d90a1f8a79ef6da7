// SPDX-License-Identifier: MIT
// What time it is where orders expire: this device's clock may be wrong by minutes.
let ahead = 0;

/** Learns from an answer, whose Date has seconds only: less than two are no difference. */
export function setClock(response: Response): void {
  const date = Date.parse(response.headers.get('Date') ?? '');
  const difference = date - Date.now();
  ahead = Number.isNaN(date) || Math.abs(difference) < 2000 ? 0 : difference;
}

/** In ms since 1970. */
export const serverNow = () => Date.now() + ahead;
