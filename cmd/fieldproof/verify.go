package main

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"fieldproof/archives"
)

type verifyCommand struct {
	File  string   `arg:"" help:"The archive, FILE.zip."`
	Key   []string `help:"A public key that you trust, Base64 or its id; without one the archive's own is shown for you to compare." placeholder:"KEY"`
	Head  []string `help:"A head of the chain that you hold: as printed in a report or mail, such as 12:ab…" placeholder:"HEAD"`
	Stamp []string `help:"A time stamp (RFC 3161) that you hold." type:"existingfile" placeholder:"FILE"`
	Chain []string `help:"More of the account's chain: chain.jsonl as the account shows it, for what lies between a held head and the archive." type:"existingfile" placeholder:"FILE"`
	TSA   []string `name:"tsa" help:"Certificates (PEM) of time-stamp authorities that you trust." type:"existingfile" placeholder:"FILE"`
	JSON  bool     `name:"json" help:"Print the findings as JSON."`
}

// errNotGood ends the command when the archive does not stand the check.
var errNotGood = errors.New("the archive does not stand the check")

// Run checks an archive offline.
func (v verifyCommand) Run() error {
	file, err := os.Open(v.File)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	held := archives.Held{Keys: v.Key, Heads: v.Head}
	for _, name := range v.Stamp {
		der, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		held.Stamps = append(held.Stamps, der)
	}
	for _, name := range v.Chain {
		chain, err := os.Open(name)
		if err != nil {
			return err
		}
		defer chain.Close()
		held.Chains = append(held.Chains, io.Reader(chain))
	}
	for _, name := range v.TSA {
		pem, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if held.Authorities == nil {
			held.Authorities = x509.NewCertPool()
		}
		if !held.Authorities.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s holds no certificate", name)
		}
	}
	report, err := archives.Verify(file, info.Size(), held)
	if err != nil {
		return err
	}
	if v.JSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(report); err != nil {
			return err
		}
	} else {
		show(report)
	}
	if len(report.Problems) > 0 {
		return errNotGood
	}
	return nil
}

func show(r *archives.Report) {
	if r.Number != "" { // else nothing of it could be read
		fmt.Printf("Work order %s, %d items, head %s\n", printable(r.Number), r.Items, printable(r.Head))
	}
	for _, c := range r.Checked {
		fmt.Println("  good   ", printable(c))
	}
	for _, n := range r.Notes {
		fmt.Println("  note   ", printable(n))
	}
	for _, p := range r.Problems {
		fmt.Println("  WRONG  ", printable(p))
	}
	if len(r.Problems) == 0 {
		fmt.Println("The archive stands the check.")
	}
}

// printable keeps what an archive says from writing over the verdict: no control characters, no turns of direction.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
