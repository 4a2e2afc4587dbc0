import { expect, test } from '@jest/globals';
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { directSubject, recordEventId, schemaFrame, TOPICS } from '@wayline/contracts';
import { identifiedEvent } from '@wayline/testkit';
import { describeDirect, keyOf } from './direct-scene.ts';

await describeDirect('what services get wrong straight in Kafka', (scene) => {
  const frameOf = (schemaId: number, event: object) =>
    Buffer.concat([schemaFrame(schemaId), Buffer.from(JSON.stringify(event))]);

  test('T4, T8, issue 6.5: each mistake is a dead letter with its own reason, and the events between are unharmed', async () => {
    const theirs = new SchemaRegistry({ host: scene().registry.url });
    const avro = await theirs.register(
      {
        type: SchemaType.AVRO,
        schema: '{"type":"record","name":"E","namespace":"n","fields":[{"name":"a","type":"string"}]}',
      },
      { subject: 'others-value' },
    );
    const other = await theirs.register(
      { type: SchemaType.JSON, schema: '{"type":"object"}' },
      { subject: 'others-json-value' },
    );
    const good = Array.from({ length: 10 }, () => identifiedEvent({ sessionId: 's-1' }));
    const bad = identifiedEvent({ sessionId: 's-1' });
    const json = JSON.stringify(bad);
    const mistakes = [
      { code: 'unknown_schema', value: frameOf(999, bad) },
      { code: 'unknown_schema', value: frameOf(0xffff_ffff, bad) },
      { code: 'wrong_schema', value: await theirs.encode(avro.id, { a: 'text' }) },
      { code: 'wrong_schema', value: frameOf(other.id, bad) },
      { code: 'bad_frame', value: Buffer.from([0, 0, 0]) },
      { code: 'bad_frame', value: Buffer.from([0, 0, 0, 0, 2]) },
      { code: 'empty', value: null },
      { code: 'missing_key', value: json, headers: {} },
      {
        code: 'unknown_key',
        value: json,
        headers: { 'wayline-key': keyOf('k1', 'another secret of at least 32 letters') },
      },
      { code: 'unreadable', value: frameOf(2, bad).subarray(0, 40) },
    ];
    for (const [i, event] of good.entries()) {
      const { code: _, ...mistake } = mistakes[i] as (typeof mistakes)[number];
      await scene().send({ key: 's-1', value: JSON.stringify(event) }, { key: 's-1', ...mistake });
    }
    expect((await scene().deadLetters()).map(({ code }) => code)).toEqual(mistakes.map(({ code }) => code));
    await scene().expectExactlyOnce(good);
    const [unknown] = await scene().deadLetters();
    expect(unknown).toMatchObject({ eventId: bad.eventId, projectId: 1 });
    // A stranger made nobody ask the registry.
    expect(scene().registry.requests).not.toContain('GET /schemas/ids/4294967295');
  });

  test('T13, issue 6.5: with the registry away known schemas go on working, and an unknown one waits for it', async () => {
    const stored = () => scene().number('SELECT count(*) FROM events');
    const before = await stored();
    const known = identifiedEvent({ sessionId: 's-1' });
    await scene().send({ key: 's-1', value: await scene().frame(known) });
    await scene().allRead();

    await scene().registry.goAway();
    const cached = identifiedEvent({ sessionId: 's-1' });
    await scene().send({ key: 's-1', value: await scene().frame(cached) });
    await scene().allRead();
    expect(await stored()).toBe(before + 2);

    const waiting = identifiedEvent({ sessionId: 's-1' });
    const behind = identifiedEvent({ sessionId: 's-1' });
    await scene().send({ key: 's-1', value: frameOf(1, waiting) }, { key: 's-1', value: JSON.stringify(behind) });
    await scene().untilTold('wait for the schema registry');
    const elsewhere = ['s-2', 's-3', 's-4', 's-5', 's-6'].map((sessionId) => identifiedEvent({ sessionId }));
    const strangers = { 'wayline-key': keyOf('k1', 'another secret of at least 32 letters') };
    await scene().send(...elsewhere.map((event) => ({ key: event.sessionId, value: JSON.stringify(event) })), {
      key: 's-2',
      value: frameOf(888, waiting),
      headers: strangers,
    });
    await scene().registry.comeBack();
    expect((await scene().deadLetters()).slice(10).map(({ code }) => code)).toEqual(['unknown_key']);
    expect(await stored()).toBe(before + 4 + elsewhere.length);
  }, 60_000);

  test('issue 6.5: an event without an id is named after its place in the log', async () => {
    const ends = await scene().log.ranges(TOPICS.direct);
    const { eventId: _, ...event } = identifiedEvent({ sessionId: 's-1' });
    await scene().send({ key: 's-1', value: await scene().frame(event) });
    await scene().allRead();
    const after = await scene().log.ranges(TOPICS.direct);
    const at = after.find(({ partition, end }) => end > (ends[partition]?.end ?? 0));
    const place = {
      logId: scene().log.id,
      topic: TOPICS.direct,
      partition: at?.partition ?? -1,
      offset: (at?.end ?? 0) - 1,
    };
    const found = `SELECT count(*) FROM events WHERE event_id = '${recordEventId(place)}'`;
    expect(await scene().number(found)).toBe(1);
    expect(directSubject().name).toBe('wayline.direct-value');
  });
});
