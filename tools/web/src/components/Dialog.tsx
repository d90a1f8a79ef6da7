// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { t } from '../strings';
import { IconButton } from './Button';
import './Dialog.css';

interface Properties {
  title: string;
  /** Undefined: it can't be dismissed. */
  onClose?: (() => void) | undefined;
  children: ComponentChildren;
}

/** Above everything while it is there; the rest is inert, and the focus goes back when it leaves. */
export function Dialog({ title, onClose, children }: Properties) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      class="dialog"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
      onClick={(event) => event.target === element.current && onClose?.()}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          {onClose && <IconButton icon="close" label={t().common.close} onClick={onClose} />}
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** The buttons at the end of a dialog or a form. */
export function Buttons({ children }: { children: ComponentChildren }) {
  return <div class="buttons">{children}</div>;
}
