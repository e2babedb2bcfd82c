package tests

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"fieldproof/tests/rig"
)

// imported imports a file and waits for its end.
func imported(office *rig.User, name string, file []byte, fields ...string) rig.Answer {
	office.T.Helper()
	a := office.Want(202, "POST", "/imports", rig.FileForm(name, file, fields...))
	return ended(office, a.Text("id"))
}

func ended(office *rig.User, id string) rig.Answer {
	office.T.Helper()
	var i rig.Answer
	office.Await("the import", func() bool {
		i = office.Want(200, "GET", "/imports/"+id, nil)
		return i.Text("state") != "pending" && i.Text("state") != "running"
	})
	return i
}

func counts(i rig.Answer) []any {
	return []any{i.Text("state"), i.Get("rows"), i.Get("created"), i.Get("updated"), i.Get("unchanged"), i.Get("rejected")}
}

// table writes CSV.
func table(rows ...[]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.WriteAll(rows)
	return b.Bytes()
}

// byNumber reads an order by its number.
func byNumber(office *rig.User, number string) rig.Answer {
	office.T.Helper()
	for n, o := range office.Want(200, "GET", "/work-orders?limit=200", nil).List("items") {
		if m := o.(map[string]any); m["work_order_number"] == number {
			return rig.Answer{JSON: office.Want(200, "GET", "/work-orders?limit=200", nil).List("items")[n].(map[string]any)}
		}
	}
	office.T.Fatalf("there is no order %s", number)
	return rig.Answer{}
}

// incumbents is a file as the incumbent exports it (spec: its columns and their order, its dates and statuses).
var incumbents = table(
	[]string{"Project Number", "Due Date", "Start Date", "Client Due Date", "Address 1", "Address 2", "City", "State", "ZIP", "Info", "Status", "Field Status", "Client Status", "Tasks", "Assigned To", "Coordinator", "Client Code", "Reference", "Description", "Src. Project Provider", "Src. Project ID", "Src. Project Number", "Options"},
	[]string{"GSS1::1002", "1/2/2018 23:00", "", "1/3/2018 0:00", "12 Oak Street", "", "Round Rock", "TX", "78664", "lockbox 1234", "Invoiced", "Complete", "paid", `[{"serviceName":"_BID ONLY_ Pool Tarp","survey":"","instructions":"","options":null}]`, "", "Jane", "GSS1", "R-1", "first", "GSS", "77", "N-77", ""},
	[]string{"1003__1", "6/2/2030 13:30", "", "", "13 Oak Street", "Unit 2", "Round Rock", "TX", "2134", "", "Assigned", "", "", `[{"serviceName":"Fence Repair - Wood_Chain Link"},{"serviceName":"Photos"}]`, "", "", "", "", "", "", "", "", `{"check_in_required":"true"}`},
	[]string{"1004", "6/2/2030", "", "", "14 Oak Street", "", "Round Rock", "TX", "78664", "", "Canceled", "Viewed", "", `[{"serviceName":"Photos"}]`, "", "", "", "", "", "", "", "", ""},
	[]string{"1005", "", "", "", "15 Oak Street", "", "Round Rock", "TX", "78664", "", "Rush", "Viewed", "", `[{"serviceName":"Photos"}]`, "", "", "", "", "", "", "", "", ""},
)

func TestAFileOfTheIncumbentImportsWithoutMapping(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		preview := office.Want(200, "POST", "/imports/preview", rig.FileForm("projects.csv", incumbents))
		require.Equal(t, "work_order_number", preview.Text("mapping", "Project Number"))
		require.Len(t, preview.List("columns"), 23)
		require.Len(t, preview.List("rows"), 4)
		require.Empty(t, preview.List("problems"), string(preview.Body))
		dry := imported(office, "projects.csv", incumbents, "dry_run", "true")
		require.Equal(t, []any{"done", 4.0, 4.0, 0.0, 0.0, 0.0}, counts(dry))
		require.Len(t, office.Want(200, "GET", "/work-orders", nil).List("items"), 1, "a dry run makes nothing: the sample order is alone")
		require.Equal(t, []any{"done", 4.0, 4.0, 0.0, 0.0, 0.0}, counts(imported(office, "projects.csv", incumbents)))

		if *record {
			recordHistory(t, in, "import/"+office.Want(200, "GET", "/imports", nil).Text("items", 0, "id"), "import-"+in.Name)
		}
		old := byNumber(office, "1002")
		require.Equal(t, []any{"closed", "GSS1", "2018-01-02", "23:00", "2018-01-03", "completed", true, "78664", "77", "Jane"},
			[]any{old.Get("state"), old.Get("client_code"), old.Get("due_date"), old.Get("due_time"), old.Get("client_due_date"), old.Get("field_status"), old.Get("invoiced"), old.Get("address", "zip"), old.Get("source", "work_order_id"), old.Get("attributes", "coordinator")})
		live := byNumber(office, "1003__1")
		require.Equal(t, []any{"created", "13:30", "02134", 2, "true"}, []any{live.Get("state"), live.Get("due_time"), live.Get("address", "zip"), len(live.List("tasks")), live.Get("options", "check_in_required")})
		rush := byNumber(office, "1005")
		require.Equal(t, []any{"created", "rush", nil}, []any{rush.Get("state"), rush.Get("priority"), rush.Get("due_date")}, "a row without a due date is taken")
		require.Equal(t, "closed", byNumber(office, "1004").Text("state"))
		require.Equal(t, []any{"done", 4.0, 0.0, 0.0, 4.0, 0.0}, counts(imported(office, "projects.csv", incumbents)), "again: nothing changes")

		exported := office.Want(200, "GET", "/work-orders.csv", nil).Body
		rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(exported, []byte("\xEF\xBB\xBF")))).ReadAll()
		require.NoError(t, err)
		first, err := csv.NewReader(bytes.NewReader(incumbents)).ReadAll()
		require.NoError(t, err)
		require.Equal(t, first[0], rows[0][:len(first[0])], "the incumbent's columns in its order, ours after them")
		statuses := map[string]string{}
		for _, r := range rows[1:] {
			statuses[r[0]] = r[10] + "/" + r[11]
		}
		require.Equal(t, map[string]string{"GSS1::1002": "Invoiced/Complete", "1003__1": "Unassigned/", "1004": "Canceled/Viewed", "1005": "Rush/", "SAMPLE-1": "Unassigned/"}, statuses, "statuses come back")
		require.Equal(t, "published", office.Want(200, "POST", "/work-orders/"+old.Text("id")+"/reopen", nil).Text("state"), "its status decides where reopening leads")
		require.Equal(t, "cancelled", office.Want(200, "POST", "/work-orders/"+byNumber(office, "1004").Text("id")+"/reopen", nil).Text("state"))
	})
}

func TestWhatWeExportWeImportAgainUnchanged(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		office.Want(201, "POST", "/surveys", survey("hpirFull"))
		for n, fields := range []rig.JSON{
			{"client_code": "ACME", "assignee": crew.Username, "description": "=1+1", "reference": "'=quoted", "work_order_info": "+49 \"quoted\", and; more\nlines", "due_date": "2030-06-01", "due_time": "00:00", "instructions": "<p>-1</p>"},
			{"latitude": -30.25, "longitude": 97, "attributes": rig.JSON{"attribute7": " @x ", "own": "y"}, "options": rig.JSON{"check_in_required": true, "n": 1}, "start_date": "2030-01-01", "client_due_date": "2031-01-01", "publish_to": "both", "qa_policy": "auto_publish"},
			{"address": rig.JSON{"address1": "-5 Ünïcode Way", "address2": "@home", "city": "C", "state": "X", "zip": "1234", "country": "AU"}, "priority": "rush", "source": rig.JSON{"work_order_id": "1", "work_order_number": "2", "provider": "3"}},
			{"tasks": []rig.JSON{{"name": "COP: Trash", "instructions": "<b>x</b>", "required_photos": rig.JSON{"before": 2}, "options": rig.JSON{"a": "b"}}, {"name": "PCR", "survey_id": "hpirFull", "source_service_id": "9"}}},
		} {
			fields["work_order_number"] = fmt.Sprintf("X-%d", n)
			office.Order(fields)
		}
		office.AwaitState(byNumber(office, "X-0").Text("id"), "assigned")
		before := office.Want(200, "GET", "/work-orders", nil)
		for _, kind := range []string{"csv", "xlsx"} {
			file := office.Want(200, "GET", "/work-orders."+kind+"?state=created,assigned", nil).Body
			i := imported(office, "export."+kind, file)
			require.Equal(t, []any{"done", 5.0, 0.0, 0.0, 5.0, 0.0}, counts(i), "%s: %s", kind, office.Want(200, "GET", "/imports/"+i.Text("id")+"/results.csv", nil).Body)
			if kind == "csv" {
				require.Contains(t, string(file), `'=1+1`, "a cell that starts a formula is neutralised")
				require.Contains(t, string(file), `''=quoted`)
			}
			other := rig.SignUp(t, in.URL)
			require.Equal(t, []any{"done", 5.0, 4.0, 0.0, 1.0, 0.0}, counts(imported(other, "export."+kind, file)), "elsewhere they are made; the sample order is there already")
			o := byNumber(other, "X-0")
			require.Equal(t, []any{"=1+1", "'=quoted", "+49 \"quoted\", and; more\nlines", "00:00"}, []any{o.Get("description"), o.Get("reference"), o.Get("work_order_info"), o.Get("due_time")})
		}
		require.Equal(t, before.JSON, office.Want(200, "GET", "/work-orders", nil).JSON)
		require.Equal(t, []string{"X-2"}, csvNumbers(t, office.Want(200, "GET", "/work-orders.csv?q=unicode", nil).Body), "the same filters as the list")
		mine := crew.Want(200, "GET", "/work-orders.csv", nil)
		require.Equal(t, []string{"ACME::X-0"}, csvNumbers(t, mine.Body), "the crew exports what it sees")
		require.NotContains(t, string(mine.Body), "=quoted", "without the office's fields")
		require.NotContains(t, string(mine.Body), "=1+1")
		office.WantField(400, "colour", "GET", "/work-orders.csv?colour=red", nil)
	})
}

func csvNumbers(t *testing.T, file []byte) []string {
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte("\xEF\xBB\xBF")))).ReadAll()
	require.NoError(t, err)
	var numbers []string
	for _, r := range rows[1:] {
		numbers = append(numbers, r[0])
	}
	return numbers
}

func TestASpreadsheetIsMappedTriedAndReported(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		file := table([]string{"Auftrag", "Straße", "Ort", "Bundesland", "PLZ", "Fällig", "Task 1", "Task 2", "Wer", "Farbe"},
			[]string{"M-1", "Hauptstr. 1", "Köln", "NW", "50667", "2030-05-04", "Rasen", "Zaun", crew.Username, "rot"},
			[]string{"M-2", "Hauptstr. 2", "", "NW", "50667", "bald", "Rasen", "", "", ""},
			[]string{"M-1", "Hauptstr. 3", "Köln", "NW", "50667", "", "Rasen", "", "", ""},
			[]string{"", "", "", "", "", "", "", "", "", ""},
			[]string{"M-3", "Hauptstr. 4", "Köln", "NW", "50667", "45000.5", `[{"serviceName":"A","options":{"x":1}}]`, "B", "niemand", ""})
		unmapped := office.WantField(422, "mapping", "POST", "/imports", rig.FileForm("a.csv", file))
		require.Contains(t, string(unmapped.Body), "work_order_number")
		mapping := `{"Auftrag":"work_order_number","Straße":"address1","Ort":"city","Bundesland":"state","PLZ":"zip","Fällig":"due_date","Task 1":"tasks","Task 2":"tasks","Wer":"assignee"}`
		for bad, field := range map[string]string{`{"Auftrag":"nothing"}`: "mapping.Auftrag", `{"Nirgends":"city","Auftrag":"work_order_number"}`: "mapping.Nirgends", `[1]`: "mapping", `{"Auftrag":"work_order_number","Ort":"city","PLZ":"city"}`: "mapping.PLZ"} {
			office.WantField(422, field, "POST", "/imports", rig.FileForm("a.csv", file, "mapping", bad))
		}
		preview := office.Want(200, "POST", "/imports/preview", rig.FileForm("a.csv", file, "mapping", mapping))
		problems := string(preview.Body)
		for _, said := range []string{`"row":3,"field":"due_date"`, `"field":"city"`, "row 2 already", "Farbe", "niemand"} {
			require.Contains(t, problems, said)
		}
		i := imported(office, "a.csv", file, "mapping", mapping, "client_code", "DE")
		require.Equal(t, []any{"done", 4.0, 2.0, 0.0, 0.0, 2.0}, counts(i))
		results := string(office.Want(200, "GET", "/imports/"+i.Text("id")+"/results.csv", nil).Body)
		require.Contains(t, results, "3,M-2,rejected,city,")
		require.Contains(t, results, "2,M-1,created,")
		o := byNumber(office, "M-1")
		require.Equal(t, []any{"DE", "Köln", "2030-05-04", 2}, []any{o.Get("client_code"), o.Get("address", "city"), o.Get("due_date"), len(o.List("tasks"))})
		office.AwaitState(o.Text("id"), "assigned")
		o = byNumber(office, "M-3")
		require.Equal(t, []any{"2023-03-15", "12:00", nil}, []any{o.Get("due_date"), o.Get("due_time"), o.Get("assignee")}, "a date in Excel's number form")
		require.Contains(t, string(office.Want(200, "GET", "/alerts", nil).Body), "failed_import")
		remembered := office.Want(200, "POST", "/imports/preview", rig.FileForm("b.csv", file))
		require.Equal(t, "address1", remembered.Text("mapping", "Straße"), "the mapping is remembered")
		changed := table([]string{"number", "city"}, []string{"DE::M-1", "Bonn"})
		require.Equal(t, []any{"done", 1.0, 0.0, 1.0, 0.0, 0.0}, counts(imported(office, "c.csv", changed)), "only mapped columns are written")
		o = byNumber(office, "M-1")
		require.Equal(t, []any{"Bonn", "Hauptstr. 1"}, []any{o.Get("address", "city"), o.Get("address", "address1")})
		rig.SignUp(t, in.URL).Want(404, "GET", "/imports/"+i.Text("id"), nil)
	})
}

func TestSpreadsheetsInEveryForm(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		text := func(number, delimiter string) string {
			return strings.Join([]string{"Number", "Address", "City", "State", "Zip", "Service", "Due"}, delimiter) + "\r\n" +
				strings.Join([]string{number, `"Calle ñ 1` + delimiter + `2"`, "Málaga", "TX", "78664", "Foto", "5/4/2030"}, delimiter) + "\r\n"
		}
		utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(text("utf16", "\t"))
		require.NoError(t, err)
		bare, err := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().String(text("utf16be", ","))
		require.NoError(t, err)
		latin, err := charmap.Windows1252.NewEncoder().String(text("latin", ";"))
		require.NoError(t, err)
		for number, file := range map[string]string{"comma": text("comma", ","), "semicolon": text("semicolon", ";"), "tab": text("tab", "\t"), "pipe": text("pipe", "|"), "bom": "\xEF\xBB\xBF" + text("bom", ","),
			"sep": "sep=;\r\n" + text("sep", ";"), "utf16": utf16, "utf16be": bare, "latin": latin} {
			i := imported(office, number+".csv", []byte(file))
			require.Equal(t, []any{"done", 1.0, 1.0, 0.0, 0.0, 0.0}, counts(i), "%s: %s", number, office.Want(200, "GET", "/imports/"+i.Text("id")+"/results.csv", nil).Body)
			o := byNumber(office, number)
			require.Equal(t, []any{"Málaga", "2030-05-04"}, []any{o.Get("address", "city"), o.Get("due_date")}, number)
			require.Contains(t, o.Text("address", "address1"), "Calle ñ 1")
		}
		book := excelize.NewFile()
		style, err := book.NewStyle(&excelize.Style{NumFmt: 22})
		require.NoError(t, err)
		for n, row := range [][]any{{"Number", "Address", "City", "State", "Zip", "Service", "Due"}, {1002, "1 A", "B", "TX", 2134, "S", time.Date(2030, 5, 4, 13, 30, 0, 0, time.UTC)}, {"F-1", nil, "B", "TX", 78664, "S", 47607}} {
			require.NoError(t, book.SetSheetRow("Sheet1", fmt.Sprintf("A%d", n+1), &row))
		}
		require.NoError(t, book.SetCellStyle("Sheet1", "G2", "G2", style))
		require.NoError(t, book.SetCellFormula("Sheet1", "B3", `CONCATENATE("2"," A")`))
		require.NoError(t, book.UpdateLinkedValue())
		require.NoError(t, book.SetCellStr("Sheet1", "B3", "2 A"))
		var b bytes.Buffer
		require.NoError(t, book.Write(&b))
		i := imported(office, "a.xlsx", b.Bytes())
		require.Equal(t, []any{"done", 2.0, 2.0, 0.0, 0.0, 0.0}, counts(i), "%s", office.Want(200, "GET", "/imports/"+i.Text("id")+"/results.csv", nil).Body)
		o := byNumber(office, "1002")
		require.Equal(t, []any{"2030-05-04", "13:30", "02134"}, []any{o.Get("due_date"), o.Get("due_time"), o.Get("address", "zip")})
		require.Equal(t, "2 A", byNumber(office, "F-1").Text("address", "address1"))
	})
}

func TestBadFilesAreRefusedForAReason(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		wide := strings.Repeat("c,", 100_000) + "c\n"
		for why, file := range map[string][]byte{
			"empty": {}, "old Excel": []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), "PDF": []byte("%PDF-1.7"), "columns": []byte(wide), "damaged": []byte("PK\x03\x04 this is no archive"),
			"bytes": append([]byte("a,b\n"), 0, 1, 2, 0, 'x', 0, 0, 0), "unpacks": zipBomb(t),
		} {
			a := office.WantField(422, "file", "POST", "/imports", rig.FileForm("x.csv", file, "mapping", `{"c":"work_order_number"}`))
			require.NotEmpty(t, a.Text("errors", 0, "message"), why)
		}
		office.Want(400, "POST", "/imports", []byte(`{}`))
		office.WantField(422, "file", "POST", "/imports", &rig.Form{Parts: []rig.Part{{Name: "dry_run", Value: "true"}}})
		office.WantField(422, "dry_run", "POST", "/imports", rig.FileForm("x.csv", []byte("number\nx\n"), "dry_run", "perhaps"))
		twice := office.WantField(422, "mapping.Number", "POST", "/imports", rig.FileForm("x.csv", []byte("Number,Number\n1,2\n")))
		require.Contains(t, string(twice.Body), "Two columns")

		huge := append([]byte("number,address1,city\nH-1,\""), bytes.Repeat([]byte("x"), 10<<20)...)
		i := imported(office, "huge.csv", append(huge, []byte("\",c\n")...))
		require.Equal(t, "failed", i.Text("state"))
		require.Contains(t, i.Text("error"), "Row 2 is larger")
		cell := append([]byte("number,address1,city,state,zip,task,description\nC-1,a,b,c,1,t,"), bytes.Repeat([]byte("x"), 2<<20)...)
		i = imported(office, "cell.csv", append(cell, []byte("\nC-2,a,b,c,1,t,short\n")...))
		require.Equal(t, []any{"done", 2.0, 1.0, 0.0, 0.0, 1.0}, counts(i), "one bad row stops no other")
	})
}

func TestAnImportSurvivesKillsAndCanBeCancelled(t *testing.T) {
	longer(t)
	t.Parallel()
	eachOwn(t, func(t *testing.T, start func(dir string) (*rig.Installation, error)) {
		in, err := start(filepath.Join(t.TempDir(), "installation"))
		require.NoError(t, err)
		defer in.Stop()
		office := rig.SignUp(t, in.URL)
		const rows = 2000
		file := orderRows(rows)
		id := office.Want(202, "POST", "/imports", rig.FileForm("many.csv", file)).Text("id")
		for kill := range 3 {
			target := float64(rows*(kill+1)/5 + rand.IntN(100))
			office.Await("some rows", func() bool {
				a, err := office.Try("GET", "/imports/"+id, nil)
				processed, _ := a.Get("processed").(float64)
				return err == nil && (processed >= target || a.Text("state") == "done")
			})
			in.KillAll()
			require.NoError(t, in.Restart())
		}
		i := ended(office, id)
		require.Equal(t, []any{"done", float64(rows), float64(rows), 0.0, 0.0, 0.0}, counts(i))
		seen := map[string]int{}
		for _, number := range csvNumbers(t, office.Want(200, "GET", "/work-orders.csv?client_code=MANY", nil).Body) {
			seen[number]++
		}
		require.Len(t, seen, rows, "each order exactly once")
		again := office.Want(202, "POST", "/imports", rig.FileForm("many.csv", file)).Text("id")
		cancelled := office.Want(200, "POST", "/imports/"+again+"/cancel", nil)
		require.Contains(t, []string{"cancelled", "running"}, cancelled.Text("state"))
		require.Equal(t, "cancelled", ended(office, again).Text("state"))
		office.Want(409, "POST", "/imports/"+id+"/cancel", nil)
	})
}

// orderRows is a CSV of many orders of the client MANY.
func orderRows(n int) []byte {
	rows := [][]string{{"Project Number", "Due Date", "Address 1", "City", "State", "ZIP", "Info", "Tasks", "Client Code", "Reference"}}
	for i := range n {
		rows = append(rows, []string{fmt.Sprintf("R-%06d", i), "6/2/2030 13:30", fmt.Sprintf("%d Oak Street", i%500), "Round Rock", "TX", "78664", "lockbox", `[{"serviceName":"Photos"},{"serviceName":"Lawn cut"}]`, "MANY", "GC"})
	}
	return table(rows...)
}

// zipBomb is an .xlsx of a few KB whose parts unpack to more than any office has.
func zipBomb(t *testing.T) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range 100 {
		part, err := w.CreateRaw(&zip.FileHeader{Name: fmt.Sprintf("xl/worksheets/sheet%d.xml", i), Method: zip.Deflate, UncompressedSize64: 1 << 30, CompressedSize64: 5})
		require.NoError(t, err)
		_, err = part.Write([]byte{1, 0, 0, 0xff, 0xff})
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestHistoryKeepsWhoDidIt(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		vendor := office.Colleague("subcontractor")
		office.Want(201, "POST", "/surveys", rig.JSON{"meta": rig.JSON{"surveyTemplateId": "hpirFull", "version": 1, "name": "PCR"}, "questions": []rig.JSON{{"id": "vacant", "answerType": "text"}}})
		header := []string{"Project Number", "Due Date", "Client Due Date", "Address 1", "City", "State", "ZIP", "Status", "Tasks", "Assigned To"}
		row := func(number, status, survey, who string) []string {
			return []string{number, "2026-05-04", "2026-05-05 14:30", "1 Oak St", "Austin", "TX", "78701", status, `[{"serviceName":"PCR","survey":"` + survey + `"}]`, who}
		}
		i := imported(office, "history.csv", table(header, row("H-1", "Invoiced", "hpirFull", vendor.Username), row("H-2", "Closed", "goneSince", "Bob's Lawns"), row("H-3", "Canceled", "hpirFull", "~all~")))
		require.Equal(t, []any{"done", 3.0, 3.0, 0.0, 0.0, 0.0}, counts(i))
		first, second := byNumber(office, "H-1"), byNumber(office, "H-2")
		require.Equal(t, []any{"closed", vendor.Username, "2026-05-05", "14:30"}, []any{first.Text("state"), first.Text("assignee"), first.Text("client_due_date"), first.Text("client_due_time")})
		require.Equal(t, []any{nil, "Bob's Lawns"}, []any{second.Get("assignee"), second.Text("assigned_name")})

		peer := &caller{t, in.URL + "/integration/v2", rig.JSON{"username": vendor.Username, "token": "correct horse"}}
		require.Empty(t, peer.call("getWorkOrders", rig.JSON{"timestamp": nil}).List("workOrders"), "nobody is told of history")
		require.Empty(t, peer.call("getWorkOrders", rig.JSON{"timestamp": time.Now().Add(-time.Hour).Unix()}).List("workOrders"))

		lines, err := csv.NewReader(bytes.NewReader(office.Want(200, "GET", "/work-orders.csv", nil).Body)).ReadAll()
		require.NoError(t, err)
		exported := map[string]map[string]string{}
		for _, line := range lines[1:] {
			cells := map[string]string{}
			for n, column := range lines[0] {
				cells[strings.TrimPrefix(column, "\ufeff")] = line[n]
			}
			exported[cells["Project Number"]] = cells
		}
		for number, want := range map[string][2]string{"H-1": {vendor.Username, "hpirFull"}, "H-2": {"Bob's Lawns", "goneSince"}, "H-3": {"~all~", "hpirFull"}} {
			cells := exported[number]
			require.Equal(t, want[0], cells["Assigned To"], number)
			require.Contains(t, cells["Client Due Date"], "14:30", number)
			require.Contains(t, cells["Tasks"], `"survey":"`+want[1]+`"`, number)
		}
		reopened := office.Want(200, "POST", "/work-orders/"+first.Text("id")+"/reopen", nil)
		require.Equal(t, []any{"published", vendor.Username}, []any{reopened.Text("state"), reopened.Text("assignee")})
		require.Len(t, peer.call("getWorkOrders", rig.JSON{"timestamp": time.Now().Add(-time.Hour).Unix()}).List("workOrders"), 1, "now it is work again")

		office.Want(200, "POST", "/work-orders/"+first.Text("id")+"/close", nil)
		third := byNumber(office, "H-3").Text("id")
		office.Want(200, "POST", "/work-orders/"+third+"/reopen", nil)
		office.Want(200, "POST", "/work-orders/"+third+"/close", nil)
		told := map[any]any{}
		for _, o := range peer.call("getWorkOrders", rig.JSON{"timestamp": time.Now().Add(-time.Hour).Unix()}).List("workOrders") {
			o := rig.JSON(o.(map[string]any))
			told[o["workOrderNumber"]] = o["status"]
			require.Contains(t, o["clientDueDate"], "2026-05-05 1430")
		}
		require.Equal(t, map[any]any{"H-1": "Invoiced", "H-3": "Closed"}, told, "whoever heard of it hears how it ended; a mark stays")
	})
}
