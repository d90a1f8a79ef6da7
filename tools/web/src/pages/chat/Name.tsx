// SPDX-License-Identifier: MIT
import { person } from '../../state/people';
import { t } from '../../strings';

/** Empty until it is known. */
export function nameOf(id: string | undefined): string {
  if (id === undefined) return t().common.appName; // the system itself
  const known = person(id).value;
  return known === undefined ? '' : (known.name ?? t().chat.nobody);
}

export function Name({ id }: { id: string | undefined }) {
  const name = nameOf(id);
  return name === '' ? <span class="name-unknown" aria-hidden="true" /> : <bdi class="name">{name}</bdi>;
}
