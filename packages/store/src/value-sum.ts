// PostgreSQL refuses a sum that leaves the range of a double (22003): then events that were acknowledged could not be
// stored. Here such a sum is ±Infinity, which the API tells as what it is: beyond a double. Halves and powers of two keep all
// digits.

/** SQL: the sum of two doubles. */
export const addedSum = (a: string, b: string): string =>
  `CASE WHEN abs(${a} / 2 + ${b} / 2) < power(2::float8, 1023) THEN ${a} + ${b} ELSE (${a} / 2 + ${b} / 2) * 'Infinity' END`;

const HIGH = 'power(2::float8, 960)';
const DOWN = 'power(2::float8, -64)';

/** SQL: the sum of a column of doubles, over fewer than 2^64 rows. */
export const totalSum = (column: string): string =>
  `CASE WHEN max(abs(${column})) < ${HIGH} THEN sum(${column}) FILTER (WHERE abs(${column}) < ${HIGH})
    WHEN abs(sum(${column} * ${DOWN})) < ${HIGH} THEN sum(${column} * ${DOWN}) / ${DOWN}
    ELSE sum(${column} * ${DOWN}) * 'Infinity' END`;
