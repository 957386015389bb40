package shared

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// silence ends go-redis's habit of writing to stderr by itself; what it has to say reaches us as errors.
var silence = sync.OnceFunc(func() { redis.SetLogger(mute{}) })

type mute struct{}

func (mute) Printf(context.Context, string, ...any) {}

// options are what all kinds of clients have in common. It reads the files that have to be there.
func (a *address) options() (*redis.UniversalOptions, error) {
	o := &redis.UniversalOptions{
		Addrs: a.hosts, MasterName: a.master, DB: a.db,
		Username: a.user, Password: a.password,
		SentinelUsername: a.sentinelUser, SentinelPassword: a.sentinelPassword,
		Protocol: 2, IdentitySuffix: "tocsin",
		DialTimeout: time.Second, ReadTimeout: max(time.Second, a.budget), WriteTimeout: max(time.Second, a.budget), ContextTimeoutEnabled: true,
		MaxRetries: -1, DialerRetries: 1, // a stand-in is quicker, and a script run again counts twice
		// Redirections of a cluster are followed, without a pause: the budget is short.
		MaxRedirects: 3, MinRetryBackoff: time.Millisecond, MaxRetryBackoff: 8 * time.Millisecond,
		PoolSize: 8, PipelinePoolSize: -1, ReadBufferSize: 64 << 10, WriteBufferSize: 64 << 10,
		// What a firewall has forgotten must not be found out by an alert.
		ConnMaxIdleTime:          time.Minute,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if a.passwordFile != "" {
		if _, err := readSecret(a.passwordFile); err != nil {
			return nil, err
		}
		o.CredentialsProviderContext = func(context.Context) (string, string, error) {
			password, err := readSecret(a.passwordFile)
			return a.user, password, err
		}
	}
	if a.sentinelPasswordFile != "" {
		password, err := readSecret(a.sentinelPasswordFile)
		if err != nil {
			return nil, err
		}
		o.SentinelPassword = password
	}
	var err error
	o.TLSConfig, err = a.tlsConfig()
	return o, err
}

func (a *address) tlsConfig() (*tls.Config, error) {
	if !a.tls {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: a.serverName}
	if a.caFile != "" {
		pem, err := os.ReadFile(a.caFile)
		if err != nil {
			return nil, fmt.Errorf("read the store's ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the store's ca_file: %s holds no PEM certificate", a.caFile)
		}
	}
	if a.certFile != "" {
		load := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { // anew for each connection: they are renewed
			cert, err := tls.LoadX509KeyPair(a.certFile, a.keyFile)
			if err != nil {
				return nil, fmt.Errorf("read the store's cert_file and key_file: %w", err)
			}
			return &cert, nil
		}
		if _, err := load(nil); err != nil {
			return nil, err
		}
		c.GetClientCertificate = load
	}
	return c, nil
}

// connect makes a client for what is found at the address: a server, a cluster, or what Sentinels name.
func (s *Store) connect(ctx context.Context) (redis.UniversalClient, error) {
	if s.opts.MasterName != "" {
		return redis.NewFailoverClient(s.opts.Failover()), nil
	}
	var errs []error
	for _, addr := range s.opts.Addrs {
		seed := *s.opts
		seed.Addrs = []string{addr}
		one := redis.NewClient(seed.Simple())
		about, err := hello(ctx, one)
		if err == nil && about.mode == "standalone" && len(s.opts.Addrs) == 1 {
			return one, nil
		}
		_ = one.Close() // it was for a question
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("ask redis at %s: %w", addr, err))
		case about.mode == "cluster":
			return s.connectCluster()
		case about.mode == "sentinel":
			return nil, &unfit{addr + " is a Sentinel", "write redis+sentinel://host:26379/ and its name of the master"}
		default:
			return nil, &unfit{addr + " is a Redis by itself, and the store's URL names several", "name one, or write redis+sentinel:// and the Sentinels"}
		}
	}
	return nil, errors.Join(errs...)
}

func (s *Store) connectCluster() (redis.UniversalClient, error) {
	if s.opts.DB != 0 {
		return nil, &unfit{"a cluster has no databases but 0", "take the number off the store's URL"}
	}
	return redis.NewClusterClient(s.opts.Cluster()), nil
}
