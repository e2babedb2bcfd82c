package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"fieldproof/tests/rig"
)

const (
	idleOrders   = 10_000
	idlePerPush  = 100
	idleTime     = time.Minute
	idleRestTime = 20 * time.Minute
)

// idle is what the embedded shape costs while nobody does anything: 10,000 assigned orders, each a run that waits.
func idle(dir string) error {
	in, err := rig.Dev(product(), filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer in.Stop()
	u, err := office(in.URL)
	if err != nil {
		return err
	}
	if err := caught(func() {
		address := u.Want(201, "POST", "/integrations", rig.JSON{"client_code": "IDLE", "kind": "push", "default_assignee": "~all~"}).Text("push_url")
		for range idleOrders / idlePerPush {
			orders := make([]rig.JSON, idlePerPush)
			for i := range orders {
				orders[i] = rig.JSON{"workOrderNumber": uuid.NewString(), "address1": fmt.Sprintf("%d Oak Street", i), "city": "Round Rock", "state": "TX", "zip": "78664",
					"services": []rig.JSON{{"serviceName": "Lawn cut"}}}
			}
			if a := (&rig.User{T: fataler{}}).Want(200, "POST", address, rig.JSON{"workOrders": orders}); a.Text("results", idlePerPush-1, "result") != "created" {
				panic(brokenOff{fmt.Sprintf("%.300s", a.Body)})
			}
		}
	}); err != nil {
		return err
	}
	parts := in.Parts()
	if len(parts) != 2 {
		return fmt.Errorf("the embedded shape has %d processes", len(parts))
	}
	if err := atRest(parts, 10*time.Second, idleRestTime); err != nil {
		return err
	}
	if err := caught(func() {
		a := u.Want(200, "GET", "/work-orders?state=assigned&limit=1", nil)
		if a.Text("items", 0, "state") != "assigned" {
			panic(brokenOff{"no order is assigned: " + string(a.Body)})
		}
	}); err != nil {
		return err
	}
	before, err := used(parts)
	if err != nil {
		return err
	}
	time.Sleep(idleTime)
	after, err := used(parts)
	if err != nil {
		return err
	}
	for i, name := range []string{"fieldproof", "temporal-dev"} {
		verdict(fmt.Sprintf("idle %s with %d assigned orders, %% of a core", name, idleOrders), float64(after[i]-before[i])/idleTime.Seconds(), false, 3)
	}
	return nil
}

// used is what each process has used of the processors, in hundredths of a second.
func used(pids []int) ([]int64, error) {
	all := make([]int64, len(pids))
	for i, pid := range pids {
		var err error
		if all[i], err = processTime(pid); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// atRest waits until each of the processes uses less than a fifth of a core for span.
func atRest(pids []int, span, patience time.Duration) error {
	for until := time.Now().Add(patience); ; {
		before, err := used(pids)
		if err != nil {
			return err
		}
		time.Sleep(span)
		after, err := used(pids)
		if err != nil {
			return err
		}
		calm := true
		for i := range pids {
			calm = calm && float64(after[i]-before[i])/span.Seconds() < 20
		}
		if calm {
			return nil
		}
		if time.Now().After(until) {
			return errors.New("the processes do not come to rest")
		}
	}
}
