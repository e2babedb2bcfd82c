package storage

import "sync"

// rounds share a costly step between those who ask for it at the same time, as a database commits in groups: whoever asks
// gets a run of the step that began after the asking, and all who wait for the next run get the same one.
type rounds struct {
	mu   sync.Mutex
	keys map[string]*queue
}

// queue are the runs of a key: one under way, and one that waits for it to end.
type queue struct {
	underWay, next *round
}

type round struct {
	done chan struct{}
	err  error
}

// do runs step for key, or shares a run that begins after this call.
func (r *rounds) do(key string, step func() error) error {
	r.mu.Lock()
	q := r.keys[key]
	if q != nil {
		mine, leads := q.next, false
		if mine == nil {
			mine, leads = &round{done: make(chan struct{})}, true
			q.next = mine
		}
		before := q.underWay
		r.mu.Unlock()
		if !leads {
			<-mine.done
			return mine.err
		}
		<-before.done
		return r.run(key, q, mine, step)
	}
	mine := &round{done: make(chan struct{})}
	if r.keys == nil {
		r.keys = map[string]*queue{}
	}
	q = &queue{underWay: mine}
	r.keys[key] = q
	r.mu.Unlock()
	return r.run(key, q, mine, step)
}

// run is mine's turn: those who come from here on wait for the next.
func (r *rounds) run(key string, q *queue, mine *round, step func() error) error {
	r.mu.Lock()
	if q.next == mine {
		q.underWay, q.next = mine, nil
	}
	r.mu.Unlock()
	mine.err = step()
	r.mu.Lock()
	if q.next == nil {
		delete(r.keys, key)
	}
	r.mu.Unlock()
	close(mine.done)
	return mine.err
}
