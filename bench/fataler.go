package main

import (
	"fmt"
	"testing"
)

// fataler lets the client of the tests be used here: what would fail a test ends the measurement.
type fataler struct{ testing.TB }

func (fataler) Helper() {}

// Cleanup leaves what was opened to the end of the process.
func (fataler) Cleanup(func()) {}

func (fataler) Fatalf(format string, args ...any) { panic(brokenOff{fmt.Sprintf(format, args...)}) }
