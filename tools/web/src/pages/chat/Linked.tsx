// SPDX-License-Identifier: MIT
/** A text of a message: as it was written, with its URLs as links. */
import { piecesOf } from './links';

export function Linked({ text }: { text: string }) {
  return (
    <>
      {piecesOf(text).map((piece) =>
        piece.href === undefined ? (
          piece.text
        ) : (
          <a href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
            {piece.text}
          </a>
        ),
      )}
    </>
  );
}
