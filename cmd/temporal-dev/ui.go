package main

import (
	"fmt"
	"net"

	"github.com/temporalio/ui-server/v2/server"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"
)

// startUI serves Temporal's web UI. The address is tried first, because the UI server ends the process when it can't
// listen.
func startUI(o options) (*server.Server, error) {
	l, err := net.Listen("tcp", o.uiAddr.String())
	if err != nil {
		return nil, fmt.Errorf("the web UI can't listen: %w", err)
	}
	_ = l.Close()
	ui := server.NewServer(server_options.WithConfigProvider(&config.Config{
		Host:                o.uiAddr.host,
		Port:                o.uiAddr.port,
		TemporalGRPCAddress: o.addr.String(),
		EnableUI:            true,
		HideLogs:            true,
		DisableNewsFetch:    true,
		DefaultNamespace:    o.namespace,
		CORS:                config.CORS{CookieInsecure: true},
	}))
	go func() { _ = ui.Start() }()
	return ui, nil
}
