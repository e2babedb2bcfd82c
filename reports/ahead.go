package reports

import (
	"errors"
	"sync"

	"fieldproof/models"
)

// readers is how many photos are read at once, ahead of the one that is drawn.
const readers = 8

// ahead reads photos in their sequence before they are drawn: a store elsewhere takes its time for each.
type ahead struct {
	waiting chan chan photo
	stop    chan struct{}
	reading sync.WaitGroup
}

type photo struct {
	content []byte
	err     error
}

func readAhead(items []*models.Item, open func(*models.Item) ([]byte, error)) *ahead {
	a := &ahead{waiting: make(chan chan photo, readers), stop: make(chan struct{})}
	a.reading.Go(func() {
		defer close(a.waiting)
		for _, item := range items {
			one := make(chan photo, 1)
			select {
			case a.waiting <- one:
			case <-a.stop:
				return
			}
			a.reading.Go(func() {
				content, err := open(item)
				one <- photo{content, err}
			})
		}
	})
	return a
}

// next is the next photo's bytes.
func (a *ahead) next() ([]byte, error) {
	one, more := <-a.waiting
	if !more {
		return nil, errors.New("reports: more photos are drawn than were read")
	}
	p := <-one
	return p.content, p.err
}

// end stops reading, and waits for what is under way.
func (a *ahead) end() {
	close(a.stop)
	a.reading.Wait()
}
