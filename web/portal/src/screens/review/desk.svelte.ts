// One order on the review desk: its photos by task and evidence, where the eye is, and what is done with them.
import Camera from '@lucide/svelte/icons/camera';
import CameraOff from '@lucide/svelte/icons/camera-off';
import Clock from '@lucide/svelte/icons/clock';
import Copy from '@lucide/svelte/icons/copy';
import Flag from '@lucide/svelte/icons/flag';
import ImageOff from '@lucide/svelte/icons/image-off';
import MapPin from '@lucide/svelte/icons/map-pin';
import X from '@lucide/svelte/icons/x';
import type { Tone } from '$kit/mark';
import { clock, day, dayOf } from '$kit/format';
import { m } from '$kit/words/messages';
import { api, ok, Refusal, wordsOf, type Schemas } from '$lib/api';
import type { StreamEvent } from '$lib/stream';
import { toast } from '$lib/toast';
import { undo } from '$lib/undo.svelte';
import { untrack, type Component } from 'svelte';
import { sender, wordOf, type Review } from './sender.svelte';

export type Order = Schemas['WorkOrder'];
export type Task = Schemas['Task'];
type Index = Schemas['PhotoIndex'];
type Certification = { item?: boolean | null; time?: boolean | null; location?: boolean | null } | null;
export type Fields = { task_id?: string | null; evidence_type?: string; rotation?: number; flagged?: boolean; notes?: string };

/**
 * What changed among the photos of a desk. What is counted or sorted over thousands of them follows these, and reads the photos
 * themselves without listening to each: a verdict costs a count then, and moves nothing.
 */
class Stand {
  /** Task, evidence, gone. */
  places = $state(0);
  verdicts = $state(0);
  /** What was noticed, by the machine or by people. */
  notices = $state(0);
}

/** One photo, as the index tells it and as the office has it by now. */
export class Shot {
  readonly id: string;
  user = '';
  taken: string | null = null;
  size = 0;
  width = 0;
  height = 0;
  reason = $state('');
  reviewer = $state<string | null>(null);
  reviewerName = $state<string | null>(null);
  rotation = $state(0);
  placeholder = $state('');
  /** The server's words why the last verdict was not taken. */
  failed = $state('');
  readonly #stand: Stand;
  #task = $state<string | null>(null);
  #evidence = $state('');
  #review = $state<Review>('pending');
  #flagged = $state(false);
  #viewable = $state(true);
  #elsewhere = $state(false);
  #certification = $state.raw<Certification>(null);
  #gone = $state(false);

  constructor(id: string, stand: Stand) {
    this.id = id;
    this.#stand = stand;
  }

  get task(): string | null { return this.#task; }
  set task(to) { if (to !== this.#task) (this.#task = to), this.#stand.places++; }
  get evidence(): string { return this.#evidence; }
  set evidence(to) { if (to !== this.#evidence) (this.#evidence = to), this.#stand.places++; }
  get gone(): boolean { return this.#gone; }
  set gone(to) { if (to !== this.#gone) (this.#gone = to), this.#stand.places++; }
  get review(): Review { return this.#review; }
  set review(to) { if (to !== this.#review) (this.#review = to), this.#stand.verdicts++; }
  get flagged(): boolean { return this.#flagged; }
  set flagged(to) { if (to !== this.#flagged) (this.#flagged = to), this.#stand.notices++; }
  get viewable(): boolean { return this.#viewable; }
  set viewable(to) { if (to !== this.#viewable) (this.#viewable = to), this.#stand.notices++; }
  get elsewhere(): boolean { return this.#elsewhere; }
  set elsewhere(to) { if (to !== this.#elsewhere) (this.#elsewhere = to), this.#stand.notices++; }
  get certification(): Certification { return this.#certification; }
  set certification(to) {
    const was = this.#certification;
    if (to?.item !== was?.item || to?.time !== was?.time || to?.location !== was?.location) (this.#certification = to), this.#stand.notices++;
  }

  /** Takes over what the index says at a place; a verdict that is still on its way stays. */
  tell(x: Index, n: number): void {
    const task = x.task?.[n];
    this.user = x.user_names?.[x.user?.[n] ?? -1] ?? '';
    this.taken = x.taken?.[n] ?? null;
    this.size = x.size?.[n] ?? 0;
    this.width = x.width?.[n] ?? 0;
    this.height = x.height?.[n] ?? 0;
    this.task = task == null ? null : (x.tasks?.[task] ?? null);
    this.evidence = x.evidence_types?.[x.evidence?.[n] ?? -1] ?? '';
    if (!sender.holds(this.id)) {
      this.review = (x.review?.[n] ?? 'pending') as Review;
      const by = x.reviewer?.[n];
      this.reviewer = by == null ? null : (x.users?.[by] ?? null);
      this.reviewerName = by == null ? null : (x.user_names?.[by] ?? null);
    }
    this.rotation = x.rotation?.[n] ?? 0;
    this.flagged = x.flagged?.[n] ?? false;
    this.viewable = x.viewable?.[n] ?? true;
    this.elsewhere = x.elsewhere?.[n] ?? false;
    this.placeholder = x.placeholder?.[n] ?? '';
    this.certification = (x.certification?.[n] ?? null) as Certification;
    this.gone = false;
  }

  /** Takes over what the photo itself says, where it alone was read again. */
  learn(p: Schemas['Photo']): void {
    this.task = p.task_id;
    this.evidence = p.evidence_type;
    if (!sender.holds(this.id)) {
      this.review = p.review as Review;
      this.reason = p.review_reason;
      this.reviewer = p.reviewed_by;
      this.reviewerName = p.reviewed_by_name;
    }
    this.rotation = p.rotation;
    this.flagged = p.flagged;
    this.viewable = p.viewable;
    this.certification = p.certification;
    this.gone = p.deleted;
  }

  /** Whether clients can be shown it: what is rejected, or has no picture, stands on no cover. */
  get showable(): boolean {
    return this.viewable && this.review !== 'rejected' && !this.gone;
  }

  /** The box of the photo as the office turned it. */
  get box(): [number, number] {
    return this.rotation % 180 ? [this.height, this.width] : [this.width, this.height];
  }

  picture(rendition: 'thumbnail' | 'display'): string {
    return `/api/v1/photos/${this.id}/${rendition}?rotation=${this.rotation}`;
  }

  get when(): string {
    if (!this.taken) return '';
    const on = dayOf(new Date(this.taken));
    return on === dayOf(new Date()) ? clock(this.taken) : day(on) + ' ' + clock(this.taken);
  }

  get called(): string {
    return [evidenceWord(this.evidence), this.when, wordOf(this.review), ...noticed.filter((k) => k.is(this)).map((k) => k.word())].filter(Boolean).join(', ');
  }
}

export function evidenceWord(type: string): string {
  const words: Record<string, () => string> = { before: m.review_before, during: m.review_during, after: m.review_after };
  return words[type]?.() ?? (type ? type[0]!.toLocaleUpperCase() + type.slice(1) : m.review_no_type());
}

export type Notice = { name: string; tone: Tone; icon: Component; word: () => string; short: () => string; is: (s: Shot) => boolean };

/** What the machine noticed of a photo, the gravest first. */
export const noticed: Notice[] = [
  { name: 'elsewhere', tone: 'bad', icon: Copy, word: m.review_elsewhere, short: m.review_elsewhere, is: (s) => s.elsewhere },
  { name: 'unviewable', tone: 'bad', icon: ImageOff, word: m.review_unviewable, short: m.review_unviewable, is: (s) => !s.viewable },
  { name: 'time', tone: 'warn', icon: Clock, word: m.review_no_time, short: m.review_time_short, is: (s) => s.certification?.time === false },
  { name: 'location', tone: 'warn', icon: MapPin, word: m.review_no_location, short: m.review_location_short, is: (s) => s.certification?.location === false },
  { name: 'item', tone: 'warn', icon: Camera, word: m.review_no_camera, short: m.review_camera_short, is: (s) => s.certification?.item === false },
];
/** What people marked: filters beside those of the machine. */
export const marked: Notice[] = [
  { name: 'flagged', tone: 'moving', icon: Flag, word: m.review_flagged, short: m.review_flagged, is: (s) => s.flagged },
  { name: 'rejected', tone: 'bad', icon: X, word: m.photo_rejected, short: m.photo_rejected, is: (s) => s.review === 'rejected' },
];
export const missing = { name: 'missing', tone: 'warn' as Tone, icon: CameraOff, word: m.review_missing };

export type Part = { type: string; shots: Shot[]; lacks: number };
/** A task's photos as they stand on the desk; what is lacking of each type stands behind them. */
export type Group = { key: string; task: Task | null; parts: Map<string, Part>; shots: Shot[]; lacks: number };
/** All that a task has and is asked for, before anything is left out. */
type Plan = { key: string; task: Task | null; types: { type: string; all: Shot[]; shown: Shot[]; wanted: number }[] };

export class Desk {
  readonly id: string;
  order = $state.raw<Order>();
  shots = $state.raw<Shot[]>([]);
  /** New ones that wait until they are asked for: nothing moves under a hand. */
  fresh = $state.raw<Shot[]>([]);
  failed = $state('');
  loaded = $state(false);
  filter = $state('');
  at = $state('');
  picked = $state.raw<ReadonlySet<string>>(new Set());
  viewing = $state(false);
  /** 0 is the whole photo, else pixels of the photo a pixel of the screen; it stays while moving on, as the place does. */
  zoom = $state(0);
  place = $state.raw({ x: 0.5, y: 0.5 });
  /** What the photo is compared with: nothing, its counterpart ('pair'), or one photo that stays, by its id. */
  beside = $state('');
  said = $state('');
  /** Counts up when a photo was changed here, so that its facts are read again. */
  edits = $state(0);
  #stand = new Stand();
  #byID = new Map<string, Shot>();
  #edit = Promise.resolve();
  #changed = new Set<string>();
  #echoes = new Set<string>();
  #whole = false;
  #orderToo = false;
  #timer = 0;
  #timerAt = 0;
  #reading = false;
  #rests = 0;
  #ended = false;

  constructor(id: string) {
    this.id = id;
  }

  /** Nobody looks at it any more. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  /**
   * Reads again what happened elsewhere: a few photos each by itself and at once, many by the index. Of our own verdicts the
   * answer has told already: their echo is looked at once the judge rests.
   */
  hear(e: StreamEvent): void {
    if (e.type !== 'reset' && e.work_order_id !== this.id) return;
    if (e.type === 'item.changed') {
      if (sender.holds(e.id)) return;
      const own = sender.told(e.id);
      (own ? this.#echoes : this.#changed).add(e.id);
      return this.#soon(own ? 2000 : 30);
    }
    if (e.type === 'item.received' || e.type === 'reset') this.#whole = true;
    else if (e.type.startsWith('work_order.')) this.#orderToo = true;
    else return;
    this.#soon(250);
  }

  #soon(ms: number): void {
    const at = Math.max(performance.now() + ms, this.#rests);
    if (this.#ended || this.#reading || (this.#timer && this.#timerAt <= at)) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = window.setTimeout(() => void this.#readAgain(), at - performance.now());
  }

  async #readAgain(): Promise<void> {
    this.#timer = 0;
    this.#reading = true;
    const began = performance.now();
    const ids = [...this.#changed, ...(sender.resting ? this.#echoes : [])];
    this.#changed.clear();
    if (sender.resting) this.#echoes.clear();
    const unknown = ids.some((id) => !this.#byID.get(id)?.placeholder); // new here, or its picture was only now made
    try {
      if (this.#whole || unknown || ids.length > 8) {
        this.#whole = this.#orderToo = false;
        this.#echoes.clear();
        await this.load();
        this.#rests = performance.now() + 3 * (performance.now() - began); // however many events: three quarters of the time are the judge's
      } else {
        const order = this.#orderToo;
        this.#orderToo = false;
        await Promise.all([...ids.map((id) => this.#readOne(id)), order && this.#readOrder()]);
      }
    } catch {
      this.#whole = true;
      this.#rests = performance.now() + 2000;
    }
    this.#reading = false;
    if (this.#whole || this.#orderToo || this.#changed.size) this.#soon(30);
    else if (this.#echoes.size) this.#soon(2000);
  }

  async #readOne(id: string): Promise<void> {
    const s = this.#byID.get(id);
    if (!s) return;
    try {
      const p = await ok(api.GET('/photos/{id}', { params: { path: { id } } }));
      if (p.work_order_id === this.id) s.learn(p);
      else s.gone = true;
      this.edits++;
    } catch (e) {
      if (!(e instanceof Refusal) || e.status !== 404) throw e;
      s.gone = true;
    }
  }

  async #readOrder(): Promise<void> {
    const order = await ok(api.GET('/work-orders/{id}', { params: { path: { id: this.id } } }));
    this.#know(order);
    // Photos that came from another order, or went to one, are told there.
    let here = 0;
    for (const s of this.#byID.values()) if (!s.gone) here++;
    if (order.item_counts.photos !== here) this.#whole = true;
  }

  /** Tasks that are as they were stay the same ones: nothing is sorted anew for them. */
  #know(order: Order): void {
    const was = this.order?.tasks;
    this.order = was && JSON.stringify(order.tasks) === JSON.stringify(was) ? { ...order, tasks: was } : order;
  }

  async load(): Promise<void> {
    try {
      const of = { params: { path: { id: this.id } } };
      const [order, index] = await Promise.all([ok(api.GET('/work-orders/{id}', of)), ok(api.GET('/work-orders/{id}/photo-index', of as never))]);
      this.#know(order);
      this.#take(index as Index);
      this.failed = '';
    } catch (e) {
      this.failed = wordsOf(e);
    }
    this.loaded = true;
  }

  #take(x: Index): void {
    const before = this.loaded;
    const fresh: Shot[] = [];
    const there = new Set(x.id ?? []);
    (x.id ?? []).forEach((id, n) => {
      let s = this.#byID.get(id);
      if (!s) {
        this.#byID.set(id, (s = new Shot(id, this.#stand)));
        fresh.push(s);
      }
      s.tell(x, n);
    });
    for (const s of this.#byID.values()) if (!there.has(s.id)) s.gone = true;
    if (before) this.fresh = [...this.fresh.filter((s) => !s.gone), ...fresh];
    else {
      this.shots = fresh;
      this.at ||= this.flat[0]?.id ?? '';
    }
  }

  showFresh(): void {
    const first = this.fresh[0];
    this.shots = [...this.shots.filter((s) => !s.gone), ...this.fresh];
    this.fresh = [];
    if (first) this.at = first.id;
  }

  #sorted = $derived(this.shots.map((s) => ({ s, key: (s.taken ?? '') + s.id })).sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ s }) => s));
  #tasks = $derived(this.order?.tasks);
  #plan = $derived.by<Plan[]>(() => {
    const rule = [...noticed, ...marked].find((k) => k.name === this.filter);
    void this.#stand.places;
    if (rule) void [this.#stand.notices, this.#stand.verdicts];
    const tasks = new Map((this.#tasks ?? []).map((t) => [t.id, t]));
    const sorted = this.#sorted;
    return untrack(() => {
      const plans = new Map<string, Plan>();
      const of = (task: Task | null) => {
        const key = task?.id ?? '';
        let p = plans.get(key);
        if (!p) plans.set(key, (p = { key, task, types: [] }));
        return p;
      };
      const typeOf = (p: Plan, type: string) => {
        let t = p.types.find((t) => t.type === type);
        if (!t) p.types.push((t = { type, all: [], shown: [], wanted: ((p.task?.required_photos ?? {}) as Record<string, number>)[type] ?? 0 }));
        return t;
      };
      for (const t of tasks.values()) if (t.kind !== 'survey') of(t);
      for (const s of sorted) {
        const t = typeOf(of((s.task && tasks.get(s.task)) || null), s.evidence);
        if (!s.gone) t.all.push(s);
        if (!rule || rule.is(s)) t.shown.push(s);
      }
      for (const p of plans.values()) for (const type of Object.keys(p.task?.required_photos ?? {})) typeOf(p, type);
      return [...plans.values()];
    });
  });
  // As a text: as long as it says the same nothing is drawn anew.
  #lacking = $derived.by(() => {
    void this.#stand.verdicts;
    const plan = this.#plan;
    return untrack(() => plan.flatMap((p) => p.types).map((t) => (t.wanted ? Math.max(0, t.wanted - t.all.filter((s) => s.review !== 'rejected').length) : 0)).join());
  });
  groups = $derived.by<Group[]>(() => {
    const lacking = this.#lacking.split(',').map(Number);
    const filtered = [...noticed, ...marked].some((k) => k.name === this.filter);
    let n = 0;
    const groups = this.#plan.map(({ key, task, types }) => {
      const g: Group = { key, task, parts: new Map(), shots: [], lacks: 0 };
      for (const t of types) {
        const lacks = lacking[n++] ?? 0;
        g.lacks += lacks;
        if (t.shown.length || !filtered) g.parts.set(t.type, { type: t.type, shots: t.shown, lacks });
      }
      for (const type of ordered(g)) g.shots.push(...(g.parts.get(type)?.shots ?? []));
      return g;
    });
    return groups.filter((g) => (filtered ? g.shots.length : this.filter !== 'missing' || g.lacks));
  });
  /** How many of each group's photos are approved, and how many nobody has judged. */
  tallies = $derived.by(() => {
    void this.#stand.verdicts;
    const { groups } = this;
    return untrack(() => new Map(groups.map((g) => [g.key, { approved: having(g.shots, 'approved'), left: having(g.shots, 'pending') }])));
  });
  flat = $derived(this.groups.flatMap((g) => g.shots));
  #places = $derived(new Map(this.flat.map((s, n) => [s.id, n])));
  here = $derived(this.flat[this.#places.get(this.at) ?? -1]);
  position = $derived(this.#places.get(this.at) ?? -1);
  groupHere = $derived(this.groups.find((g) => this.here && g.shots.includes(this.here)));
  judged = $derived.by(() => (void this.#stand.verdicts, this.#of((shots) => shots.length - having(shots, 'pending'))));
  rejected = $derived.by(() => (void [this.#stand.verdicts, this.#stand.places], this.#of((shots) => shots.filter((s) => s.review === 'rejected' && !s.gone))));
  counts = $derived.by(() => (void [this.#stand.verdicts, this.#stand.notices], this.#of((shots) => Object.fromEntries([...noticed, ...marked].map((k) => [k.name, shots.filter(k.is).length])))));
  lacks = $derived(this.#lacking.split(',').reduce((n, l) => n + Number(l), 0));

  /** Looks through all photos without listening to each of them. */
  #of<T>(look: (shots: Shot[]) => T): T {
    const { shots } = this;
    return untrack(() => look(shots));
  }

  /** What the office chose for the cover; nothing while one of it can't be shown: then the order's first pair stands there. */
  cover = $derived.by<Shot[]>(() => {
    void [this.shots, this.fresh]; // with them photos become known
    const ids = this.order?.key_photos ?? [];
    const chosen = ids.map((id) => this.#byID.get(id)).filter((s) => s?.showable);
    return chosen.length === ids.length ? (chosen as Shot[]) : [];
  });

  /** What a key acts on: the chosen ones, else the one here. */
  get aim(): Shot[] {
    if (this.picked.size) return this.flat.filter((s) => this.picked.has(s.id));
    return this.here ? [this.here] : [];
  }

  /** What stands beside a photo: an after's before in the same place, a before's after. */
  counterpart(s: Shot): Shot | undefined {
    const types = this.#byTask.get(s.task);
    const theirs = types?.get(s.evidence === 'before' ? 'after' : 'before')?.shown ?? [];
    return theirs[Math.min(types?.get(s.evidence)?.all.indexOf(s) ?? -1, theirs.length - 1)] ?? theirs[0];
  }
  // By task and evidence, in the order in which they were taken: all that are there, and those of them that can be shown.
  #byTask = $derived.by(() => {
    void [this.#stand.places, this.#stand.notices];
    const sorted = this.#sorted;
    return untrack(() => {
      const tasks = new Map<string | null, Map<string, { all: Shot[]; shown: Shot[] }>>();
      for (const s of sorted) {
        if (s.gone) continue;
        let types = tasks.get(s.task);
        if (!types) tasks.set(s.task, (types = new Map()));
        let of = types.get(s.evidence);
        if (!of) types.set(s.evidence, (of = { all: [], shown: [] }));
        of.all.push(s);
        if (s.viewable) of.shown.push(s);
      }
      return tasks;
    });
  });

  /** Begins to compare, or ends it; says so where there is nothing to compare with. */
  compare(): void {
    const chosen = this.flat.filter((s) => this.picked.has(s.id) && s.id !== this.at);
    const [one] = chosen;
    if (this.viewing && this.beside) this.beside = '';
    else if (!this.here) return;
    else if (one && chosen.length === 1) [this.beside, this.viewing] = [one.id, true];
    else if (this.counterpart(this.here)) [this.beside, this.viewing] = ['pair', true];
    else toast.say(m.review_nothing_beside());
  }

  other = $derived.by<Shot | undefined>(() => {
    const s = this.here;
    if (!s || !this.beside) return undefined;
    return this.beside === 'pair' ? this.counterpart(s) : this.shots.find((o) => o.id === this.beside && o !== s);
  });

  move(by: number): void {
    const next = this.flat[Math.min(this.flat.length - 1, Math.max(0, this.position + by))];
    if (next) this.at = next.id;
  }

  /** Goes to the next photo that is so, round the end; says so when there is none. */
  seek(is: (s: Shot) => boolean, by: 1 | -1, none: string): void {
    const n = this.flat.length;
    for (let i = 1; i <= n; i++) {
      const s = this.flat[(((this.position + by * i) % n) + n) % n];
      if (s && is(s)) return void (this.at = s.id);
    }
    toast.say(none);
  }

  pick(id: string, to?: boolean): void {
    const picked = new Set(this.picked);
    if (to ?? !picked.has(id)) picked.add(id);
    else picked.delete(id);
    this.picked = picked;
  }

  /** Chooses all from the last chosen one up to this one. */
  pickTo(id: string): void {
    const end = this.#places.get(id) ?? 0;
    const begin = this.flat.findLastIndex((s, n) => n <= end && this.picked.has(s.id));
    const from = begin < 0 ? this.position : begin;
    this.picked = new Set([...this.picked, ...this.flat.slice(Math.min(from, end), Math.max(from, end) + 1).map((s) => s.id)]);
  }

  /** Judges photos and goes on; the step can be taken back. */
  judge(shots: Shot[], review: Review, reason = '', goOn = true): void {
    const before = shots.map((s) => ({ s, review: s.review, reason: s.reason }));
    if (!before.length) return;
    const act = () => before.forEach(({ s }) => sender.judge(s, review, reason));
    act();
    const one = before[0];
    const label = before.length === 1 ? m.review_judged_one({ what: wordOf(review) }) : m.review_judged_many({ count: before.length, what: wordOf(review) });
    undo.push({
      label,
      undo: async () => {
        before.forEach((b) => sender.judge(b.s, b.review, b.reason));
        if (one && this.#places.has(one.s.id)) this.at = one.s.id;
      },
      redo: async () => act(),
    }, before.length === 1);
    if (goOn && before.length === 1 && one?.s === this.here) this.move(1);
    this.picked = new Set();
    this.said = label + '. ' + (this.here ? m.review_photo_of({ n: this.position + 1, total: this.flat.length }) + ', ' + this.here.called : '');
  }

  approveLeft(g: Group | undefined): void {
    const left = g?.shots.filter((s) => s.review === 'pending') ?? [];
    if (left.length) this.judge(left, 'approved', '', false);
    else toast.say(m.review_none_left());
  }

  /** Changes photos at once on the screen, then on the server, one edit after the other; what is refused goes back. */
  edit(shots: Shot[], fields: Fields | ((s: Shot) => Fields), label: string): void {
    const steps = shots.map((s) => {
      const to = typeof fields === 'function' ? fields(s) : fields;
      const from: Fields = {};
      if ('task_id' in to) from.task_id = s.task;
      if ('evidence_type' in to) from.evidence_type = s.evidence;
      if ('rotation' in to) from.rotation = s.rotation;
      if ('flagged' in to) from.flagged = s.flagged;
      return { s, to, from };
    });
    if (!steps.length) return;
    const turn = (to: 'to' | 'from') => {
      for (const step of steps) show(step.s, step[to]);
      const sent = this.#edit.then(async () => {
        for (const step of steps) await ok(api.PATCH('/photos/{id}', { params: { path: { id: step.s.id } }, body: step[to] as never }));
        this.edits++;
      });
      this.#edit = sent.catch(() => undefined);
      return sent.catch((e: unknown) => {
        for (const step of steps) show(step.s, step[to === 'to' ? 'from' : 'to']);
        throw e;
      });
    };
    turn('to').catch((e: unknown) => toast.failed(wordsOf(e)));
    undo.push({ label, undo: () => turn('from'), redo: () => turn('to') }, true);
    this.said = label;
  }

  /** Puts a photo on the cover, in place of the one of its type that stands there, or takes it off. */
  toCover(s: Shot): void {
    const was = this.cover;
    const is = was.includes(s);
    if (!is && !s.showable) return toast.say(m.review_no_cover());
    const to = is ? was.filter((o) => o !== s) : [...was.filter((o) => o.evidence !== s.evidence).slice(-1), s];
    const label = is ? m.review_cover_gone() : m.review_cover_set();
    undo.take(this.#choose(to), { label, undo: () => this.#choose(was), redo: () => this.#choose(to) }).catch((e: unknown) => toast.failed(wordsOf(e)));
    this.said = label;
  }

  /** On the screen at once, as what is edited is; what is refused goes back. */
  #choose(cover: Shot[]): Promise<void> {
    const show = (key_photos: string[]) => this.order && (this.order = { ...this.order, key_photos });
    const was = this.order?.key_photos ?? [];
    const to = cover.map((s) => s.id);
    show(to);
    const sent = this.#edit.then(async () => void (await ok(api.PATCH('/work-orders/{id}', { params: { path: { id: this.id } }, body: { key_photos: to } as never }))));
    this.#edit = sent.catch(() => undefined);
    return sent.catch((e: unknown) => {
      show(was);
      throw e;
    });
  }
}

const having = (shots: Shot[], review: Review) => shots.reduce((n, s) => n + (s.review === review ? 1 : 0), 0);

function show(s: Shot, f: Fields): void {
  if (f.task_id !== undefined) s.task = f.task_id;
  if (f.evidence_type !== undefined) s.evidence = f.evidence_type;
  if (f.rotation !== undefined) s.rotation = f.rotation;
  if (f.flagged !== undefined) s.flagged = f.flagged;
}

/** The evidence types of a group: before, after, and the others behind them. */
export function ordered(g: Group): string[] {
  return ['before', 'after', ...[...g.parts.keys()].filter((t) => t !== 'before' && t !== 'after').sort()];
}

/** The order that waits for review next, before or after this one, the oldest first; undefined at the end. */
export async function neighbour(o: Order, by: 1 | -1): Promise<string | undefined> {
  const { items } = await ok(api.GET('/work-orders', { params: { query: { state: 'completed', sort: 'completed', limit: 200 } as never } }));
  const list = (items ?? []).filter((w) => w.id !== o.id);
  const key = (w: Order) => (w.completed_at ?? '') + w.id;
  const at = (o.completed_at ? key(o) : '');
  return (by === 1 ? (list.find((w) => key(w) > at) ?? list[0]) : list.findLast((w) => key(w) < at))?.id;
}
