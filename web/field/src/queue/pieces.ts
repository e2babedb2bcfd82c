// How long a piece of an upload is, and how many go at once: by what got through, never by what the browser says of the line.

export const least = 16 * 1024;
export const most = 1024 * 1024; // a server keeps pieces of at most as much
const first = 64 * 1024;

/** A piece should take about this long: what a break costs, against what asking costs. */
const quick = 1500;
const slow = 5000;

/** From this speed on, bytes a second, three go at once. */
const good = 80_000;
export const lanesAtMost = 3;

/** For so many ms after a break a line counts as one that breaks. */
const breaksFor = 600_000;

export class Pieces {
  #size = first;
  /** Where growing has broken before: beyond it, only step by step. */
  #ceiling = most;
  #speed = 0;
  /** Pieces that went since the last break. */
  #streak = 0;
  /** The longest that went through. */
  #proven = 0;
  #broke = -Infinity;

  get size(): number {
    return this.#size;
  }

  /** Bytes a second of one lane, 0 while nothing was measured. */
  get speed(): number {
    return this.#speed;
  }

  /** How many uploads go at once: three where the line carries them, one where it is bad or unknown. */
  get lanes(): number {
    return this.#streak >= 2 && this.#speed >= good ? lanesAtMost : 1;
  }

  /** Whether the line may break in the next piece: it did lately, or carried none as long yet. */
  get risky(): boolean {
    return this.#size > this.#proven || performance.now() - this.#broke < breaksFor;
  }

  /** A piece went through. */
  went(bytes: number, ms: number): void {
    const speed = (bytes * 1000) / Math.max(ms, 1);
    this.#speed = this.#speed === 0 ? speed : 0.7 * this.#speed + 0.3 * speed;
    this.#streak++;
    this.#proven = Math.max(this.#proven, bytes);
    if (bytes < this.#size) return; // the end of a file tells nothing of longer ones
    if (ms > slow) this.#size = Math.max(least, this.#size / 2);
    else if (ms < quick) this.#size = this.#size * 2 <= this.#ceiling ? this.#size * 2 : Math.min(most, this.#size + least);
  }

  /** The line broke in a piece, of which so many bytes arrived. */
  broke(arrived: number): void {
    this.#streak = 0;
    this.#broke = performance.now();
    this.#ceiling = Math.max(least, this.#size / 2);
    this.#size = whole(Math.max(least, Math.min(this.#size / 2, arrived || this.#size / 2)));
  }
}

function whole(size: number): number {
  return Math.max(least, Math.floor(size / least) * least);
}

/** No answer is waited for longer than this before the next try. */
export const restAtMost = 3_600_000;

/** How many ms something rests until its next try; a clock that was set back meanwhile makes nobody wait. */
export function restsFor(nextTry: number | undefined, now: number): number {
  const left = (nextTry ?? 0) - now;
  return left > restAtMost ? 0 : Math.max(0, left);
}

/** How long to rest after so many tries in vain: growing, at most a minute, and never the same for all phones of a crew. */
export function rest(tries: number, random: () => number = Math.random): number {
  return Math.round(Math.min(60_000, 1000 * 2 ** Math.min(tries, 6)) * (0.75 + random() / 2));
}
