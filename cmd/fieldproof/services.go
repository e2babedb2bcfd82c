package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"golang.org/x/sync/errgroup"

	"fieldproof/activities/bulks"
	"fieldproof/activities/clients"
	"fieldproof/activities/deliveries"
	"fieldproof/activities/imports"
	"fieldproof/activities/integrations"
	"fieldproof/activities/records"
	"fieldproof/activities/share"
	"fieldproof/activities/webhooks"
	"fieldproof/api"
	"fieldproof/archives"
	"fieldproof/guard"
	"fieldproof/intake"
	"fieldproof/mails"
	"fieldproof/media"
	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/remotes"
	"fieldproof/reports"
	"fieldproof/storage"
	"fieldproof/uploads"
	"fieldproof/web"
	"fieldproof/worker"
)

// What photos may take of memory, in bytes, while they are decoded and while reports are made.
const (
	mediaMemory  = 512 << 20
	reportMemory = 512 << 20
)

// mailsEvery is how often new alerts are mailed.
const mailsEvery = 15 * time.Second

// stampsEvery is how often heads of chains that have grown are stamped.
const stampsEvery = 5 * time.Second

// services is everything that a role is made of, wired by hand.
type services struct {
	config     *parsed
	log        *slog.Logger
	store      *models.Store
	blobs      *storage.Store
	temporal   client.Client
	bells      *intake.Bells
	intake     *intake.Intake
	uploads    *uploads.Uploads
	media      *media.Media
	reports    *reports.Reports
	clouds     *remotes.Clouds
	archives   *archives.Archives
	mails      *mails.Server
	deliveries *deliveries.Deliveries
	webhooks   *webhooks.Webhooks
	clients    *clients.Clients
	share      *share.Share
	links      *peers.Links
	imports    *imports.Imports
	bulks      *bulks.Bulks
	metrics    *prometheus.Registry

	integrations *integrations.Integrations
	ringing      sync.Once
}

// open opens the database, whatever its schema is.
func (p *parsed) open(ctx context.Context) (*models.Store, error) {
	store, err := models.Open(ctx, p.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("FIELDPROOF_DATABASE_URL: %w", err)
	}
	return store, nil
}

// assemble opens what the configuration names. Temporal is reached when it is first needed.
func assemble(ctx context.Context, c *parsed, log *slog.Logger) (_ *services, err error) {
	s := &services{config: c, log: log, metrics: prometheus.NewRegistry()}
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.store, err = c.open(ctx); err != nil {
		return nil, err
	}
	s.store.Sealer = c.sealer
	if s.blobs, err = storage.Open(ctx, c.BlobURL); err != nil {
		return nil, fmt.Errorf("FIELDPROOF_BLOB_URL: %w", err)
	}
	folders, err := guard.NewFolders(c.FolderRoots)
	if err != nil {
		return nil, fmt.Errorf("FIELDPROOF_FOLDER_ROOTS: %w", err)
	}
	s.temporal, err = client.NewLazyClient(client.Options{HostPort: c.TemporalAddress, Namespace: c.TemporalNamespace, Logger: sdklog.NewStructuredLogger(log),
		// Payloads are ids and states of some hundred bytes: packing them costs more than sending them.
		ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}}})
	if err != nil {
		return nil, fmt.Errorf("FIELDPROOF_TEMPORAL_ADDRESS: %w", err)
	}
	s.bells = &intake.Bells{Store: s.store, Temporal: s.temporal, Log: log, Gather: 5 * time.Millisecond, Rest: 50 * time.Millisecond}
	s.intake = &intake.Intake{Store: s.store, Blobs: s.blobs, Bells: s.bells, Limits: intake.DefaultLimits}
	s.uploads = &uploads.Uploads{Store: s.store, Blobs: s.blobs, Intake: s.intake}
	s.media = media.New(s.store, s.blobs, log, mediaMemory)
	s.reports = reports.New(s.store, s.blobs, s.media, c.PublicURL, reportMemory)
	s.archives = &archives.Archives{Store: s.store, Blobs: s.blobs}
	network := guard.NewNetwork(c.networks, c.PublicURL)
	if c.authority != nil {
		network.Trust(c.authority)
	}
	s.webhooks = webhooks.New(s.store, s.blobs, c.sealer, network, log)
	proxy, err := guard.StartProxy(network)
	if err != nil {
		return nil, fmt.Errorf("start the guard of our own connections: %w", err)
	}
	places := remotes.New(folders, proxy)
	places.Apps = c.apps
	s.clouds = &remotes.Clouds{Apps: c.apps, HTTP: network.Client(30 * time.Second), Back: c.PublicURL + api.ConnectedPath}
	s.mails = &mails.Server{URL: c.smtp, PublicURL: c.PublicURL}
	s.deliveries = &deliveries.Deliveries{Store: s.store, Blobs: s.blobs, Archives: s.archives, Sealer: c.sealer, Folders: folders, Remotes: places,
		Mail: &deliveries.Post{Server: s.mails, Media: s.media, PublicURL: c.PublicURL}, Log: log}
	s.clients = clients.New(s.store, s.blobs, s.media, c.sealer, network, c.PublicURL, log)
	s.links = peers.NewLinks(s.store, c.sealer, network, c.PublicURL)
	s.share = &share.Share{Store: s.store, Intake: s.intake, Links: s.links, Clients: s.clients}
	s.imports = &imports.Imports{Store: s.store, Blobs: s.blobs, Intake: s.intake, Log: log}
	s.bulks = &bulks.Bulks{Store: s.store, Log: log, Intake: &intake.Bulks{Intake: s.intake, Actions: s.actions()}}
	s.integrations = integrations.New(s.store, s.intake, c.sealer, places, network, s.temporal, c.PublicURL, log)
	return s, nil
}

// close closes what was opened.
func (s *services) close() {
	if s.temporal != nil {
		s.temporal.Close()
	}
	var failures []error
	if s.store != nil {
		failures = append(failures, s.store.Close())
	}
	if s.blobs != nil {
		failures = append(failures, s.blobs.Close())
	}
	if err := errors.Join(failures...); err != nil {
		s.log.Warn("closing", "error", err)
	}
}

// reachTemporal waits until Temporal answers.
func (s *services) reachTemporal(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		once, stop := context.WithTimeout(ctx, 2*time.Second)
		_, err := s.temporal.CheckHealth(once, &client.CheckHealthRequest{})
		stop()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("Temporal does not answer at %s: %w", s.config.TemporalAddress, err)
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// actions bring actions to their workflows.
func (s *services) actions() *intake.Actions {
	return &intake.Actions{Store: s.store, Temporal: s.temporal, Patience: 8 * time.Second}
}

// serve answers HTTP on l until ctx ends, and then lets requests under way finish.
func (s *services) serve(ctx context.Context, l net.Listener) error {
	server := &api.Server{
		Store: s.store, Blobs: s.blobs, Sealer: s.config.sealer, Temporal: s.temporal, Intake: s.intake,
		Actions: s.actions(),
		Media:   s.media, Reports: s.reports, Archives: s.archives, Uploads: s.uploads, Links: s.links, Mails: s.mails, Clouds: s.clouds, Log: s.log, Apps: web.Built,
		Tests:     api.Tests{Webhook: s.webhooks.Test, Client: s.clients.Test, Place: s.deliveries.Test, Integration: s.integrations.Test},
		PublicURL: s.config.PublicURL, SignUp: s.config.SignUp == "open", TrustedProxies: s.config.proxies, Metrics: s.metrics,
	}
	handler, err := server.Handler(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.ring(ctx) })
	group.Go(func() error { return serveHTTP(ctx, l, handler) })
	return group.Wait()
}

// ring delivers bells until ctx ends: once a process, whatever roles it has.
func (s *services) ring(ctx context.Context) error {
	s.ringing.Do(func() { s.bells.Run(ctx) })
	return nil
}

func serveHTTP(ctx context.Context, l net.Listener, handler http.Handler) error {
	h := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		last, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		defer cancel()
		return h.Shutdown(last)
	}
}

func temporalIsAway(err error) bool {
	var unavailable *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &unavailable) || errors.As(err, &late)
}

// startWorkers starts the workers, as often as Temporal goes away while they begin: an outage of a moment ends no process.
func (s *services) startWorkers(ctx context.Context, activities worker.Activities, queues []string) (stop func(), err error) {
	for {
		stop, err = worker.Start(s.temporal, activities, queues, s.log)
		if err == nil || !temporalIsAway(err) {
			return stop, err
		}
		s.log.Warn("Temporal went away while the workers began; they are started again", "error", err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// work runs workers and sweeper until ctx ends.
func (s *services) work(ctx context.Context, queues []string) error {
	stop, err := s.startWorkers(ctx, worker.Activities{
		Records: &records.Records{Store: s.store, Bells: s.bells}, Media: s.media, Reports: s.reports, Deliveries: s.deliveries, Webhooks: s.webhooks, Clients: s.clients,
		Share: s.share, Imports: s.imports, Bulks: s.bulks, Integrations: s.integrations,
	}, queues)
	if err != nil {
		return err
	}
	defer stop()
	// What works on rows is waited for, or it would meet a database that is closed already.
	loops, ctx := errgroup.WithContext(ctx)
	loops.Go(func() error { return s.ring(ctx) })
	for _, run := range []func(){
		func() {
			(&worker.Mailer{Store: s.store, Log: s.log, PublicURL: s.config.PublicURL, Server: s.mails}).Run(ctx, mailsEvery)
		},
		func() {
			(&worker.Stamper{Store: s.store, Log: s.log, URL: s.config.TimestampURL, Client: &http.Client{Timeout: time.Minute}}).Run(ctx, stampsEvery)
		},
		func() {
			(&worker.Sweeper{Store: s.store, Blobs: s.blobs, Bells: s.bells, Uploads: s.uploads, Temporal: s.temporal, Log: s.log}).Run(ctx)
		},
	} {
		loops.Go(func() error { run(); return nil })
	}
	return loops.Wait()
}

// serveMetrics answers /metrics on an address of its own until ctx ends; "" is off.
func (s *services) serveMetrics(ctx context.Context) error {
	if s.config.MetricsAddr == "" {
		return nil
	}
	l, err := net.Listen("tcp", s.config.MetricsAddr)
	if err != nil {
		return fmt.Errorf("FIELDPROOF_METRICS_ADDR: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}))
	go func() {
		if err := serveHTTP(ctx, l, mux); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("metrics", "error", err)
		}
	}()
	return nil
}
