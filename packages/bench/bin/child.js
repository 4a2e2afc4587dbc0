// A part of a benchmark in a process of its own, so that its CPU is measured apart. Spoken to over its channel.
import { runChild } from '../dist/children/run-child.js';

await runChild(process.argv[2]);
