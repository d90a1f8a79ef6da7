// SPDX-License-Identifier: MIT
/** Line icons on a grid of 24. They say nothing to screen readers: what they stand for is told by text. */
const paths = {
  alert: 'M12 4L2.800 19.500h18.400z M12 10v4 M12 17v.1',
  back: 'M15 5l-7 7 7 7',
  bag: 'M6 8h12l1 12H5z M9 8V7a3 3 0 0 1 6 0v1',
  chat: 'M4 6.500A2.500 2.500 0 0 1 6.500 4h11A2.500 2.500 0 0 1 20 6.500v7a2.500 2.500 0 0 1-2.500 2.500H10l-5 4v-4.300a2.500 2.500 0 0 1-1-2.200z',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z M12 7v5l3.500 2',
  close: 'M6 6l12 12 M18 6L6 18',
  cog: 'M12 15.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7z M12 2.500v3 M12 18.500v3 M2.500 12h3 M18.500 12h3 M5.300 5.300l2.100 2.100 M16.600 16.600l2.100 2.100 M5.300 18.700l2.100-2.100 M16.600 7.400l2.100-2.100',
  eye: 'M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12z M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z',
  eyeOff: 'M4 4l16 16 M10 5.700A9 9 0 0 1 12 5.500c6 0 9.500 6.500 9.500 6.500a17 17 0 0 1-3 3.700 M6.500 7.300A17 17 0 0 0 2.500 12S6 18.500 12 18.500a9 9 0 0 0 4.500-1.200 M10 10a3 3 0 0 0 4 4',
  gauge: 'M4 18a9 9 0 1 1 16 0 M12 15l4-5 M12 15.100v-.1',
  lock: 'M6 11h12v9H6z M8.500 11V8a3.500 3.500 0 0 1 7 0v3',
  minus: 'M5 12h14',
  pause: 'M8 5v14 M16 5v14',
  people: 'M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7z M2.500 20c0-3.500 2.500-6 6.500-6s6.500 2.500 6.500 6 M16 4.500a3.500 3.500 0 0 1 0 6.300 M18 14.500c2.200.8 3.500 2.900 3.500 5.500',
  play: 'M7 4.500v15l12-7.500z',
  plus: 'M12 5v14 M5 12h14',
  receipt: 'M6 3h12v18l-3-2-3 2-3-2-3 2z M9 8h6 M9 12h6',
  refresh: 'M20 11a8 8 0 0 0-14.300-4L4 9 M4 4v5h5 M4 13a8 8 0 0 0 14.300 4l1.700-2 M20 20v-5h-5',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14z M16 16l4.500 4.500',
  send: 'M4 12L20 4l-5 16-3.500-6.500z M11.500 13.500L20 4',
  trash: 'M5 7h14 M10 7V4.500h4V7 M7 7l1 13h8l1-13',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 24 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width={size} height={size} aria-hidden="true" focusable="false">
      <path d={paths[name]} fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
