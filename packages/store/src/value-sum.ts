// PostgreSQL refuses a sum that leaves the range of a double (22003): then events that were acknowledged could not be
// stored. Here such a sum is ±Infinity, which the API tells as what it is: beyond a double. Nothing may get too small on the
// way either: a product or quotient that becomes 0 is refused, too.

/** The greatest double but one: by how a difference to it is rounded, no sum of what is let through is too great. */
const MOST = "'1.7976931348623155e308'::float8";

/** SQL: the sum of two doubles. */
export const addedSum = (a: string, b: string): string =>
  `CASE WHEN ${a} > 0 AND ${b} > 0 AND ${a} > ${MOST} - ${b} THEN 'Infinity'
    WHEN ${a} < 0 AND ${b} < 0 AND ${a} < -${MOST} - ${b} THEN '-Infinity' ELSE ${a} + ${b} END`;

const HIGH = 'power(2::float8, 960)';
const LOW = 'power(2::float8, -900)';
const DOWN = 'power(2::float8, -64)';

/** SQL: the sum of a column of doubles, over fewer than 2^64 rows. */
export const totalSum = (column: string): string => {
  const scaled = `sum(${column} * ${DOWN}) FILTER (WHERE abs(${column}) > ${LOW})`;
  return `CASE WHEN max(abs(${column})) < ${HIGH} THEN sum(${column}) FILTER (WHERE abs(${column}) < ${HIGH})
    WHEN abs(${scaled}) < ${HIGH} THEN ${scaled} / ${DOWN} ELSE ${scaled} * 'Infinity' END`;
};
