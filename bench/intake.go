package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/xuri/excelize/v2"
	"go.temporal.io/sdk/client"

	"fieldproof/activities/imports"
	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/storage"
	"fieldproof/tests/rig"
	"fieldproof/workflows/protocol"
)

const (
	pushedOrders  = 3000
	pushSenders   = 16
	pushRounds    = 3
	importedRows  = 50_000
	knownRows     = 5_000
	sheetsRepeats = 3
)

// pushes creates orders through a push key, one a push, beside bare starts of the no-op workflow on the same server, both
// until each workflow's first task is done.
func pushes(dir string) error {
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
	address := ""
	if err := caught(func() {
		address = u.Want(201, "POST", "/integrations", rig.JSON{"client_code": "BENCH", "kind": "push"}).Text("push_url")
	}); err != nil {
		return err
	}
	ours := func(n int) (time.Duration, error) {
		ids := make([]string, n)
		began := time.Now()
		_, err := atOnceDo(n, pushSenders, func(i int) error {
			return caught(func() {
				a := (&rig.User{T: fataler{}}).Want(200, "POST", address, rig.JSON{"workOrders": []rig.JSON{{"workOrderNumber": uuid.NewString(), "address1": fmt.Sprintf("%d Oak Street", i), "city": "Round Rock", "state": "TX", "zip": "78664",
					"instructions": "<p>Cut the lawn.</p>", "services": []rig.JSON{{"serviceName": "Lawn cut"}, {"serviceName": "Photos"}}}}})
				if ids[i] = protocol.WorkOrderID(a.Text("results", 0, "id")); a.Text("results", 0, "result") != "created" {
					panic(brokenOff{string(a.Body)})
				}
			})
		})
		if err == nil {
			err = firstTasks(c, ids)
		}
		return time.Since(began), err
	}
	bare := func(n int) (time.Duration, error) {
		ids := make([]string, n)
		began := time.Now()
		_, err := atOnceDo(n, pushSenders, func(i int) error {
			run, err := c.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{ID: uuid.NewString(), TaskQueue: noopQueue}, noop)
			if err == nil {
				ids[i] = run.GetID()
			}
			return err
		})
		if err == nil {
			err = firstTasks(c, ids)
		}
		return time.Since(began), err
	}
	for _, warm := range []func(int) (time.Duration, error){ours, bare} {
		if _, err := warm(pushSenders * 4); err != nil {
			return err
		}
	}
	var took, alone time.Duration
	var ratios []float64
	for range pushRounds {
		t, err := ours(pushedOrders / pushRounds)
		if err != nil {
			return err
		}
		if err := atRest([]int{in.ServerPID()}, 500*time.Millisecond, 3*time.Minute); err != nil { // what the orders do after their first task is not the other's burden
			return err
		}
		b, err := bare(pushedOrders / pushRounds)
		if err != nil {
			return err
		}
		took, alone = took+t, alone+b
		ratios = append(ratios, b.Seconds()/t.Seconds())
	}
	fmt.Printf("pushes: ours %.0f/s; bare starts %.0f/s (%d orders, %d senders)\n", pushedOrders/took.Seconds(), pushedOrders/alone.Seconds(), pushedOrders, pushSenders)
	fmt.Printf("  runs: %.2f\n", ratios)
	verdict("orders by push against bare starts of the no-op workflow", middle(ratios), true, 0.45)
	return nil
}

// processTime is what a process has used of the processors, in hundredths of a second.
func processTime(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, other := strconv.ParseInt(fields[12], 10, 64)
	return user + system, errors.Join(err, other)
}

// firstTasks waits until the first task of every workflow is done: its history then has four events.
func firstTasks(c client.Client, ids []string) error {
	_, err := atOnceDo(len(ids), pushSenders, func(i int) error {
		for until := time.Now().Add(3 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
			d, err := c.DescribeWorkflowExecution(context.Background(), ids[i], "")
			if err == nil && d.GetWorkflowExecutionInfo().GetHistoryLength() >= 4 {
				return nil
			}
			if time.Now().After(until) {
				return fmt.Errorf("workflow %s has not begun: %w", ids[i], err)
			}
		}
	})
	return err
}

// spreadsheets reads a file of 50,000 rows in a dry run with all its look-ups, beside reading it and nothing else.
func spreadsheets(dir string) error {
	csvFile, xlsxFile := filepath.Join(dir, "rows.csv"), filepath.Join(dir, "rows.xlsx")
	if err := writeRows(csvFile, xlsxFile); err != nil {
		return err
	}
	if err := exec.Command(os.Args[0], "prepare-imports", dir, csvFile).Run(); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	for _, f := range []struct {
		name, path string
		alone      func(path string) error
		bound      float64
	}{{"CSV", csvFile, readCSVAlone, 0}, {"XLSX", xlsxFile, readXLSXAlone, 1. / 3}} {
		var ours, theirs []time.Duration
		growth := 0.
		for range sheetsRepeats {
			out, err := exec.Command(os.Args[0], "dry-run", dir, f.path).Output()
			if err != nil {
				return fmt.Errorf("dry run: %w", err)
			}
			var seconds, mib float64
			if _, err := fmt.Sscan(string(out), &seconds, &mib); err != nil {
				return fmt.Errorf("dry run: %q: %w", out, err)
			}
			ours, growth = append(ours, time.Duration(seconds*float64(time.Second))), max(growth, mib)
			began := time.Now()
			if err := f.alone(f.path); err != nil {
				return err
			}
			theirs = append(theirs, time.Since(began))
		}
		a, b := median(ours), median(theirs)
		fmt.Printf("%s of %d rows: dry run %.2f s (%.0f rows/s), reading alone %.2f s\n", f.name, importedRows, a.Seconds(), importedRows/a.Seconds(), b.Seconds())
		if f.bound > 0 {
			verdict("dry run of "+f.name+" against reading alone", b.Seconds()/a.Seconds(), true, f.bound)
		} else {
			fmt.Printf("%-62s %6.2f  (no bound)\n", "dry run of "+f.name+" against reading alone", b.Seconds()/a.Seconds())
		}
		verdict("memory growth of the dry run of "+f.name+", MiB", growth, false, 150)
	}
	return nil
}

func readCSVAlone(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	r := csv.NewReader(bufio.NewReader(file))
	for {
		if _, err := r.Read(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

func readXLSXAlone(path string) error {
	book, err := excelize.OpenFile(path)
	if err != nil {
		return err
	}
	defer book.Close()
	rows, err := book.Rows(book.GetSheetName(0))
	if err != nil {
		return err
	}
	for rows.Next() {
		if _, err := rows.Columns(); err != nil {
			return err
		}
	}
	return errors.Join(rows.Error(), rows.Close())
}

// writeRows writes the same rows as CSV and XLSX, in the incumbent's columns.
func writeRows(csvFile, xlsxFile string) error {
	to, err := os.Create(csvFile)
	if err != nil {
		return err
	}
	defer to.Close()
	w := csv.NewWriter(bufio.NewWriter(to))
	book := excelize.NewFile()
	rows, err := book.NewStreamWriter("Sheet1")
	if err != nil {
		return err
	}
	put := func(line int, cells []string) error {
		values := make([]any, len(cells))
		for i, c := range cells {
			values[i] = c
		}
		at, err := excelize.CoordinatesToCellName(1, line)
		return errors.Join(err, w.Write(cells), rows.SetRow(at, values))
	}
	headers := strings.Split("Project Number,Due Date,Start Date,Client Due Date,Address 1,Address 2,City,State,ZIP,Info,Status,Field Status,Client Status,Tasks,Assigned To,Coordinator,Client Code,Reference,Description,Src. Project Provider,Src. Project ID,Src. Project Number,Options", ",")
	if err := put(1, headers); err != nil {
		return err
	}
	for i := range importedRows {
		n := strconv.Itoa(i)
		err := put(i+2, []string{"GSS1::" + n, fmt.Sprintf("%d/%d/2030 13:30", 1+i%12, 1+i%28), "", "6/30/2030", n + " Oak Street", "", "Round Rock", "TX", "78664", "lockbox " + n, []string{"Assigned", "Invoiced", "Complete", "Rush"}[i%4], "Viewed", "open",
			`[{"serviceName":"Lawn cut","survey":"","instructions":"Front and back.","options":null},{"serviceName":"Photos ` + strconv.Itoa(i%40) + `"}]`, []string{"crew-a", "", "nobody"}[i%3], "", "GSS1", "R-" + n, "A description of some length, as offices write them", "GSS", n, "N-" + n, ""})
		if err != nil {
			return err
		}
	}
	w.Flush()
	if err := errors.Join(w.Error(), rows.Flush()); err != nil {
		return err
	}
	return book.SaveAs(xlsxFile)
}

// importer is an import's surroundings without a server: a database, a blob store, one account.
func importer(dir string) (*imports.Imports, *models.Account, *models.Member, error) {
	ctx := context.Background()
	store, err := models.Open(ctx, "sqlite://"+filepath.Join(dir, "imports.db"))
	if err != nil {
		return nil, nil, nil, err
	}
	if _, err := store.Migrate(ctx); err != nil {
		return nil, nil, nil, err
	}
	blobs, err := storage.Open(ctx, "file://"+filepath.Join(dir, "import-blobs"))
	if err != nil {
		return nil, nil, nil, err
	}
	const id = "bench"
	if _, err := store.AccountByID(ctx, id); models.KindOf(err) == models.NotFound {
		err := store.Write(models.InAccount(ctx, id), func(tx *models.Tx) error {
			if _, err := tx.NewAccount(id, "Bench"); err != nil {
				return err
			}
			return errors.Join(tx.NewUser(&models.User{ID: "office", AccountID: id, Username: "bench-office", Role: models.Admin, Active: true}),
				tx.NewUser(&models.User{ID: "crew", AccountID: id, Username: "crew-a", Role: models.Crew, Active: true}))
		})
		if err != nil {
			return nil, nil, nil, err
		}
	}
	account, err := store.AccountByID(ctx, id)
	if err != nil {
		return nil, nil, nil, err
	}
	member, err := store.MemberByID(ctx, "office")
	in := &intake.Intake{Store: store, Blobs: blobs, Limits: intake.DefaultLimits}
	return &imports.Imports{Store: store, Blobs: blobs, Intake: in, Log: slog.Default()}, account, member, err
}

// importOf starts an import of r and runs it.
func importOf(im *imports.Imports, account *models.Account, member *models.Member, format string, dry bool, r io.Reader) error {
	ctx := context.Background()
	i, err := im.Intake.StartImport(ctx, intake.NewImport{Account: account, By: member, Format: format, FileName: "rows", DryRun: dry}, r)
	if err != nil {
		return err
	}
	result, err := im.RunImport(ctx, protocol.ImportInput{ImportID: i.ID})
	if err == nil && result.State != models.ImportDone {
		err = fmt.Errorf("the import is %s", result.State)
	}
	return err
}

// prepareImports imports the first rows, so that look-ups find some orders and not others.
func prepareImports(dir, path string) error {
	im, account, member, err := importer(dir)
	if err != nil {
		return err
	}
	defer im.Store.Close()
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var first strings.Builder
	lines := bufio.NewScanner(file)
	for n := 0; n <= knownRows && lines.Scan(); n++ {
		first.WriteString(lines.Text() + "\n")
	}
	return importOf(im, account, member, models.FormatCSV, false, strings.NewReader(first.String()))
}

// dryRun runs one dry run and prints its seconds, and by how many MiB the process grew.
func dryRun(dir, path string) error {
	im, account, member, err := importer(dir)
	if err != nil {
		return err
	}
	defer im.Store.Close()
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	before, err := ownMemory("VmRSS")
	if err != nil {
		return err
	}
	began := time.Now()
	if err := importOf(im, account, member, strings.TrimPrefix(filepath.Ext(path), "."), true, file); err != nil {
		return err
	}
	took := time.Since(began)
	peak, err := ownMemory("VmHWM")
	fmt.Printf("%f %f\n", took.Seconds(), peak-before)
	return err
}

// ownMemory reads a figure of this process, in MiB.
func ownMemory(name string) (float64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("no %s", name)
}
