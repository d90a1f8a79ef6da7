// SPDX-License-Identifier: MIT
const systems = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac', 'Linux'];
const browsers: [mark: string, name: string][] = [
  ['Edg/', 'Edge'],
  ['OPR/', 'Opera'],
  ['Firefox/', 'Firefox'],
  ['Chrome/', 'Chrome'],
  ['Safari/', 'Safari'],
];

/** What the owner knows this browser by in the list of sessions. */
export function deviceName(agent = navigator.userAgent): string {
  const browser = browsers.find(([mark]) => agent.includes(mark))?.[1];
  const system = systems.find((name) => agent.includes(name));
  return [browser, system].filter(Boolean).join(', ');
}
