package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"

	"fieldproof/guard"
	"fieldproof/models"
	"fieldproof/remotes"
)

// config is the environment of the production roles. The tags are all there is to know of a variable: --help shows
// them.
type config struct {
	DatabaseURL       string `env:"FIELDPROOF_DATABASE_URL" help:"the database" example:"postgres://fieldproof:…@db:5432/fieldproof"`
	TemporalAddress   string `env:"FIELDPROOF_TEMPORAL_ADDRESS" help:"host and port of Temporal" example:"temporal:7233"`
	TemporalNamespace string `env:"FIELDPROOF_TEMPORAL_NAMESPACE" envDefault:"default" help:"Temporal's namespace" example:"default"`
	BlobURL           string `env:"FIELDPROOF_BLOB_URL" help:"where photos are kept, file:// or s3://; the keys of S3 are AWS's own variables, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" example:"s3://photos?endpoint=http://objects:7070&use_path_style=true&region=us-east-1"`
	Addr              string `env:"FIELDPROOF_ADDR" envDefault:":8080" help:"where the API listens" example:":8080"`
	MetricsAddr       string `env:"FIELDPROOF_METRICS_ADDR" help:"where /metrics listens; off when empty" example:"127.0.0.1:9090"`
	PublicURL         string `env:"FIELDPROOF_PUBLIC_URL" help:"what links and push keys begin with" example:"https://fieldproof.example.com"`
	SecretKey         string `env:"FIELDPROOF_SECRET_KEY" help:"32 bytes in Base64 that seal secrets; several with commas between, newest first" example:"$(openssl rand -base64 32)"`
	SignUp            string `env:"FIELDPROOF_SIGNUP" envDefault:"closed" help:"open or closed: whether anyone may make an account" example:"closed"`
	AllowedNetworks   string `env:"FIELDPROOF_ALLOWED_NETWORKS" help:"private networks that our own requests may reach" example:"10.0.0.0/8,192.168.1.0/24"`
	FolderRoots       string `env:"FIELDPROOF_FOLDER_ROOTS" help:"folders below which folder destinations may lie" example:"/srv/results"`
	TrustedProxies    string `env:"FIELDPROOF_TRUSTED_PROXIES" help:"proxies whose word on a client's address counts" example:"10.0.0.5/32"`
	TimestampURL      string `env:"FIELDPROOF_TIMESTAMP_URL" help:"a time-stamp authority (RFC 3161) that stamps the heads of the chains of proof; none when empty" example:"https://tsa.example.com/tsr"`
	DriveApp          string `env:"FIELDPROOF_DRIVE_APP" help:"the OAuth client that Google's console gives, id:secret; destinations of kind drive are connected with it" example:"1234.apps.googleusercontent.com:GOCSPX-…"`
	DropboxApp        string `env:"FIELDPROOF_DROPBOX_APP" help:"the app that Dropbox's console gives, key:secret" example:"abc123:def456"`
	SMTPURL           string `env:"FIELDPROOF_SMTP_URL" help:"for mails; without it they are only shown" example:"smtp://user:…@mail:587?from=fieldproof@example.com"`
}

// describeEnvironment lists every variable with an example.
func describeEnvironment() string {
	var b strings.Builder
	t := reflect.TypeFor[config]()
	for i := range t.NumField() {
		f := t.Field(i)
		fmt.Fprintf(&b, "%s\n    %s, such as %s\n", f.Tag.Get("env"), f.Tag.Get("help"), f.Tag.Get("example"))
	}
	return b.String()
}

// need is what a command needs of the configuration.
type need struct{ sqlite, temporal, blobs, secrets bool }

// parsed is a checked configuration.
type parsed struct {
	config
	networks, proxies []netip.Prefix
	sealer            *models.Sealer
	smtp              *url.URL // nil: nothing is mailed
	apps              map[string]remotes.App
	authority         *x509.Certificate // of our own certificate, where the system does not know it; nil: it does
}

// readServices reads by what the installation reaches services of others: mail, time stamps, clouds.
func (p *parsed) readServices(wrong func(variable, format string, args ...any)) {
	var err error
	if p.SMTPURL != "" {
		if p.smtp, err = url.Parse(p.SMTPURL); err != nil || (p.smtp.Scheme != "smtp" && p.smtp.Scheme != "smtps") || p.smtp.Hostname() == "" {
			wrong("FIELDPROOF_SMTP_URL", "it begins with smtp:// or smtps://, with a host behind it")
		}
	}
	if p.TimestampURL != "" {
		if u, err := url.Parse(p.TimestampURL); err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
			wrong("FIELDPROOF_TIMESTAMP_URL", "it begins with https://")
		}
	}
	p.apps = map[string]remotes.App{}
	for backend, text := range map[string]string{"drive": p.DriveApp, "dropbox": p.DropboxApp} {
		app, err := remotes.ParseApp(text)
		if err != nil {
			wrong("FIELDPROOF_"+strings.ToUpper(backend)+"_APP", "%v", err)
		}
		p.apps[backend] = app
	}
}

// readConfig reads and checks the environment. Its errors name the variable.
func readConfig(n need) (*parsed, error) {
	p := &parsed{}
	if err := env.Parse(&p.config); err != nil {
		return nil, err
	}
	var problems []error
	wrong := func(variable, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: %s", variable, fmt.Sprintf(format, args...)))
	}
	switch {
	case p.DatabaseURL == "":
		wrong("FIELDPROOF_DATABASE_URL", "set it, such as postgres://fieldproof:…@db:5432/fieldproof")
	case strings.HasPrefix(p.DatabaseURL, "sqlite://") && !n.sqlite:
		wrong("FIELDPROOF_DATABASE_URL", "this command wants PostgreSQL: SQLite is for `fieldproof dev`, one process")
	case !strings.HasPrefix(p.DatabaseURL, "sqlite://") && !strings.HasPrefix(p.DatabaseURL, "postgres://") && !strings.HasPrefix(p.DatabaseURL, "postgresql://"):
		wrong("FIELDPROOF_DATABASE_URL", "it begins with postgres://")
	}
	if n.temporal && p.TemporalAddress == "" {
		wrong("FIELDPROOF_TEMPORAL_ADDRESS", "set it, such as temporal:7233")
	}
	if n.blobs {
		if u, err := url.Parse(p.BlobURL); err != nil || u.Scheme == "" {
			wrong("FIELDPROOF_BLOB_URL", "set it, such as s3://photos?region=us-east-1 or file:///var/lib/fieldproof/photos")
		}
		if u, err := url.Parse(p.PublicURL); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			wrong("FIELDPROOF_PUBLIC_URL", "set it to the address that people type, such as https://fieldproof.example.com")
		}
		p.PublicURL = strings.TrimRight(p.PublicURL, "/")
	}
	var err error
	if n.secrets {
		if p.sealer, err = models.NewSealer(p.SecretKey); err != nil {
			wrong("FIELDPROOF_SECRET_KEY", "%v", err)
		}
	}
	if p.SignUp != "open" && p.SignUp != "closed" {
		wrong("FIELDPROOF_SIGNUP", "%q is neither open nor closed", p.SignUp)
	}
	if p.networks, err = guard.ParseNetworks(p.AllowedNetworks); err != nil {
		wrong("FIELDPROOF_ALLOWED_NETWORKS", "%v", err)
	}
	if p.proxies, err = guard.ParseNetworks(p.TrustedProxies); err != nil {
		wrong("FIELDPROOF_TRUSTED_PROXIES", "%v", err)
	}
	p.readServices(wrong)
	return p, errors.Join(problems...)
}
