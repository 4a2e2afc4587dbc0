#!/usr/bin/env node
import { main } from '../dist/main.js';

const code = await main(process.argv.slice(2));
process.exitCode = code;
// Everything is released by now; should something still hold the process, it is not worth waiting for.
setTimeout(() => process.exit(code), 2_000).unref();
