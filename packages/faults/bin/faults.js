#!/usr/bin/env node
import { main } from '../dist/main.js';

// At once: what a killed process left behind, a socket that is dead, has kept one that was to end by itself busy for ever.
process.exit(await main(process.argv.slice(2)));
