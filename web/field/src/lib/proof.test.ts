import { describe, expect, it } from 'vitest';
import { changes, seen } from './changes';
import type { Action, Item, KnownPhoto, Order } from './db';
import { allowedSources, jump, lacks, tally, wantedPhotos, type Known } from './proof';

const task = (id: string, more: object = {}) => ({ id, name: 'Task ' + id, kind: 'photo', instructions: '', required_photos: {}, options: {}, survey_id: '', source_service: '', source_service_id: '', ...more });
const order = (more: object = {}) => ({ id: 'o', version: 3, state: 'assigned', options: {}, tasks: [], ...more }) as unknown as Order;
const item = (uuid: string, task_id: string, evidence_type: string, more: object = {}) => ({ uuid, order_id: 'o', task_id, evidence_type, source: 'mobile_camera', state: 'kept', ...more }) as unknown as Item;
const photo = (uuid: string, task_id: string, evidence_type: string, review = 'pending') => ({ uuid, id: uuid, work_order_id: 'o', task_id, evidence_type, review }) as unknown as KnownPhoto;
const did = (kind: string, body: object = {}, state = 'waiting') => ({ order_id: 'o', kind, body, state, done_at: 1000, offset_ms: null }) as unknown as Action;
const known = (k: Partial<Known> = {}): Known => ({ items: [], photos: [], actions: [], ...k });

describe('what is missing', () => {
  it('is what the requirement of task, options or order asks for', () => {
    const t = task('a', { required_photos: { after: 2 }, options: { before_min: '3', required_photos: { ' After ': 9 } } });
    expect(wantedPhotos(t as never, { required_photos: { during: 1, after: 5 } })).toEqual({ during: 1, before: 3, after: 2 });
    expect(wantedPhotos(task('s', { kind: 'survey' }) as never, { before_min: 2 })).toEqual({});
    expect(allowedSources(t as never, { gallery_allowed: 'no' })).toEqual(['mobile_camera', 'share', 'peer']);
    expect(allowedSources(task('a', { options: { allowed_sources: 'mobile_camera' } }) as never, {})).toEqual(['mobile_camera']);
  });
  it('counts what others sent, mine, and what is only here, each once', () => {
    const o = order({ tasks: [task('a', { required_photos: { before: 4, after: 1 } })], taken: { a: { before: 2 } } });
    const t = tally(o, known({ items: [item('1', 'a', 'before', { state: 'safe' }), item('2', 'a', 'before'), item('3', 'a', 'before', { state: 'refused' }), item('4', 'b', 'before')], photos: [photo('1', 'a', 'before')] }));
    expect(t.tasks[0]?.wants).toEqual([{ evidence: 'before', want: 4, have: 3 }, { evidence: 'after', want: 1, have: 0 }]);
    expect(lacks(t.missing)).toBe(2);
    expect(jump('o', t.missing[1]!)).toBe('/orders/o/camera?task=a&evidence=after');
  });
  it('calls nothing done where nothing was done, though nothing is required', () => {
    const o = order({ tasks: [task('a')] });
    expect(tally(o, known()).tasks[0]).toMatchObject({ done: false, lacks: false });
    expect(tally(o, known()).missing).toEqual([]);
    expect(tally(o, known({ items: [item('1', 'a', 'before')] })).tasks[0]).toMatchObject({ done: true, lacks: false });
  });
  it('counts nothing that was sent back, and shows it', () => {
    const o = order({ tasks: [task('a', { required_photos: { before: 1 } })] });
    const t = tally(o, known({ items: [item('1', 'a', 'before', { state: 'safe' })], photos: [photo('1', 'a', 'before', 'rejected')] }));
    expect(t.tasks[0]).toMatchObject({ done: false, rejected: [{ uuid: '1' }] });
    expect(t.missing).toMatchObject([{ kind: 'photos', want: 1, have: 0 }]);
  });
  it('counts only allowed sources', () => {
    const o = order({ options: { allowed_sources: ['mobile_camera'] }, tasks: [task('a', { required_photos: { before: 1 } })] });
    expect(tally(o, known({ items: [item('1', 'a', 'before', { source: 'mobile_gallery' })] })).missing.map((m) => m.kind)).toEqual(['photos', 'source']);
    expect(tally(o, known({ items: [item('1', 'a', 'before', { source: 'mobile_gallery' }), item('2', 'a', 'before')] })).missing).toEqual([]);
  });
  it('wants a survey answered and a check-in, unless they are done or not wanted', () => {
    const o = order({ options: { check_in_required: 'true' }, tasks: [task('s', { kind: 'survey' }), task('t', { kind: 'survey', options: { survey_required: false } })] });
    expect(tally(o, known()).missing.map((m) => m.kind)).toEqual(['survey', 'check_in']);
    expect(tally(o, known({ actions: [did('survey', { task_id: 's' }), did('check_in', {}, 'done')] })).missing).toEqual([]);
    expect(tally(o, known({ actions: [did('survey', { task_id: 's' }, 'refused')] })).missing.map((m) => m.kind)).toEqual(['survey', 'check_in']);
    expect(tally(order({ ...o, answered: ['s'], check_ins: 1 }), known()).missing).toEqual([]);
    const back = order({ ...o, rework: { at: new Date(2000).toISOString() } });
    expect(tally(back, known({ actions: [did('survey', { task_id: 's' }, 'done'), did('check_in')] })).missing.map((m) => m.kind)).toEqual(['survey']);
    const rejected = order({ ...o, surveys: [{ task_id: 's', review: 'rejected' }] });
    expect(tally(rejected, known({ actions: [did('survey', { task_id: 's' }, 'done'), did('check_in')] })).missing.map((m) => m.kind)).toEqual(['survey']);
    expect(tally(rejected, known({ actions: [did('survey', { task_id: 's' }), did('check_in')] })).missing).toEqual([]);
    expect(tally(o, known({ actions: [did('complete')] })).completing).toBe(true);
  });
});

describe('what changed since it was seen', () => {
  const was = order({ due_date: '2026-11-30', work_order_info: 'Gate 1', instructions: '', assignee: 'crew', tasks: [task('a'), task('x-local', { name: 'New one' }), task('b')] });
  it('is told by field and task', () => {
    const now = order({ ...was, version: 4, due_date: '2026-12-02', work_order_info: 'Gate 2', state: 'cancelled', tasks: [task('a', { instructions: 'Both sides' }), task('n', { name: 'New one' }), task('c')] });
    expect(changes(seen(was), now)).toEqual([
      { field: 'state', was: '', is: 'cancelled' }, { field: 'due', was: '2026-11-30', is: '2026-12-02' }, { field: 'codes', was: 'Gate 1', is: 'Gate 2' },
      { field: 'task_changed', task: 'Task a' }, { field: 'task_new', task: 'Task c' }, { field: 'task_gone', task: 'Task b' },
    ]);
  });
  it('is nothing when it is as it was, or was never seen', () => {
    expect(changes(seen(was), was)).toEqual([]);
    expect(changes(undefined, was)).toEqual([]);
  });
});
