// SPDX-License-Identifier: MIT
/** Names and what they are. */
export function Facts({ facts }: { facts: [string, string][] }) {
  return facts.length === 0 ? null : (
    <dl class="shop-facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt class="soft small">{name}</dt>
          <dd class="numbers">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
