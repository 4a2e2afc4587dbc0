import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { eventSchema } from '@wayline/contracts';

const at = (path: string) => new URL(path, import.meta.url);

test('the committed types are what the schema generates; if not, run `npm run generate`', async () => {
  const { renderTypes } = (await import(at('../scripts/render-types.mjs').href)) as {
    renderTypes(schema: object): Promise<string>;
  };
  expect(readFileSync(at('../src/event.generated.ts'), 'utf8')).toBe(await renderTypes(eventSchema));
});
