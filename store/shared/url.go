package shared

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Embedded names the store of a single process, which this package has nothing to do with.
const Embedded = "embedded"

// IsEmbedded reports whether a store's URL names no shared store.
func IsEmbedded(rawURL string) bool { return rawURL == "" || rawURL == Embedded }

// Validate says whether a store's URL makes sense, without opening it. No error shows the URL: it may hold
// a password.
func Validate(rawURL string) error {
	if IsEmbedded(rawURL) {
		return nil
	}
	_, err := parseURL(rawURL)
	return err
}

// address is what a store's URL says.
type address struct {
	tls      bool
	hosts    []string // host:port; with master set, of the Sentinels
	master   string   // what the Sentinels call it; "": there are none
	user     string
	password string
	db       int
	// files and the rest come from the URL's query.
	passwordFile         string
	caFile               string
	certFile, keyFile    string
	serverName           string
	sentinelUser         string
	sentinelPassword     string
	sentinelPasswordFile string
	timeout              string
	budget               time.Duration // timeout, read
}

// defaultBudget is how long the store may take for a batch: an alert waits so long at most when it is away.
const defaultBudget = 100 * time.Millisecond

// keys are the query's keys, and where their values go.
func (a *address) keys() map[string]*string {
	return map[string]*string{
		"password_file": &a.passwordFile, "ca_file": &a.caFile, "cert_file": &a.certFile, "key_file": &a.keyFile,
		"server_name": &a.serverName, "sentinel_user": &a.sentinelUser, "sentinel_password": &a.sentinelPassword,
		"sentinel_password_file": &a.sentinelPasswordFile, "timeout": &a.timeout,
	}
}

// parseURL reads redis[s][+sentinel]://[user:password@]host[:port][,host[:port]…][/master][/db][?key=value…].
func parseURL(rawURL string) (*address, error) {
	head, hosts, tail, err := cutHosts(rawURL)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(head + "host" + tail)
	if err != nil {
		return nil, errors.New("store: not a URL: write special characters of a password as %XX") // err holds it
	}
	a := &address{user: u.User.Username()}
	a.password, _ = u.User.Password()
	port := "6379"
	switch u.Scheme {
	case "redis":
	case "rediss":
		a.tls = true
	case "redis+sentinel", "rediss+sentinel":
		a.tls, port = u.Scheme == "rediss+sentinel", "26379"
	default:
		return nil, fmt.Errorf("store: unknown engine %q: use embedded, redis://host:6379, rediss:// for TLS, or redis+sentinel://host:26379/master", u.Scheme)
	}
	if a.hosts, err = splitHosts(hosts, port); err != nil {
		return nil, err
	}
	if err := a.parsePath(u.Path, strings.HasSuffix(u.Scheme, "+sentinel")); err != nil {
		return nil, err
	}
	return a, a.parseQuery(u.RawQuery)
}

// cutHosts takes the list of hosts out of a URL, which net/url has no notion of.
func cutHosts(rawURL string) (head, hosts, tail string, err error) {
	scheme, rest, ok := strings.Cut(rawURL, "://")
	if !ok {
		return "", "", "", errors.New("store: not a URL: use embedded or redis://host:6379")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	begin := strings.LastIndexByte(rest[:end], '@') + 1
	return scheme + "://" + rest[:begin], rest[begin:end], rest[end:], nil
}

func splitHosts(list, port string) ([]string, error) {
	var hosts []string
	for host := range strings.SplitSeq(list, ",") {
		if !strings.Contains(host, ":") || strings.HasSuffix(host, "]") {
			host += ":" + port
		}
		h, p, err := net.SplitHostPort(host)
		if err != nil {
			return nil, errors.New("store: a host is not host:port (an IPv6 address is [::1]:6379; write special characters of a password as %XX)")
		}
		if _, err := strconv.ParseUint(p, 10, 16); err != nil || h == "" || strings.ContainsAny(h, "% ") {
			return nil, errors.New("store: a host is not host:port (write special characters of a password as %XX)")
		}
		hosts = append(hosts, net.JoinHostPort(h, p))
	}
	return hosts, nil
}

// parsePath reads the master's name, of Sentinels, and the number of the database.
func (a *address) parsePath(path string, sentinel bool) error {
	path = strings.Trim(path, "/")
	if sentinel {
		a.master, path, _ = strings.Cut(path, "/")
		if a.master == "" {
			return errors.New("store: which master? write its name as the Sentinels know it: redis+sentinel://host:26379/mymaster")
		}
	}
	if path == "" {
		return nil
	}
	db, err := strconv.ParseUint(path, 10, 16)
	if err != nil {
		return fmt.Errorf("store: %q is no database: they have numbers, from 0", path)
	}
	a.db = int(db)
	return nil
}

func (a *address) parseQuery(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("store: what follows the ? is not key=value&key=value")
	}
	known := a.keys()
	for key, v := range values {
		to := known[key]
		if to == nil {
			names := make([]string, 0, len(known))
			for name := range known {
				names = append(names, name)
			}
			slices.Sort(names)
			return fmt.Errorf("store: unknown key %q: known are %s", key, strings.Join(names, ", "))
		}
		*to = v[0]
	}
	a.budget = defaultBudget
	if a.timeout != "" {
		if a.budget, err = time.ParseDuration(a.timeout); err != nil || a.budget < time.Millisecond || a.budget > time.Minute {
			return errors.New("store: timeout is how long a batch may take: 1ms to 1m, 100ms is the default")
		}
	}
	switch {
	case a.password != "" && a.passwordFile != "", a.sentinelPassword != "" && a.sentinelPasswordFile != "":
		return errors.New("store: a password and its file: set only one of them")
	case (a.certFile == "") != (a.keyFile == ""):
		return errors.New("store: cert_file and key_file go together")
	case !a.tls && (a.caFile != "" || a.certFile != "" || a.serverName != ""):
		return errors.New("store: ca_file, cert_file, key_file and server_name are for TLS: use rediss://")
	case a.master == "" && (a.sentinelUser != "" || a.sentinelPassword != "" || a.sentinelPasswordFile != ""):
		return errors.New("store: sentinel_user and sentinel_password are for redis+sentinel://")
	}
	return nil
}

// Locate makes relative paths in a store's URL start from dir. A URL that makes no sense stays as it is.
func Locate(rawURL, dir string) string {
	if IsEmbedded(rawURL) || Validate(rawURL) != nil {
		return rawURL
	}
	base, query, ok := strings.Cut(rawURL, "?")
	if !ok {
		return rawURL
	}
	values, _ := url.ParseQuery(query) // Validate has seen it
	for key := range values {
		if file := values.Get(key); strings.HasSuffix(key, "_file") && file != "" && !filepath.IsAbs(file) {
			values.Set(key, filepath.Join(dir, file))
		}
	}
	return base + "?" + values.Encode()
}

// readSecret reads a password's file, each time anew, so that a password can change while we run.
func readSecret(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the store's password: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
