import { setFlagsFromString } from 'node:v8';

/** Of what was alive after the last collection. */
const GROWTH_PERCENT = 100;

/**
 * Has the whole heap of this process collected when it is twice what was alive. V8 decides by how fast it fills: between next to nothing
 * and four times. What stands in buffers counts with it, which in ingest comes and goes by megabytes: with more requests than
 * can be taken it collected the whole heap up to five times a second.
 */
export function letHeapDouble(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
