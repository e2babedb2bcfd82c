//go:build soak

package tests

func init() { soaks = true }
