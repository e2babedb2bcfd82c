// Command count runs `go test` on the packages that it is given, with the race detector, shows what fails and ends with
// a line that counts the tests.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// event is one line of `go test -json`.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

func main() {
	args := append([]string{"test", "-json", "-race", "-timeout", "40m"}, os.Args[1:]...)
	command := exec.Command("go", args...)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	counts := map[string]int{}
	output := map[string][]string{}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text())
			continue
		}
		name := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			output[name] = append(output[name], e.Output)
		case "pass", "fail", "skip":
			if e.Test != "" {
				counts[e.Action]++
			} else if e.Action != "skip" {
				fmt.Printf("%-4s  %-50s %6.1f s\n", e.Action, e.Package, e.Elapsed)
			}
			if e.Action == "fail" {
				fmt.Print("--- ", name, "\n", strings.Join(output[name], ""))
			}
			delete(output, name)
		}
	}
	failed := command.Wait() != nil
	for name, left := range output { // of what never ended: a build that failed, a crash
		if failed {
			fmt.Print("--- ", name, "\n", strings.Join(left, ""))
		}
	}
	fmt.Printf("%d tests passed, %d failed, %d skipped\n", counts["pass"], counts["fail"], counts["skip"])
	if failed || counts["fail"] > 0 {
		os.Exit(1)
	}
}
