package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"fieldproof/tests/rig"
)

const updateRounds = 60

// updates times one approve, from request to answer, against a bare no-op update with one activity on the same server.
func updates(dir string) error {
	in, err := rig.DevDurable(product(), filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer in.Stop()
	c, stop, err := startNoops(in.TemporalURL)
	if err != nil {
		return err
	}
	defer stop()
	u, err := office(in.URL)
	if err != nil {
		return err
	}
	ready := func(n int) (orders []string, err error) {
		orders = make([]string, n)
		_, err = atOnceDo(n, 8, func(i int) error {
			return caught(func() {
				orders[i] = u.Want(201, "POST", "/work-orders", rig.NewOrder(rig.JSON{"assignee": "~all~"})).Text("id")
				u.Want(200, "POST", "/work-orders/"+orders[i]+"/complete", nil)
			})
		})
		return orders, err
	}
	bare := func(n int) (ids []string, err error) {
		for range n {
			run, err := c.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{ID: uuid.NewString(), TaskQueue: noopQueue}, endless)
			if err != nil {
				return nil, err
			}
			ids = append(ids, run.GetID())
			if err := updateNoop(c, run.GetID()); err != nil { // as an order's run has had its first task
				return nil, err
			}
		}
		return ids, nil
	}
	for _, atOnce := range []int{1, 32} {
		n := updateRounds
		if atOnce > 1 {
			n = 128
		}
		orders, err := ready(n)
		if err != nil {
			return err
		}
		runs, err := bare(n)
		if err != nil {
			return err
		}
		time.Sleep(time.Second) // let what rang fall still
		var ours, theirs []time.Duration
		var mu sync.Mutex
		timed := func(to *[]time.Duration, do func() error) error {
			began := time.Now()
			err := do()
			mu.Lock()
			*to = append(*to, time.Since(began))
			mu.Unlock()
			return err
		}
		approve := func(i int) error {
			return timed(&ours, func() error {
				return caught(func() { u.Want(200, "POST", "/work-orders/"+orders[i]+"/approve", nil) })
			})
		}
		update := func(i int) error { return timed(&theirs, func() error { return updateNoop(c, runs[i]) }) }
		if atOnce == 1 {
			for i := range n { // one beside the other, so that both meet the same machine
				if err := approve(i); err != nil {
					return err
				}
				if err := update(i); err != nil {
					return err
				}
			}
		} else {
			if _, err := atOnceDo(n, atOnce, approve); err != nil {
				return err
			}
			if _, err := atOnceDo(n, atOnce, update); err != nil {
				return err
			}
		}
		a, b := median(ours), median(theirs)
		fmt.Printf("update, %d at once: approve %.1f ms, bare update %.1f ms (medians of %d)\n", atOnce, ms(a), ms(b), n)
		verdict(fmt.Sprintf("approve against a bare update, %d at once", atOnce), a.Seconds()/b.Seconds(), false, 2)
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
