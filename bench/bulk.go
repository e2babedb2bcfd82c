package main

import (
	"fmt"
	"path/filepath"
	"time"

	"fieldproof/tests/rig"
)

const (
	bulkRounds = 3
	bulkOrders = 334 // a round, by each way
	scripts    = 8
)

// inBulk times one bulk approve beside the same updates sent by eight scripts.
func inBulk(dir string) error {
	in, err := rig.DevDurable(product(), filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer in.Stop()
	u, err := office(in.URL)
	if err != nil {
		return err
	}
	ready := func() (orders []string, err error) {
		orders = make([]string, bulkOrders)
		_, err = atOnceDo(bulkOrders, scripts, func(i int) error {
			return caught(func() {
				orders[i] = u.Want(201, "POST", "/work-orders", rig.NewOrder(rig.JSON{"assignee": "~all~"})).Text("id")
				u.Want(200, "POST", "/work-orders/"+orders[i]+"/complete", nil)
			})
		})
		time.Sleep(time.Second) // let what rang fall still
		return orders, err
	}
	byScripts := func() (time.Duration, error) {
		orders, err := ready()
		if err != nil {
			return 0, err
		}
		began := time.Now()
		_, err = atOnceDo(bulkOrders, scripts, func(i int) error {
			return caught(func() { patiently(u, 200, "/work-orders/"+orders[i]+"/approve", rig.JSON{}) })
		})
		return time.Since(began), err
	}
	asBulk := func() (whole, answer time.Duration, err error) {
		orders, err := ready()
		if err != nil {
			return 0, 0, err
		}
		err = caught(func() {
			began := time.Now()
			b := u.Want(202, "POST", "/bulk", rig.JSON{"action": "approve", "parameters": rig.JSON{}, "ids": orders, "expected": bulkOrders})
			answer = time.Since(began)
			for b.Get("ended_at") == nil {
				time.Sleep(20 * time.Millisecond)
				b = u.Want(200, "GET", "/bulk/"+b.Text("id"), nil)
			}
			whole = time.Since(began)
			if b.Get("done") != float64(bulkOrders) {
				panic(brokenOff{fmt.Sprintf("a bulk ended otherwise: %s", b.Body)})
			}
		})
		return whole, answer, err
	}
	var ratios []float64
	var scripted, bulks time.Duration
	var answers []time.Duration
	for range bulkRounds {
		theirs, err := byScripts()
		if err != nil {
			return err
		}
		ours, answer, err := asBulk()
		if err != nil {
			return err
		}
		scripted, bulks, answers = scripted+theirs, bulks+ours, append(answers, answer)
		ratios = append(ratios, ours.Seconds()/theirs.Seconds())
	}
	all := float64(bulkRounds * bulkOrders)
	fmt.Printf("bulk: %.1f approvals/s, %d scripts %.1f/s; the bulk is answered in %.0f ms\n", all/bulks.Seconds(), scripts, all/scripted.Seconds(), ms(median(answers)))
	verdict("a bulk approve against the same by eight scripts", middle(ratios), false, 2)
	return nil
}
