// SPDX-License-Identifier: MIT
/** The jobs that are built in (actors/job_runs.c), by the names that people call them. */
import { t } from '../../strings';

export const BUILT_IN = ['user-statistics'] as const;

const known = (name: string): (typeof BUILT_IN)[number] | undefined => BUILT_IN.find((one) => one === name);

export function jobName(name: string): string {
  const built_in = known(name);
  return built_in ? t().jobs.name[built_in] : name;
}

export function jobAbout(name: string): string {
  const built_in = known(name);
  return built_in ? t().jobs.about[built_in] : '';
}
