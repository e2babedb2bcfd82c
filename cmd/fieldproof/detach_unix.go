//go:build !windows

package main

import (
	"os/exec"
	"syscall"
)

// detach keeps Ctrl-C of the terminal from the child: it is to outlive the workers that end first.
func detach(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
