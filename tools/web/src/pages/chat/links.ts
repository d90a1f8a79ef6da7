// SPDX-License-Identifier: MIT
/** URLs in a text. Only http and https are links; what ends a sentence behind one is no part of it. Pure. */

export interface Piece {
  text: string;
  href?: string;
}

const URLS = /https?:\/\/[^\s<>"'`]+/giu;
const SENTENCE_END = /[.,:;!?…。，、]+$/u;
// Korean hangs particles on words without a space: "https://a.b를 보세요".
const PARTICLE = /(?<=[\x21-\x7e])(?:이|가|은|는|을|를|의|에|에서|에게|로|으로|와|과|도|만|이나|나|부터|까지|입니다|이에요|예요)$/u;
const CLOSERS: Record<string, string> = { ')': '(', ']': '[', '}': '{' };

function count(text: string, letter: string): number {
  return text.split(letter).length - 1;
}

/** Without the marks of the sentence around it: "(see https://a.b/c_(d))." links https://a.b/c_(d). */
function trimmed(url: string): string {
  for (;;) {
    const shorter = url.replace(SENTENCE_END, '').replace(PARTICLE, '');
    const last = shorter.slice(-1);
    const opener = CLOSERS[last];
    if (opener === undefined || count(shorter, last) <= count(shorter, opener)) return shorter;
    url = shorter.slice(0, -1);
  }
}

function isUrl(text: string): boolean {
  try {
    return new URL(text).host !== '';
  } catch {
    return false;
  }
}

export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let behind = 0;
  for (const match of text.matchAll(URLS)) {
    const href = trimmed(match[0]);
    if (!isUrl(href)) continue;
    if (match.index! > behind) {
      pieces.push({ text: text.slice(behind, match.index) });
    }
    pieces.push({ text: href, href });
    behind = match.index! + href.length;
  }
  if (behind < text.length) {
    pieces.push({ text: text.slice(behind) });
  }
  return pieces;
}
