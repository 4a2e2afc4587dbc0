import { describe, expect, test } from '@jest/globals';
import { isUuid, uuidV7, uuidV7Time, uuidV8 } from '@wayline/contracts';

describe('UUIDv7', () => {
  const NOW = Date.UTC(2026, 0, 5, 12);

  test('has the form of RFC 9562, and its time inside', () => {
    for (const time of [0, 1, NOW, 2 ** 48 - 1]) {
      const id = uuidV7(time);
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(uuidV7Time(id)).toBe(time);
      expect(uuidV7Time(id.toUpperCase())).toBe(time);
      expect(isUuid(id)).toBe(true);
    }
  });

  test('the example of RFC 9562 is read', () => {
    expect(uuidV7Time('017F22E2-79B0-7CC3-98C4-DC0C0C07398F')).toBe(0x017f22e279b0);
  });

  test('ids of one millisecond rise, so that events without a time keep their order', () => {
    const ids = Array.from({ length: 10_000 }, () => uuidV7(NOW));
    expect([...ids].sort()).toEqual(ids);
  });

  test('ids are never the same, also where the time goes back', () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => uuidV7(NOW + (i % 3) - 1));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test.each([
    ['of version 4', '9b2f1d3e-8f4a-4c7b-9a51-3d2e1f0a4b5c'],
    ['of another variant', '01890a5d-ac96-774b-3cce-b302099a8057'],
    ['nil', '00000000-0000-0000-0000-000000000000'],
  ])('an id %s has no time', (_, id) => expect(uuidV7Time(id)).toBeUndefined());
});

describe('UUIDv8', () => {
  // Made by another program: SHA-256 over `length:part` of every part, cut to 16 bytes, with version and variant.
  const vectors: [(string | number)[], string][] = [
    [[], 'e3b0c442-98fc-8c14-9afb-f4c8996fb924'],
    [[''], 'ba768b33-1fd8-8cec-803b-e04e56ab2b3d'],
    [['a', 'bc'], '5310a587-8878-8ab2-9d5a-d7c3f8503582'],
    [['ab', 'c'], '430fb1b4-ac43-816e-8a81-fab27a1930ab'],
    [[1, 's-1', 'sessionStarted', '', ''], '3c5c83ab-4f78-831c-aa7f-fbaf3aaaf2ed'],
    [[7, 'sitzung-ü-𝕏', 'sessionEnded', '', '2026-01-05T12:00:00.000Z'], '2d618a74-0d33-887a-b4af-68ec86db4813'],
  ];
  test.each(vectors)('of %j is %s, in every version of Wayline', (parts, id) => {
    expect(uuidV8(...parts)).toBe(id);
    expect(isUuid(id)).toBe(true);
    expect(uuidV7Time(id)).toBeUndefined();
  });
});
