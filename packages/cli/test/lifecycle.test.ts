import { describe, expect, test } from '@jest/globals';
import { EXIT, type ExitCode, UsageError } from '../src/errors.ts';
import { createLifecycle, type Lifecycle } from '../src/lifecycle.ts';

interface Setup {
  lifecycle: Lifecycle;
  /** What happened, in order. */
  told: string[];
}

function setup(boundMs = 5_000): Setup {
  const told: string[] = [];
  const logger = { info: () => undefined, error: (_fields: object, message: string) => told.push(message) };
  const report = (error: unknown): ExitCode => {
    told.push(`reported: ${(error as Error).message}`);
    return EXIT.usage;
  };
  return { lifecycle: createLifecycle({ logger, boundMs, report }), told };
}

const tick = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('the life cycle of a role', () => {
  test('releases in the opposite order, each after the one before, and ends with 0', async () => {
    const { lifecycle, told } = setup();
    const ended = lifecycle.run(async () => {
      for (const name of ['log', 'pool', 'worker']) {
        lifecycle.onStop(name, async () => {
          told.push(`${name} begins`);
          await tick();
          told.push(`${name} ends`);
        });
      }
    });
    lifecycle.stop(EXIT.stopped);
    expect(await ended).toBe(0);
    expect(told).toEqual(['worker begins', 'worker ends', 'pool begins', 'pool ends', 'log begins', 'log ends']);
  });

  test('goes on releasing when one part fails, says so, and ends with 1', async () => {
    const { lifecycle, told } = setup();
    const ended = lifecycle.run(async () => {
      lifecycle.onStop('first', () => told.push('first released'));
      lifecycle.onStop(
        'second',
        () => Promise.reject(new Error('no')),
        () => told.push('second forced'),
      );
    });
    lifecycle.stop(EXIT.stopped);
    expect(await ended).toBe(1);
    expect(told).toEqual(['second did not stop as it should', 'second forced', 'first released']);
  });

  test('a start that fails is reported, and what it had started is released', async () => {
    const { lifecycle, told } = setup();
    const code = await lifecycle.run(async () => {
      lifecycle.onStop('server', () => told.push('server released'));
      throw new UsageError('the port is taken');
    });
    expect(code).toBe(2);
    expect(told).toEqual(['reported: the port is taken', 'server released']);
  });

  test('what a start makes after the stop began is released too, and its error is of no interest', async () => {
    const { lifecycle, told } = setup();
    const ended = lifecycle.run(async () => {
      await tick();
      await tick();
      lifecycle.onStop('late', () => told.push('late released'));
      throw new Error('overtaken');
    });
    lifecycle.stop(EXIT.stopped);
    expect(await ended).toBe(0);
    expect(told).toEqual(['late released']);
  });

  test('a part that does not come to its end in time is forced, as is all that is below it', async () => {
    const { lifecycle, told } = setup(20);
    const never = () => new Promise(() => undefined);
    const ended = lifecycle.run(async () => {
      lifecycle.onStop('child process', never, () => told.push('child killed'));
      lifecycle.onStop('worker', never);
    });
    lifecycle.stop(EXIT.stopped);
    expect(await ended).toBe(1);
    expect(told).toEqual(['worker did not stop in time; what it had in hand is given up', 'child killed']);
  });

  test('a fault while running is logged and ends with 1, also when it comes while stopping', async () => {
    const { lifecycle, told } = setup();
    const ended = lifecycle.run(async () => {
      lifecycle.onStop('worker', () => lifecycle.fail(new Error('broke'), 'the worker ended for good'));
    });
    lifecycle.stop(EXIT.stopped);
    expect(await ended).toBe(1);
    expect(told).toEqual(['the worker ended for good']);
    expect(lifecycle.signal.aborted).toBe(true);
  });
});
