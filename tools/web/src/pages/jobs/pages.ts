// SPDX-License-Identifier: MIT
/** What is loaded when the first of these pages is shown. */
import './jobs.css';

export { JobPage } from './JobPage';
export { JobsPage } from './JobsPage';
export { PlanPage } from './PlanPage';
export { RunPage } from './RunPage';
