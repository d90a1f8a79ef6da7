// SPDX-License-Identifier: MIT
/** What these pages ask the server. */
import { answer, api, at, ifMatch, tagged } from '../../api/client';
import type { components, paths } from '../../api/document';
import type { Job, Plan } from './draft';

export type Run = components['schemas']['job_run'];
export type Due = components['schemas']['job_due'];
export type Found = components['schemas']['job_report'];
export type Runs = paths['/api/v1/jobs/{name}/runs']['get']['responses'][200]['content']['application/json'];

/** With the tag of the version that is shown, for changes to it. */
export interface Held<T> {
  value: T;
  tag: string;
}

const path = (name: string) => ({ path: { name } });
const run = (id: string) => ({ params: { path: { id } } });

export async function listJobs(): Promise<Job[]> {
  return (await answer(api.GET('/api/v1/jobs', { params: { query: { limit: 100 } } }))).items;
}

export function getJob(name: string): Promise<Held<Job>> {
  return tagged(api.GET('/api/v1/jobs/{name}', { params: path(name) }));
}

/** tag undefined: a new one. */
export function putJob(name: string, plan: Plan, tag: string | undefined): Promise<Job> {
  const header = tag === undefined ? {} : ifMatch(tag);
  return answer(api.PUT('/api/v1/jobs/{name}', { params: { ...path(name), header }, body: plan }));
}

export function runJob(name: string): Promise<Run> {
  return answer(api.POST('/api/v1/jobs/{name}/run', { params: path(name) }));
}

export function pauseJob(name: string, tag: string): Promise<Held<Job>> {
  return tagged(api.POST('/api/v1/jobs/{name}/pause', { params: { ...path(name), header: ifMatch(tag) } }));
}

export function resumeJob(name: string, tag: string): Promise<Held<Job>> {
  return tagged(api.POST('/api/v1/jobs/{name}/resume', { params: { ...path(name), header: ifMatch(tag) } }));
}

export async function nextDue(name: string, count: number): Promise<Due[]> {
  return (await answer(api.GET('/api/v1/jobs/{name}/next', { params: { ...path(name), query: { count } } }))).items;
}

/** cursor undefined: the latest. */
export function listRuns(name: string, cursor?: string): Promise<Runs> {
  return answer(api.GET('/api/v1/jobs/{name}/runs', { params: { ...path(name), query: at(cursor) } }));
}

export const getRun = (id: string): Promise<Run> => answer(api.GET('/api/v1/runs/{id}', run(id)));
export const cancelRun = (id: string): Promise<Run> => answer(api.POST('/api/v1/runs/{id}/cancel', run(id)));
export const getReport = (id: string): Promise<Found> => answer(api.GET('/api/v1/runs/{id}/artifacts/report.json', run(id)));
