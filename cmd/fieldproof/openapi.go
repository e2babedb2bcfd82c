package main

import (
	"os"

	"fieldproof/api"
)

type openAPICommand struct{}

// Run prints the document that a server shows at /api/openapi.json.
func (openAPICommand) Run() error {
	document, err := api.Document()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(document)
	return err
}
