#!/usr/bin/env node
// Writes src/event.generated.ts from the event's schema (of the last build). A test fails when the committed file differs.
import { writeFileSync } from 'node:fs';
import { eventSchema } from '../dist/event-schema.js';
import { renderTypes } from './render-types.mjs';

const text = await renderTypes(eventSchema);
if (process.argv.includes('--print')) process.stdout.write(text);
else writeFileSync(new URL('../src/event.generated.ts', import.meta.url), text);
