// Package remotes reaches folders elsewhere, through rclone's backends: SFTP, S3, WebDAV, Google Drive, Dropbox, and the
// local ones that the operator allows. Users type the options, so each backend takes only those of a list, and every
// connection goes through the guard of our own requests.
package remotes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	_ "github.com/rclone/rclone/backend/drive"   // for drive
	_ "github.com/rclone/rclone/backend/dropbox" // for dropbox
	_ "github.com/rclone/rclone/backend/local"   // for local
	_ "github.com/rclone/rclone/backend/s3"      // for s3
	_ "github.com/rclone/rclone/backend/sftp"    // for sftp
	_ "github.com/rclone/rclone/backend/webdav"  // for webdav
	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config/configmap"
	"github.com/rclone/rclone/fs/config/obscure"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"fieldproof/guard"
	"fieldproof/models"
)

// backend is a kind of place with the options that users may set.
type backend struct {
	plain    []string
	secret   []string
	obscured []string // of the secret ones: those that rclone wants obscured
	required []string
	// choices are the values of an option that are offered, where others lead around the guard or were never tried.
	choices map[string][]string
	// fixed options are ours: what could run a command, read a file of the server or take its credentials is off.
	fixed map[string]string
}

// Every option that names a file or a command of the server is left out on purpose: key_file, known_hosts_file, ssh,
// bearer_token_command, service_account_file, env_auth and their like.
var backends = map[string]backend{
	"local": {},
	"sftp": {plain: []string{"host", "port", "user", "host_key"}, secret: []string{"pass", "key_pem", "key_file_pass"}, obscured: []string{"pass", "key_file_pass"}, required: []string{"host", "user"},
		fixed: map[string]string{"shell_type": "none", "disable_hashcheck": "true", "skip_links": "true", "idle_timeout": "30s"}},
	"s3": {plain: []string{"provider", "access_key_id", "region", "endpoint", "force_path_style"}, secret: []string{"secret_access_key"}, required: []string{"access_key_id"},
		choices: map[string][]string{"provider": {"AWS", "Ceph", "Cloudflare", "DigitalOcean", "GCS", "Hetzner", "IONOS", "Linode", "Minio", "OVHcloud", "Other", "Scaleway", "Storj", "Synology", "Wasabi"}},
		fixed:   map[string]string{"env_auth": "false", "no_check_bucket": "true"}},
	"webdav": {plain: []string{"url", "vendor", "user"}, secret: []string{"pass", "bearer_token"}, obscured: []string{"pass"}, required: []string{"url"},
		choices: map[string][]string{"vendor": {"fastmail", "infinitescale", "nextcloud", "other", "owncloud"}}},
	"drive": {plain: []string{"client_id", "root_folder_id", "team_drive"}, secret: []string{"client_secret", "token", "service_account_credentials"}, fixed: map[string]string{"scope": "drive", "env_auth": "false"}},
	"dropbox": {plain: []string{"client_id"}, secret: []string{"client_secret", "token"}, required: []string{},
		fixed: map[string]string{"batch_mode": "off"}},
}

// Kinds lists the backends.
func Kinds() []string { return slices.Sorted(maps.Keys(backends)) }

// Choices are the values that an option of a backend may have; none: any text.
func Choices(kind, option string) []string { return backends[kind].choices[option] }

// Option is one of those that users may set.
type Option struct {
	Name             string
	Secret, Required bool
	Choices          []string
}

// Options lists the options of a backend.
func Options(kind string) []Option {
	b := backends[kind]
	var all []Option
	for _, name := range slices.Concat(b.plain, b.secret) {
		all = append(all, Option{name, slices.Contains(b.secret, name), slices.Contains(b.required, name), b.choices[name]})
	}
	return all
}

// Spec is a folder somewhere.
type Spec struct {
	Backend string
	Path    string
	Options map[string]string // secret ones among them
	// Refreshed is told a token that the backend got for an ended one; nil: nobody keeps it.
	Refreshed func(token string)
}

// IsSecret tells whether an option is kept sealed.
func IsSecret(kind, option string) bool { return slices.Contains(backends[kind].secret, option) }

// Check returns an [models.Invalid] error that names each option that can't be; prefix stands before the fields.
func (s Spec) Check(prefix string) error {
	var p models.Problems
	b, known := backends[s.Backend]
	if !known {
		p.Add(prefix+"backend", "Choose one of %s.", strings.Join(Kinds(), ", "))
		return p.Err()
	}
	allowed := slices.Concat(b.plain, b.secret)
	for _, name := range slices.Sorted(maps.Keys(s.Options)) {
		switch {
		case !slices.Contains(allowed, name):
			if len(allowed) == 0 {
				p.Add(prefix+"options."+name, "A local folder has no options.")
			} else {
				p.Add(prefix+"options."+name, "There is no such option here; choose from %s.", strings.Join(allowed, ", "))
			}
		case len(b.choices[name]) > 0 && s.Options[name] != "" && !slices.Contains(b.choices[name], s.Options[name]):
			p.Add(prefix+"options."+name, "Choose one of %s.", strings.Join(b.choices[name], ", "))
		case len(s.Options[name]) > 20_000 || strings.ContainsRune(s.Options[name], 0):
			p.Add(prefix+"options."+name, "At most 20000 characters.")
		}
	}
	for _, name := range b.required {
		if s.Options[name] == "" {
			p.Add(prefix+"options."+name, "This is needed to reach the folder.")
		}
	}
	clean := strings.Trim(s.Path, "/")
	if clean != "" && (path.Clean("/"+clean) != "/"+clean || strings.ContainsAny(clean, "\\\x00")) {
		p.Add(prefix+"path", "Give a path without .. in it, such as orders/incoming.")
	}
	if clean == "" && (s.Backend == "local" || s.Backend == "s3") {
		p.Add(prefix+"path", "Give the folder, such as orders/acme; of S3 it begins with the bucket.")
	}
	if key := s.Options["host_key"]; key != "" {
		if _, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(key)); err != nil || len(rest) > 0 {
			p.Add(prefix+"options.host_key", "Give one public key as ssh-keyscan prints it, without the host before it, such as ssh-ed25519 AAAA….")
		}
	}
	for _, name := range []string{"url", "endpoint"} {
		if text := s.Options[name]; text != "" {
			u, err := url.Parse(text)
			bare := name == "endpoint" && err == nil && u.Scheme == ""
			if err != nil || (u.Scheme != "http" && u.Scheme != "https" && !bare) || u.User != nil {
				p.Add(prefix+"options."+name, "Give an address that begins with https:// and bears no user name.")
			}
		}
	}
	return p.Err()
}

// Remotes opens folders.
type Remotes struct {
	// Apps are this installation's registrations at cloud services, by backend: a token works only with its own.
	Apps map[string]App

	folders *guard.Folders
	proxy   *guard.Proxy
}

// own is the configuration of one open folder. rclone's usual one also reads the environment, a file and what other
// folders of the process set: a token of one account must never serve another.
type own struct {
	options   configmap.Simple
	defaults  fs.Options
	refreshed func(string)
}

// Get reads an option.
func (o *own) Get(key string) (string, bool) {
	if value, there := o.options.Get(key); there {
		return value, true
	}
	if option := o.defaults.Get(key); option != nil {
		return option.String(), true
	}
	return "", false
}

// Set takes what a backend changes, which is its token.
func (o *own) Set(key, value string) {
	o.options.Set(key, value)
	if key == "token" && o.refreshed != nil {
		o.refreshed(value)
	}
}

var quieten sync.Once

// New makes a Remotes whose connections go through proxy, and whose local folders lie below the operator's.
func New(folders *guard.Folders, proxy *guard.Proxy) *Remotes {
	quieten.Do(func() {
		// rclone makes its HTTP transport once a process, from this configuration: no connection of it is without the proxy.
		c := fs.GetConfig(context.Background())
		c.HTTPProxy = proxy.URL
		c.LogLevel = fs.LogLevelEmergency
		c.LowLevelRetries = 3
		c.ConnectTimeout = fs.Duration(15 * time.Second)
		c.Timeout = fs.Duration(time.Minute)
		c.UserAgent = "Fieldproof"
	})
	return &Remotes{folders: folders, proxy: proxy}
}

// Open opens a folder. Nothing is made there; whether it exists shows with the first use.
func (r *Remotes) Open(ctx context.Context, s Spec) (fs.Fs, error) {
	if err := s.Check(""); err != nil {
		return nil, err
	}
	b := backends[s.Backend]
	at := strings.Trim(s.Path, "/")
	if s.Backend == "local" {
		real, err := r.folders.Under(at)
		if err != nil {
			return nil, err
		}
		at = real
	} else if strings.HasPrefix(s.Path, "/") && s.Backend == "sftp" {
		at = "/" + at
	}
	if s.Backend == "s3" {
		at += "/" // or rclone asks whether it is a file
	}
	options := configmap.Simple{}
	for name, value := range s.Options {
		if slices.Contains(b.obscured, name) && value != "" {
			hidden, err := obscure.Obscure(value)
			if err != nil {
				return nil, err
			}
			value = hidden
		}
		options[name] = value
	}
	maps.Copy(options, b.fixed)
	if s.Backend == "sftp" {
		options["http_proxy"] = r.proxy.URL
		delete(options, "host_key")
		if key := s.Options["host_key"]; key != "" {
			known, err := r.knownHost(s)
			if err != nil {
				return nil, err
			}
			options["known_hosts_file"] = known
		}
	}
	if s.Backend == "s3" && options["provider"] == "" {
		options["provider"] = "Other"
	}
	info, err := fs.Find(s.Backend)
	if err != nil {
		return nil, err
	}
	if app := r.Apps[s.Backend]; app.ID != "" && options["client_id"] == "" && options["token"] != "" {
		options["client_id"], options["client_secret"] = app.ID, app.Secret
	}
	f, err := info.NewFs(ctx, "fieldproof-"+models.NewID(), at, &own{options, info.Options, s.Refreshed})
	if errors.Is(err, fs.ErrorIsFile) {
		err = fmt.Errorf("%s is a file, no folder", s.Path)
	}
	return f, r.Explain(s, err)
}

// knownHost writes the key that a server must have into a file of ours, which is what the backend reads: named by its
// content, so that it is written once.
func (r *Remotes) knownHost(s Spec) (string, error) {
	address, err := url.Parse("ssh://" + addresses(s)[0])
	if err != nil {
		return "", err
	}
	line := knownhosts.Normalize(address.Host) + " " + strings.Join(strings.Fields(s.Options["host_key"]), " ") + "\n"
	sum := sha256.Sum256([]byte(line))
	file := filepath.Join(os.TempDir(), "fieldproof-host-"+hex.EncodeToString(sum[:12]))
	if have, err := os.ReadFile(file); err == nil && string(have) == line {
		return file, nil
	}
	return file, os.WriteFile(file, []byte(line), 0o600)
}

// Explain names the guard as the cause of an error when it was.
func (r *Remotes) Explain(s Spec, err error) error {
	if err == nil {
		return nil
	}
	for _, address := range addresses(s) {
		if r.proxy.Refused(address) {
			return guard.ErrAddress
		}
	}
	return err
}

// addresses are the host:port that a folder lies at, as far as its options tell.
func addresses(s Spec) []string {
	if s.Backend == "sftp" {
		port := s.Options["port"]
		if port == "" {
			port = "22"
		}
		return []string{net.JoinHostPort(s.Options["host"], port)}
	}
	var all []string
	for _, name := range []string{"url", "endpoint"} {
		u, err := url.Parse(s.Options[name])
		if err != nil || u.Host == "" {
			continue
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		all = append(all, net.JoinHostPort(u.Hostname(), port))
	}
	return all
}
