// SPDX-License-Identifier: MIT
import type { components } from './document';

export type Document = components['schemas']['problem'];

/** Everything that may go wrong with a request. `network`: nobody answered. Its `message` is for logs, not for people. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly requestId: string;
  readonly errors: NonNullable<Document['errors']>;
  readonly retryAfterS: number;

  constructor(document: Partial<Document>, retryAfterS = 0) {
    super(`${document.status ?? 0} ${document.code ?? 'internal'}: ${document.detail ?? document.title ?? ''}`);
    this.name = 'Problem';
    this.status = document.status ?? 0;
    this.code = document.code ?? 'internal';
    this.detail = document.detail ?? document.title ?? '';
    this.requestId = document.request_id ?? '';
    this.errors = document.errors ?? [];
    this.retryAfterS = retryAfterS;
  }

  static network(): Problem {
    return new Problem({ code: 'network' });
  }

  static of(thrown: unknown): Problem {
    return thrown instanceof Problem ? thrown : new Problem({ code: 'internal', detail: String(thrown) });
  }

  /** The error of a field, by the name under which the request had it: `email`, or `lines/0/quantity`. */
  at(field: string): { code: string; detail: string } | undefined {
    return this.errors.find((error) => error.pointer === `/${field}`);
  }

  /** The same request may succeed later. */
  get isPassing(): boolean {
    return this.code === 'network' || this.status === 429 || this.status >= 503;
  }
}

export function retryAfterS(response: Response): number {
  const value = Number(response.headers.get('Retry-After'));
  return Number.isFinite(value) ? value : 0;
}
