// SPDX-License-Identifier: MIT
// Amounts are integers in the smallest unit of their currency; how many digits that has, Intl knows: won have none.

export function digitsOf(currency: string): number {
  try {
    return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2; // no currency at all, which the server says better
  }
}

/** What somebody typed, "12.50", as an amount; undefined: it is none, or has more digits than the currency. */
export function parseAmount(text: string, currency: string): number | undefined {
  const digits = digitsOf(currency);
  const match = /^(\d+)(?:\.(\d*))?$/.exec(text.trim().replace(/,(?=\d{3}\b)/g, '').replace(',', '.'));
  const fraction = match?.[2] ?? '';
  if (match === null || fraction.length > digits) {
    return undefined;
  }
  const amount = Number(match[1] + fraction.padEnd(digits, '0'));
  return Number.isSafeInteger(amount) ? amount : undefined;
}
