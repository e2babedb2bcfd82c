// Command bench measures Fieldproof, each figure beside its yardstick in the same run, and prints ratios: machines
// differ and are noisy, a ratio taken side by side says more than a time.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fieldproof/tests/rig"
)

// figure is one measurement. It prints its lines through say.
type figure struct {
	name string
	run  func(dir string) error
}

var figures = []figure{{"renditions", renditions}, {"report", reportAgainstChromium}, {"lifecycle", lifecycles}, {"update", updates}, {"bulk", inBulk}, {"ingest", ingest}, {"list", lists}, {"places", placesIn}, {"review", reviewing}, {"portal", portalsList}, {"field", fieldApp}, {"push", pushes}, {"sheets", spreadsheets}, {"hooks", hooks}, {"zip", zips}, {"backup", backupsOf}, {"idle", idle}, {"hop", linkedUp(hop)}, {"links", linkedUp(idleLinks)}, {"beside", linkedUp(besideOneThatIsDown)},
	{"import", linkedUp(besideAnImport)}, {"resync", linkedUp(resyncs)}, {"chain", chainKilled}}

func main() {
	only := flag.String("only", "", "figures to measure, with commas between: renditions, report, lifecycle, update, bulk, ingest, list, places, review, portal, field, push, sheets, hooks, zip, backup, idle, hop, links, beside, import, resync, chain")
	flag.Parse()
	if flag.NArg() > 0 {
		if err := child(flag.Args()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	failed := false
	for _, f := range figures {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), f.name) {
			continue
		}
		dir, err := os.MkdirTemp("", "fieldproof-bench-")
		if err == nil {
			began := time.Now()
			err = f.run(dir)
			fmt.Printf("  (%s took %.0f s)\n", f.name, time.Since(began).Seconds())
			_ = os.RemoveAll(dir)
		}
		if err != nil {
			fmt.Printf("%s could not be measured: %v\n", f.name, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// child runs one of the yardsticks that want a process of their own.
func child(args []string) error {
	switch args[0] {
	case "bare-server":
		return bareServer(args[1], args[2])
	case "prepare-imports":
		return prepareImports(args[1], args[2])
	case "dry-run":
		return dryRun(args[1], args[2])
	case "render":
		return renderFile(args[1], args[2])
	}
	return fmt.Errorf("no such part: %s", args[0])
}

// verdict prints a ratio with the bound that it should keep.
func verdict(what string, ratio float64, atLeast bool, bound float64) {
	word, ok := "at least", ratio >= bound
	if !atLeast {
		word, ok = "at most", ratio <= bound
	}
	mark := "holds"
	if !ok {
		mark = "MISSED"
	}
	fmt.Printf("%-62s %6.2f  (%s %.2f: %s)\n", what, ratio, word, bound, mark)
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// middle is the median of some ratios: one run on a machine that others use too says little.
func middle(ratios []float64) float64 {
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// product is the binary that make builds.
func product() string { return filepath.Join(rig.Root(), "bin", "fieldproof") }
