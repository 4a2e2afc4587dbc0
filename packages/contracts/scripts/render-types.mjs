import { compile } from 'json-schema-to-typescript';

/** The text of src/event.generated.ts for the event's schema. */
export function renderTypes(eventSchema) {
  return compile(structuredClone(eventSchema), 'WaylineEvent', {
    bannerComment: '// Made from event-schema.ts by `npm run generate`; do not edit.',
    style: { singleQuote: true, printWidth: 120 },
  });
}
