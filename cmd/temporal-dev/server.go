package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	loopback    = "127.0.0.1"
	clusterName = "active"
)

// tuning is for a cluster of one shard: the defaults spread their rates over hundreds of shards, so with one shard
// each task would wait for the next tick of a queue. For one process there is no use in parts of a task queue either: a
// task in a part that no worker happens to ask waits for seconds until it is handed on. All parts are still read, for the
// tasks that a file of earlier days holds in them.
var tuning = map[string]any{
	"history.transferProcessorMaxPollRPS":                 1000,
	"history.timerProcessorMaxPollRPS":                    1000,
	"history.visibilityProcessorMaxPollRPS":               1000,
	"history.outboundProcessorMaxPollRPS":                 1000,
	"matching.numTaskqueueWritePartitions":                1,
	"matching.numTaskqueueReadPartitions":                 4,
	"system.enableActivityEagerExecution":                 true,
	"system.enableEagerWorkflowStart":                     true,
	"frontend.enableUpdateWorkflowExecution":              true,
	"frontend.enableUpdateWorkflowExecutionAsyncAccepted": true,
	"frontend.enableExecuteMultiOperation":                true,
	"frontend.workerHeartbeatsEnabled":                    true,
	"frontend.rps":                                        20000,
	"frontend.namespaceRPS":                               20000,
	"history.rps":                                         20000,
	"matching.rps":                                        20000,
}

// newServer assembles a Temporal server of all services on the SQLite file of o.
func newServer(o options) (temporal.Server, error) {
	store := &config.SQL{
		PluginName:   sqliteplugin.PluginName,
		DatabaseName: o.db,
		ConnectAttributes: map[string]string{
			"mode":         "rwc",
			"journal_mode": "wal",
			"synchronous":  synchronousPragma(o.synchronous),
		},
	}
	if err := prepareDatabase(o, store); err != nil {
		return nil, err
	}
	logger := log.NewZapLogger(log.BuildZapLogger(log.Config{Stdout: false, Level: o.logLevel}))
	cfg, err := serverConfig(o, store)
	if err != nil {
		return nil, err
	}
	authorizer, err := authorization.GetAuthorizerFromConfig(&cfg.Global.Authorization)
	if err != nil {
		return nil, err
	}
	values := dynamicconfig.StaticClient{}
	for key, value := range tuning {
		values[dynamicconfig.MakeKey(key)] = value
	}
	server, err := temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		// One process is the whole cluster: a membership kept in the database would remember a killed one for a while.
		temporal.WithStaticHosts(hosts(cfg)),
		temporal.WithLogger(logger),
		temporal.WithAuthorizer(authorizer),
		temporal.WithDynamicConfigClient(values),
	)
	if err != nil {
		return nil, fmt.Errorf("assemble the server: %w", err)
	}
	return server, nil
}

// hosts are the addresses of the services, all in this process.
func hosts(cfg *config.Config) map[primitives.ServiceName]static.Hosts {
	all := map[primitives.ServiceName]static.Hosts{}
	for name, service := range cfg.Services {
		all[primitives.ServiceName(name)] = static.SingleLocalHost(net.JoinHostPort(loopback, fmt.Sprint(service.RPC.GRPCPort)))
	}
	return all
}

func synchronousPragma(name string) string {
	if strings.EqualFold(name, "NORMAL") {
		return "1"
	}
	return "2"
}

// prepareDatabase makes file, schema and namespace where they are missing. A file whose schema was cut short by a
// kill holds nothing yet and is made anew: the schema is written to a neighbour and renamed when whole.
func prepareDatabase(o options, store *config.SQL) error {
	if _, err := os.Stat(o.db); os.IsNotExist(err) {
		if err := os.MkdirAll(filepath.Dir(o.db), 0o700); err != nil {
			return err
		}
		draft := *store
		draft.DatabaseName = o.db + ".new"
		draft.ConnectAttributes = map[string]string{"mode": "rwc", "journal_mode": "delete", "synchronous": "2"}
		_ = os.Remove(draft.DatabaseName)
		if err := sqlite.SetupSchema(&draft); err != nil {
			return fmt.Errorf("set up the schema: %w", err)
		}
		if err := os.Rename(draft.DatabaseName, o.db); err != nil {
			return err
		}
	}
	namespace, err := sqlite.NewNamespaceConfig(clusterName, o.namespace, false, o.searchAttributes)
	if err != nil {
		return err
	}
	namespace.Detail.Config.Retention = durationpb.New(o.retention)
	if err := sqlite.CreateNamespaces(store, namespace); err != nil {
		return fmt.Errorf("make namespace %s in %s: %w", o.namespace, o.db, err)
	}
	return nil
}

func serverConfig(o options, store *config.SQL) (*config.Config, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	service := func(port int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: loopback}}
	}
	frontend := service(o.addr.port)
	frontend.RPC.BindOnIP = o.addr.host
	frontendAddress := net.JoinHostPort(loopback, fmt.Sprint(o.addr.port))

	cfg := &config.Config{}
	cfg.Persistence = config.Persistence{
		DefaultStore:     sqliteplugin.PluginName,
		VisibilityStore:  sqliteplugin.PluginName,
		NumHistoryShards: 1,
		DataStores:       map[string]config.DataStore{sqliteplugin.PluginName: {SQL: store}},
	}
	cfg.ClusterMetadata = &cluster.Config{
		FailoverVersionIncrement: 10,
		MasterClusterName:        clusterName,
		CurrentClusterName:       clusterName,
		ClusterInformation: map[string]cluster.ClusterInformation{
			clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontendAddress},
		},
	}
	cfg.DCRedirectionPolicy = config.DCRedirectionPolicy{Policy: "noop"}
	cfg.Services = map[string]config.Service{
		"frontend": frontend,
		"history":  service(ports[0]),
		"matching": service(ports[1]),
		"worker":   service(ports[2]),
	}
	cfg.Archival = config.Archival{
		History:    config.HistoryArchival{State: "disabled"},
		Visibility: config.VisibilityArchival{State: "disabled"},
	}
	cfg.NamespaceDefaults = config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
		History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
		Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
	}}
	cfg.PublicClient = config.PublicClient{HostPort: frontendAddress}
	return cfg, nil
}

// freePorts asks the kernel for n loopback ports that nobody holds.
func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", loopback+":0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
