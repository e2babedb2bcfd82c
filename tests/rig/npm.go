package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// NodeModules installs what the package-lock.json of a folder pins, unless it is there already.
func NodeModules(dir string) error {
	lock, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return err
	}
	if installed, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil && installed.ModTime().After(lock.ModTime()) {
		return nil
	}
	out, err := exec.Command("npm", "ci", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput()
	if err != nil {
		return fmt.Errorf("npm ci in %s (it needs Node.js and npm's registry): %w: %s", dir, err, out)
	}
	return nil
}
