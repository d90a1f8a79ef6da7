// SPDX-License-Identifier: MIT
import './Avatar.css';

const HUES = 6;

/** The same for the same person everywhere. */
function hueOf(id: string): number {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.codePointAt(0)!) % 65_521;
  return sum % HUES;
}

/** First letters that are seen: of a Korean name the given name's last two syllables. */
function initials(name: string): string {
  const words = name.replaceAll(/\p{Cf}/gu, '').trim().split(/\s+/);
  const first = Array.from(words[0] ?? '');
  if (/^[가-힣]{2,}$/.test(words[0] ?? '')) return first.slice(-2).join('');
  return (first[0] ?? '?') + (words.length > 1 ? (Array.from(words.at(-1)!)[0] ?? '') : '');
}

/** A person or a room, by the letters of its name; beside the name itself, so screen readers skip it. */
export function Avatar({ id, name, size = 'medium' }: { id: string; name: string; size?: 'small' | 'medium' | 'large' }) {
  return (
    <span class={`avatar avatar-${size} avatar-hue-${hueOf(id)}`} aria-hidden="true">
      {initials(name).toLocaleUpperCase()}
    </span>
  );
}
