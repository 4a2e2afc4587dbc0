export { AGGREGATIONS, type Aggregation } from './aggregation.ts';
export { findSeries, ofSeries, type Series } from './find-series.ts';
export { bucketStart, countBuckets, GRANULARITIES, type Granularity, nextBucket } from './granularity.ts';
export { RawEventsGoneError, type RetentionAsOf } from './raw-events-kept.ts';
export { readSeries, type SeriesPoint, type SeriesQuestion } from './read-series.ts';
export type { BySessions } from './series-percentiles.ts';
export { seriesExtent, type WholeMinutes } from './series-rollups.ts';
