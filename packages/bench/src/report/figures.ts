/** As the tables show them. */
export const count = (value: number): string => Math.round(value).toLocaleString('en-US');
export const number = (value: number | undefined, digits: number): string =>
  value === undefined ? '' : value.toFixed(digits);
