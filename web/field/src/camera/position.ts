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
  #changed = new Set<() => void>();

  constructor(
    private readonly source: Geolocation | undefined = globalThis.navigator?.geolocation,
    private readonly now = () => performance.now(),
  ) {}

  /** Begins to look, or goes on looking for two minutes more. A refusal is asked about anew: iOS asks each session. */
  warm(): void {
    clearTimeout(this.#off);
    this.#off = setTimeout(() => this.cool(), restsAfter);
    if (this.#watch !== null || !this.source) return;
    this.#refused = false;
    this.#watch = this.source.watchPosition(
      (p) => {
        const { latitude, longitude, accuracy } = p.coords;
        this.#fix = { latitude, longitude, accuracy, at: p.timestamp, heard: this.now() };
        this.#tell();
      },
      (e) => {
        if (e.code === e.PERMISSION_DENIED) {
          this.#refused = true;
          this.cool();
        }
        this.#tell();
      },
      { enableHighAccuracy: true, maximumAge: 10_000, timeout: 60_000 },
    );
  }

  /** Looks no more. */
  cool(): void {
    clearTimeout(this.#off);
    if (this.#watch !== null) this.source?.clearWatch(this.#watch);
    this.#watch = null;
  }

  /** The position as it is known now. Its age is counted by a clock that nobody sets. */
  here(): Place {
    this.warm();
    const f = this.#fix;
    if (!f) return { position_state: this.#refused ? 'refused' : 'none' };
    const age = this.now() - f.heard;
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
