import { expect, test } from '@jest/globals';
import pg from 'pg';
import { parseTimestamptz } from '../src/parse-timestamptz.ts';

const byPattern = (text: string): number => Number((pg.types.getTypeParser(1184, 'text') as (t: string) => Date)(text));

test('times are read as pg reads them, in UTC and elsewhere, before our era and at the ends of time', () => {
  const texts = [
    'infinity',
    '-infinity',
    '0044-03-15 12:00:00+00 BC',
    '0099-01-01 00:00:00+00',
    '12345-01-01 00:00:00+00',
  ];
  for (const day of ['2026-11-20', '1969-12-31', '2000-02-29', '9999-12-31', '1000-01-01', '0999-12-31']) {
    for (const time of ['00:00:00', '23:59:59', '12:34:56.1', '12:34:56.07', '12:34:56.789', '01:02:03.456789']) {
      for (const zone of ['+00', '+02', '-03:30', '-11', '+05:45:10']) texts.push(`${day} ${time}${zone}`);
    }
  }
  for (const text of texts) expect([text, parseTimestamptz(text)]).toEqual([text, byPattern(text)]);
});
