package sheets

import (
	"context"
	"encoding/csv"
	"io"
	"strconv"

	"fieldproof/models"
)

// WriteResults streams the results of an import as CSV: what became of each row, and why.
func WriteResults(ctx context.Context, store *models.Store, i *models.Import, to io.Writer) error {
	w := csv.NewWriter(to)
	if err := w.Write([]string{"Row", "Project Number", "Result", "Field", "Message", "Work Order ID"}); err != nil {
		return err
	}
	if i.Error != "" {
		if err := w.Write([]string{"", "", i.State, "file", i.Error, ""}); err != nil {
			return err
		}
	}
	for after := int64(0); ; {
		var rows []models.ImportRow
		if err := store.Read(models.InAccount(ctx, i.AccountID)).Where("import_id = ? AND line > ?", i.ID, after).Order("line").Limit(1000).Find(&rows).Error; err != nil {
			return err
		}
		for _, r := range rows {
			messages := r.Messages
			if len(messages) == 0 {
				messages = []models.FieldError{{}}
			}
			for _, m := range messages {
				if err := w.Write([]string{strconv.FormatInt(r.Line, 10), Guard(r.Number), r.Result, m.Field, Guard(m.Message), r.WorkOrderID}); err != nil {
					return err
				}
			}
			after = r.Line
		}
		w.Flush()
		if err := w.Error(); err != nil || len(rows) < 1000 {
			return err
		}
	}
}
