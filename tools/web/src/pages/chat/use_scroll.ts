// SPDX-License-Identifier: MIT
/** Where a list stays that grows at both ends: at its bottom while one is there, else with what one looks at in its place. */
import type { RefObject } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

const BOTTOM_PX = 48;
const NEAR_TOP_PX = 800;
const UNREAD_FROM_TOP_PX = 96;

interface Anchor {
  key: string;
  /** Of its top below the list's. */
  offset: number;
}

/** Items have a `data-key`. The first that is in view, or a part of which is. */
function anchorIn(list: HTMLElement): Anchor | undefined {
  const top = list.getBoundingClientRect().top;
  for (const item of list.querySelectorAll<HTMLElement>('[data-key]')) {
    const box = item.getBoundingClientRect();
    if (box.bottom > top) return { key: item.dataset.key!, offset: box.top - top };
  }
  return undefined;
}

function itemOf(list: HTMLElement, key: string): HTMLElement | null {
  return list.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
}

function offsetOf(item: HTMLElement, list: HTMLElement): number {
  return item.getBoundingClientRect().top - list.getBoundingClientRect().top;
}

function isAtBottom(list: HTMLElement): boolean {
  return list.scrollHeight - list.scrollTop - list.clientHeight < BOTTOM_PX;
}

function restore(list: HTMLElement, anchor: Anchor | undefined, atBottom: boolean): void {
  if (atBottom) {
    list.scrollTop = list.scrollHeight;
    return;
  }
  const item = anchor && itemOf(list, anchor.key);
  if (item) list.scrollTop += offsetOf(item, list) - anchor!.offset;
}

export interface Scroll {
  ref: RefObject<HTMLDivElement>;
  atBottom: boolean;
  toBottom: () => void;
}

/**
 * At first one stands at `data-key="unread"` if there is one, else at the bottom.
 * nearTop: called whenever one is, behind each change.
 */
export function useScroll(nearTop: () => void): Scroll {
  const list = useRef<HTMLDivElement>(null);
  const anchor = useRef<Anchor>();
  const placed = useRef(false);
  const stuck = useRef(true);
  const seenTop = useRef(0);
  const near = useRef(nearTop);
  const [atBottom, setAtBottom] = useState(true);
  near.current = nearTop;

  const note = useCallback((here: HTMLElement) => {
    seenTop.current = here.scrollTop;
    stuck.current = isAtBottom(here);
    anchor.current = anchorIn(here);
  }, []);

  /** What was scrolled since the last event. */
  const noteMove = (): void => {
    if (list.current !== null && placed.current && list.current.scrollTop !== seenTop.current) note(list.current);
  };
  noteMove(); // before the list changes

  const look = useCallback(() => {
    const here = list.current;
    if (here === null || !placed.current) return;
    note(here);
    setAtBottom(stuck.current);
    if (here.scrollTop < NEAR_TOP_PX) near.current();
  }, []);

  const place = useCallback((here: HTMLElement) => {
    const unread = itemOf(here, 'unread');
    placed.current = true;
    if (unread === null) here.scrollTop = here.scrollHeight;
    else here.scrollTop += offsetOf(unread, here) - UNREAD_FROM_TOP_PX;
    look();
  }, []);

  const keep = useCallback(() => {
    if (list.current === null || !placed.current) return;
    restore(list.current, anchor.current, stuck.current);
    seenTop.current = list.current.scrollTop;
  }, []);

  useLayoutEffect(() => {
    const here = list.current;
    if (here === null) return;
    if (placed.current) keep();
    else place(here);
    if (here.scrollTop < NEAR_TOP_PX) near.current();
  });

  useEffect(() => {
    const here = list.current;
    if (here === null) return undefined;
    const sizes = new ResizeObserver(() => {
      noteMove();
      keep();
    });
    for (const sized of [here, ...here.children]) sizes.observe(sized);
    here.addEventListener('scroll', look, { passive: true });
    return () => {
      sizes.disconnect();
      here.removeEventListener('scroll', look);
    };
  }, []);

  const toBottom = useCallback(() => {
    stuck.current = true;
    keep();
    look();
  }, []);
  return { ref: list, atBottom, toBottom };
}
