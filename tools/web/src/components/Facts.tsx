// SPDX-License-Identifier: MIT
import './Facts.css';

/** Names and what they are of one thing; what is undefined is left out. */
export function Facts({ facts }: { facts: [string, string | undefined][] }) {
  return (
    <dl class="facts">
      {facts.map(
        ([name, value]) =>
          value !== undefined && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
