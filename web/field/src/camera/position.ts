// Where the phone is: warmed up when an order opens, taken at the shutter with its age and accuracy, off two minutes after the
// last use. It never holds up a photo: old, vague or refused is recorded as that.
import type { PositionState } from '../lib/db';

export type Place = { latitude?: number; longitude?: number; accuracy?: number; position_at?: number; position_state: PositionState };

const restsAfter = 120_000;
/** Older than this it tells where somebody was. */
const oldAfter = 30_000;
/** Less accurate than this it tells the neighbourhood. */
const vagueFrom = 100;

type Fix = { latitude: number; longitude: number; accuracy: number; at: number; heard: number };

export class Position {
  #watch: number | null = null;
  #off: ReturnType<typeof setTimeout> | undefined;
  #fix: Fix | null = null;
  #refused = false;
  #wanted = false;
  #changed = new Set<() => void>();

  constructor(
    private readonly source: Geolocation | undefined = globalThis.navigator?.geolocation,
    private readonly now = () => performance.now(),
  ) {}

  /**
   * Begins to look, or goes on looking for two minutes more. Who was refused asks again only when something speaks for another
   * answer (`anew`): a screen was opened, or somebody came back from the settings. iOS asks its person each time.
   */
  warm(anew = false): void {
    clearTimeout(this.#off);
    this.#off = setTimeout(() => this.cool(), restsAfter);
    this.#wanted = true;
    if (this.#watch !== null || !this.source || (this.#refused && !anew)) return;
    this.#watch = this.source.watchPosition(
      (p) => {
        const { latitude, longitude, accuracy } = p.coords;
        this.#fix = { latitude, longitude, accuracy, at: p.timestamp, heard: this.now() };
        this.#refused = false;
        this.#tell();
      },
      (e) => {
        this.#refused = e.code === e.PERMISSION_DENIED;
        if (this.#refused) this.#unwatch();
        this.#tell();
      },
      { enableHighAccuracy: true, maximumAge: 10_000, timeout: 60_000 },
    );
  }

  /** Looks no more. */
  cool(): void {
    clearTimeout(this.#off);
    this.#wanted = false;
    this.#unwatch();
  }

  #unwatch(): void {
    if (this.#watch !== null) this.source?.clearWatch(this.#watch);
    this.#watch = null;
  }

  /** Somebody came back to the page, or changed what it may: who was refused asks again, where the position is still wanted. */
  back(): void {
    if (this.#wanted) this.warm(true);
  }

  /** The position as it is known now. Its age is counted by a clock that nobody sets. */
  here(): Place {
    const f = this.#fix;
    const age = f ? this.now() - f.heard : Infinity;
    if (!f || (this.#refused && age > oldAfter)) return { position_state: this.#refused ? 'refused' : 'none' };
    const state: PositionState = age > oldAfter ? 'old' : f.accuracy > vagueFrom ? 'vague' : 'good';
    return { latitude: f.latitude, longitude: f.longitude, accuracy: f.accuracy, position_at: Math.round(Date.now() - age), position_state: state };
  }

  get refused(): boolean {
    return this.#refused;
  }

  /** Calls back when it is known anew. */
  onChange(tell: () => void): () => void {
    this.#changed.add(tell);
    return () => this.#changed.delete(tell);
  }

  #tell(): void {
    for (const t of this.#changed) t();
  }
}

export const position = new Position();

if (typeof document !== 'undefined') {
  for (const e of ['focus', 'pageshow']) addEventListener(e, () => position.back());
  navigator.permissions?.query({ name: 'geolocation' }).then((p) => p.addEventListener('change', () => position.back()), () => undefined);
}
