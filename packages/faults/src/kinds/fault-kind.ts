import type { Dice } from '../dice.ts';
import type { Scene } from '../scene/scene.ts';

/** What a fault harms. Two faults of different areas may overlap: what is promised then still holds. */
export type Area = 'client' | 'ingest' | 'worker' | 'database' | 'log';

/** Takes the fault away. It resolves when whatever was stopped or cut is there again, working or about to be. */
export type Heal = () => Promise<void>;

export interface FaultKind {
  /** As it stands in the table, and is said by `--only`. */
  name: string;
  area: Area;
  /** Goes with no other fault. */
  alone?: boolean;
  /** Begins at a moment in the traffic, such as a COPY: so it begins before any other that may hold that up. */
  waits?: boolean;
  /** Cards of it in the deck; default 1. */
  cards?: number;
  /** How long it lasts at least and at most, seconds. */
  holdSeconds: readonly [number, number];
  /** Default: everywhere. */
  possible?(scene: Scene): boolean;
  /** Begins the fault. Answers with nothing where its moment did not come: then nothing has happened. */
  inject(scene: Scene, dice: Dice): Promise<Heal | undefined>;
}
