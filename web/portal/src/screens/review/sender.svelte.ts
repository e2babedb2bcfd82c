// Verdicts on their way. They leave the screen at once, go in small batches, one after the other, and each says what the judge
// had seen: what somebody else judged meanwhile stands. They outlive the screen that they were given on, and a session that ended.
import { m } from '$kit/words/messages';
import { api, ok, Refusal, wordsOf, type Schemas } from '$lib/api';
import { session } from '$lib/session.svelte';
import { toast } from '$lib/toast';
import type { Shot } from './desk.svelte';

export type Review = Schemas['Review'];
type Verdict = { shot: Shot; review: Review; reason: string; was: Review; wasReason: string };

const atOnce = 100;
const gathers = 120; // ms

export const wordOf = (r: Review) => ({ pending: m.review_pending, approved: m.photo_approved, rejected: m.photo_rejected })[r]();

class Sender {
  #queue = new Map<string, Verdict>();
  #flying = new Map<string, Verdict>();
  #timer = 0;
  #idle: (() => void)[] = [];
  #answered = new Map<string, number>();
  #judgedAt = -Infinity;
  /** How many verdicts the server does not have yet. */
  waiting = $state(0);

  constructor() {
    addEventListener('beforeunload', (e) => {
      if (this.waiting > 0) e.preventDefault();
    });
    $effect.root(() => {
      $effect(() => {
        if (!session.ended) this.#arm();
      });
    });
  }

  judge(shot: Shot, review: Review, reason: string): void {
    const queued = this.#queue.get(shot.id);
    const v: Verdict = { shot, review, reason, was: queued?.was ?? shot.review, wasReason: queued?.wasReason ?? shot.reason };
    this.#judgedAt = performance.now();
    shot.review = review;
    shot.reason = reason;
    this.#queue.delete(shot.id);
    if (v.review !== v.was || v.reason !== v.wasReason) this.#queue.set(shot.id, v);
    this.#count();
    this.#arm();
  }

  /** Whether the photo's verdict here is newer than what the server says of it. */
  holds(id: string): boolean {
    return this.#queue.has(id) || this.#flying.has(id);
  }

  /** Whether the server told of the photo's verdict just now, in its answer. */
  told(id: string): boolean {
    return performance.now() - (this.#answered.get(id) ?? -Infinity) < 3000;
  }

  /** Whether nobody has judged for some seconds: what would hold a key up is done then. */
  get resting(): boolean {
    return performance.now() - this.#judgedAt > 2000;
  }

  /** Waits until the server has everything. */
  settled(): Promise<void> {
    return this.waiting ? new Promise((done) => this.#idle.push(done)) : Promise.resolve();
  }

  #count(): void {
    this.waiting = this.#queue.size + this.#flying.size;
    if (!this.waiting) for (const done of this.#idle.splice(0)) done();
  }

  #arm(): void {
    if (!this.#timer && this.#queue.size && !this.#flying.size) this.#timer = window.setTimeout(() => void this.#send(), gathers);
  }

  async #send(): Promise<void> {
    this.#timer = 0;
    if (session.ended) return;
    this.#flying = new Map([...this.#queue].slice(0, atOnce));
    for (const id of this.#flying.keys()) this.#queue.delete(id);
    try {
      const reviews = [...this.#flying.values()].map((v) => ({ id: v.shot.id, review: v.review, reason: v.reason, was: v.was }));
      this.#told((await ok(api.POST('/photos/reviews', { body: { reviews } }))).results ?? []);
    } catch (e) {
      if (e instanceof Refusal && e.status === 401) this.#keep();
      else this.#lost(wordsOf(e));
    }
    this.#flying = new Map();
    this.#count();
    this.#arm();
  }

  /** The session ended before they were taken: they wait until somebody is signed in again. */
  #keep(): void {
    const newer = this.#queue;
    this.#queue = new Map(this.#flying);
    for (const [id, v] of newer) {
      const first = this.#queue.get(id);
      this.#queue.set(id, first ? { ...v, was: first.was, wasReason: first.wasReason } : v);
    }
  }

  #lost(why: string): void {
    for (const [id, v] of this.#flying) {
      if (!this.#queue.has(id)) back(v);
      v.shot.failed = why;
    }
    toast.failed(m.review_not_taken({ count: this.#flying.size, why }));
  }

  #told(results: Schemas['ReviewedPhoto'][]): void {
    const otherwise: Schemas['ReviewedPhoto'][] = [];
    const now = performance.now();
    for (const [id, at] of this.#answered) if (now - at > 5000) this.#answered.delete(id);
    for (const r of results) {
      this.#answered.set(r.id, now);
      const v = this.#flying.get(r.id);
      if (!v) continue;
      v.shot.failed = r.result === 'refused' ? (r.message ?? '') : '';
      if (this.#queue.has(r.id)) continue;
      if (r.review) {
        v.shot.review = r.review as Review;
        v.shot.reason = r.reason;
        v.shot.reviewer = r.reviewed_by;
        v.shot.reviewerName = r.reviewed_by_name;
      } else back(v);
      if (r.result === 'changed_meanwhile') otherwise.push(r);
      if (r.result === 'refused') toast.failed(m.review_not_taken({ count: 1, why: r.message ?? '' }));
    }
    const first = otherwise[0];
    if (!first) return;
    if (otherwise.length === 1) toast.failed(m.review_meanwhile({ who: first.reviewed_by_name ?? '', what: wordOf(first.review as Review) }));
    else toast.failed(m.review_meanwhile_many({ who: first.reviewed_by_name ?? '', count: otherwise.length }));
  }
}

function back(v: Verdict): void {
  v.shot.review = v.was;
  v.shot.reason = v.wasReason;
}

export const sender = new Sender();
