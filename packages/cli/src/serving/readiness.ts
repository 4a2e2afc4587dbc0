/** One thing that a role needs: `check` resolves when it is there, and does nothing besides looking. */
export interface ReadinessCheck {
  name: string;
  check(): Promise<unknown>;
  /** Counts as ready until it has been failing for so long. Default 0. */
  graceMs?: number;
}

export interface Readiness {
  ready: boolean;
  checks: Record<string, 'ok' | 'failing' | 'failing, within its grace'>;
}

const KEPT_MS = 1_000;
const TIME_OUT_MS = 2_000;

/** Answers from the checks; however often it is asked, each runs at most once a second and for at most two. */
export function createReadiness(
  checks: readonly ReadinessCheck[],
  now: () => number = Date.now,
): () => Promise<Readiness> {
  const probes = checks.map((check) => ({ name: check.name, state: probe(check, now) }));
  return async () => {
    const states = await Promise.all(probes.map(async ({ name, state }) => [name, await state()] as const));
    return { ready: states.every(([, state]) => state !== 'failing'), checks: Object.fromEntries(states) };
  };
}

function probe({ check, graceMs = 0 }: ReadinessCheck, now: () => number): () => Promise<Readiness['checks'][string]> {
  let failingSince: number | undefined;
  let asked = Number.NEGATIVE_INFINITY;
  let answer: Promise<boolean> = Promise.resolve(true);

  return async () => {
    if (now() - asked >= KEPT_MS) {
      asked = now();
      answer = inTime(check);
    }
    if (await answer) {
      failingSince = undefined;
      return 'ok';
    }
    failingSince ??= now();
    return now() - failingSince < graceMs ? 'failing, within its grace' : 'failing';
  };
}

async function inTime(check: () => Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, TIME_OUT_MS, false);
  });
  const done = check().then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}
