// SPDX-License-Identifier: MIT
// In what a variant differs: a map of whatever an administrator wrote. Typed as "Size: M, Colour: sage".

export type Attributes = Record<string, unknown>;

const word = (value: unknown) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value));

const mapOf = (value: unknown): object => (typeof value === 'object' && value !== null ? value : {});

/** "M · sage": what tells variants apart, for a label. */
export function briefly(attributes: unknown): string {
  return Object.values(mapOf(attributes)).map(word).join(' · ');
}

/** The pairs, for a list. */
export function pairs(attributes: unknown): [string, string][] {
  return Object.entries(mapOf(attributes)).map(([name, value]) => [name, word(value)]);
}

/** undefined: a part has no name or no value, or a name comes twice. */
export function parseAttributes(text: string): Attributes | undefined {
  const found: Record<string, string> = {};
  for (const part of text.split(/[,\n]/).map((each) => each.trim()).filter(Boolean)) {
    const [name, ...rest] = part.split(':').map((each) => each.trim());
    const value = rest.join(':');
    if (!name || !value || name in found) {
      return undefined;
    }
    found[name] = value;
  }
  return found;
}
