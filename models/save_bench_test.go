package models_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/house"
)

// BenchmarkSavingAnOrder is what a change of one order costs SQLite among 20,000.
func BenchmarkSavingAnOrder(b *testing.B) {
	const many = 20_000
	h := house.New(b)
	h.Write(func(tx *models.Tx) error {
		columns, err := tx.Migrator().ColumnTypes(&models.WorkOrder{})
		if err != nil {
			return err
		}
		var into, from []string
		for _, c := range columns {
			value, is := map[string]string{"id": "w.id || '-' || n.i", "number": "w.number || '-' || n.i", "number_key": "w.number_key || '-' || n.i"}[c.Name()]
			if !is {
				value = "w." + c.Name()
			}
			if c.Name() != "seq" {
				into, from = append(into, c.Name()), append(from, value)
			}
		}
		return tx.Exec("INSERT INTO work_orders ("+strings.Join(into, ", ")+") SELECT "+strings.Join(from, ", ")+
			" FROM work_orders AS w, (WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < ?) SELECT i FROM s) AS n WHERE w.id = ?", many, h.Order.ID).Error
	})
	states := []models.State{models.Created, models.Assigned, models.InProgress}
	for name, change := range map[string]func(o *models.WorkOrder, n int){
		"its reference": func(o *models.WorkOrder, n int) { text := fmt.Sprint(n); o.Reference = &text },
		"its state":     func(o *models.WorkOrder, n int) { o.Lifecycle.State = states[n%3] },
	} {
		b.Run(name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				n++
				require.NoError(b, h.Store.Write(h.Ctx, func(tx *models.Tx) error {
					o, err := tx.OrderForUpdate(fmt.Sprintf("%s-%d", h.Order.ID, 1+rand.IntN(many)))
					if err != nil {
						return err
					}
					change(o, n)
					return tx.SaveOrder(o)
				}))
			}
		})
	}
}
