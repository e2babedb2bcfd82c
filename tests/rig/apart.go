package rig

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// BuildApart builds the product into dir with its clock moved: package time, as the compiler sees it, tells another time of
// day. Temporal's clock stays, and so the product's may only be behind: to one that is ahead every deadline has passed.
func BuildApart(dir string, by time.Duration) (string, error) {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "time").Output()
	if err != nil {
		return "", fmt.Errorf("where package time is: %w", err)
	}
	original := filepath.Join(strings.TrimSpace(string(out)), "time.go")
	text, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	const reads = "sec, nsec, mono := runtimeNow()"
	if n := strings.Count(string(text), reads); n != 1 {
		return "", fmt.Errorf("%s reads the clock %d times as %q: this Go is another than the tests know", original, n, reads)
	}
	moved := filepath.Join(dir, "time.go")
	if err := os.WriteFile(moved, []byte(strings.Replace(string(text), reads, fmt.Sprintf("%s\n\tsec += %d", reads, int64(by/time.Second)), 1)), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: moved}})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "fieldproof-apart")
	c := exec.Command("go", "build", "-overlay", file, "-o", binary, "./cmd/fieldproof")
	c.Dir = Root()
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build with another clock: %w: %s", err, out)
	}
	return binary, nil
}
