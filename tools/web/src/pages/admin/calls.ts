// SPDX-License-Identifier: MIT
/** What these pages ask the server. */
import { answer, api, at, ifMatch, tagged } from '../../api/client';
import type { components, paths } from '../../api/document';
import type { Stat } from './look';

export type Person = components['schemas']['user_view'];
export type Status = components['schemas']['user_status'];
export type People = paths['/api/v1/users']['get']['responses'][200]['content']['application/json'];
export type Wanted = { query: string; status: Status | '' };

export interface Held {
  value: Person;
  tag: string;
}

/** cursor undefined: from the first. */
export function listPeople({ query, status }: Wanted, cursor?: string): Promise<People> {
  const wanted = {
    ...(query === '' ? {} : { query }),
    ...(status === '' ? {} : { status }),
    ...at(cursor),
  };
  return answer(api.GET('/api/v1/users', { params: { query: wanted } }));
}

export function getPerson(id: string): Promise<Held> {
  return tagged(api.GET('/api/v1/users/{id}', { params: { path: { id } } }));
}

export function setStatus({ value, tag }: Held, status: Status, reason: string): Promise<Held> {
  const params = { path: { id: value.id }, header: ifMatch(tag) };
  const body = reason === '' ? { status } : { status, reason };
  return tagged(api.PATCH('/api/v1/users/{id}/status', { params, body }));
}

export function getStat(): Promise<Stat> {
  return answer(api.GET('/api/v1/admin/stat'));
}
