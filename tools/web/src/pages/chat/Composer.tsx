// SPDX-License-Identifier: MIT
/** Where one writes. Enter sends, Shift+Enter begins a line; an Enter that ends a syllable of an input method does neither. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from '../../components/Icon';
import { draftOf, keepDraft } from '../../state/drafts';
import { showNumber, t } from '../../strings';
import './composer.css';

/** What the server takes; of control characters newlines and tabs only. */
const CHARACTERS_MAX = 4000;
const WARN_AT = 3600;
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/gu;

function cleaned(text: string): string {
  return text.replace(/\r\n?/gu, '\n').replace(CONTROL, '').trim();
}

/** Safari tells that a composition ended before it tells of the Enter that ended it, but with this number. */
const KEY_OF_COMPOSITION = 229;

function sends(event: KeyboardEvent): boolean {
  return event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== KEY_OF_COMPOSITION;
}

interface Props {
  user: string;
  room: string;
  name: string;
  onSend: (text: string) => void;
}

export function Composer({ user, room, name, onSend }: Props) {
  const [text, setText] = useState(() => draftOf(user, room));
  const field = useRef<HTMLTextAreaElement>(null);
  const count = [...cleaned(text)].length;
  const sendable = count > 0 && count <= CHARACTERS_MAX;

  // Not where that would raise a keyboard over what one came to read.
  useEffect(() => {
    if (matchMedia('(pointer: fine)').matches) field.current?.focus();
  }, []);

  const change = (next: string): void => {
    setText(next);
    keepDraft(user, room, next);
  };
  const send = (): void => {
    if (sendable) {
      onSend(cleaned(text));
      change('');
    }
    field.current?.focus();
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div class="composer-field" data-text={`${text}\n`}>
        <textarea
          ref={field}
          rows={1}
          value={text}
          aria-label={t().chat.writeTo(name)}
          placeholder={t().chat.write}
          enterkeyhint="send"
          aria-invalid={count > CHARACTERS_MAX}
          aria-describedby={count >= WARN_AT ? 'composer-count' : undefined}
          onInput={(event) => change(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (sends(event)) {
              event.preventDefault();
              send();
            }
          }}
        />
      </div>
      {count >= WARN_AT && (
        <p id="composer-count" class={count > CHARACTERS_MAX ? 'composer-count composer-over' : 'composer-count'}>
          {t().chat.characters(showNumber(count), showNumber(CHARACTERS_MAX))}
        </p>
      )}
      <button type="submit" class="composer-send" disabled={!sendable} aria-label={t().chat.send}>
        <Icon name="send" size={20} />
      </button>
    </form>
  );
}
