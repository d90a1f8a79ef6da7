// SPDX-License-Identifier: MIT
import { useEffect, useRef, useState } from 'preact/hooks';

/** Is the element on the screen, or about to be? Give it the ref. */
export function useVisible<Tag extends HTMLElement>() {
  const ref = useRef<Tag>(null);
  const [visible, setVisible] = useState(false);
  useEffect(() => {
    if (ref.current === null) {
      return undefined;
    }
    const observer = new IntersectionObserver((entries) => setVisible(entries.some((entry) => entry.isIntersecting)), {
      rootMargin: '120px',
    });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return { ref, visible };
}
