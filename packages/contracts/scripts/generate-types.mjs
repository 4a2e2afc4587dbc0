#!/usr/bin/env node
// Writes src/event.generated.ts from the event's schema. A test fails when the committed file differs.
import { writeFileSync } from 'node:fs';
import { compile } from 'json-schema-to-typescript';
import { eventSchema } from '../dist/event-schema.js';

const text = await compile(structuredClone(eventSchema), 'WaylineEvent', {
  bannerComment: '// Made from event-schema.ts by `npm run generate`; do not edit.',
  style: { singleQuote: true, printWidth: 120 },
});
if (process.argv.includes('--print')) process.stdout.write(text);
else writeFileSync(new URL('../src/event.generated.ts', import.meta.url), text);
