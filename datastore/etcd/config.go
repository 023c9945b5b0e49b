package etcd

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// Config says how to reach etcd.
type Config struct {
	// Endpoints are URLs, or host:port, with commas between them.
	Endpoints string
	// DiscoverySRV is a domain whose SRV records of etcd-client name the endpoints.
	DiscoverySRV string
	// Username and Password count if both are set.
	Username, Password string
	// KeyFile, CertFile and CAFile are PEM files for TLS.
	KeyFile, CertFile, CAFile string
	// Key, Cert and CA are the same inline.
	Key, Cert, CA string
	// CipherSuites and MinTLSVersion are the variables TLS_CIPHER_SUITES (names with commas
	// between them) and TLS_MIN_VERSION (1.2 or 1.3); empty means Go's choice, and 1.2.
	CipherSuites, MinTLSVersion string
	// Timeout bounds each request; 0 is 10 seconds.
	Timeout time.Duration
}

// defaultTimeout is what Calico waits for a connection.
const defaultTimeout = 10 * time.Second

// Open makes a Store. Unless it has to authenticate, it sends nothing yet.
func Open(ctx context.Context, c Config) (*Store, error) {
	s := &Store{timeout: cmp.Or(c.Timeout, defaultTimeout)}
	endpoints, err := c.endpoints(ctx, s.timeout)
	if err != nil {
		return nil, err
	}
	s.endpoints = endpoints
	secure, err := c.tls()
	if err != nil {
		return nil, fmt.Errorf("could not initialize etcdv3 client: %w", err)
	}
	config := clientv3.Config{
		Endpoints: endpoints, TLS: secure, Logger: zap.NewNop(),
		DialTimeout: s.timeout, DialKeepAliveTime: 30 * time.Second, DialKeepAliveTimeout: 10 * time.Second,
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: s.timeout,
		})},
		MaxCallRecvMsgSize: maxMessage, MaxCallSendMsgSize: maxMessage,
	}
	if c.Username != "" && c.Password != "" {
		config.Username, config.Password = c.Username, c.Password
	}
	if s.client, err = newClient(ctx, config); err != nil {
		return nil, s.failure(ctx, "open", resources.Key{}, err)
	}
	return s, nil
}

// newClient makes a client that outlives ctx, which may be that of opening alone. With a password it waits for
// etcd, until ctx ends.
func newClient(ctx context.Context, config clientv3.Config) (*clientv3.Client, error) {
	type made struct {
		client *clientv3.Client
		err    error
	}
	done := make(chan made, 1)
	go func() {
		client, err := clientv3.New(config)
		done <- made{client, err}
	}()
	select {
	case m := <-done:
		return m.client, m.err
	case <-ctx.Done():
		go func() {
			if late := <-done; late.client != nil {
				_ = late.client.Close() // nobody uses it
			}
		}()
		return nil, ctx.Err()
	}
}

// maxMessage lets answers of any size through: pages bound them.
const maxMessage = 1 << 30

func (c Config) endpoints(ctx context.Context, timeout time.Duration) ([]string, error) {
	switch {
	case c.Endpoints == "" && c.DiscoverySRV == "":
		return nil, errors.New("no etcd endpoints specified")
	case c.Endpoints != "" && c.DiscoverySRV != "":
		return nil, errors.New(`multiple discovery or bootstrap options specified, use either "etcdEndpoints" or "etcdDiscoverySrv"`)
	case c.DiscoverySRV != "":
		return discover(ctx, c.DiscoverySRV, timeout)
	}
	endpoints := strings.Split(c.Endpoints, ",")
	for i, endpoint := range endpoints {
		endpoints[i] = strings.TrimSpace(endpoint)
		// What is wrong is told without the text, which may hold a password.
		if u, err := url.Parse(endpoints[i]); strings.Contains(endpoint, "@") || endpoints[i] == "" || err != nil && strings.Contains(endpoint, "://") || err == nil && u.User != nil {
			return nil, fmt.Errorf("etcd endpoint %d is not of the form https://HOST:PORT; "+
				"a user and a password are given with ETCD_USERNAME and ETCD_PASSWORD", i+1)
		}
	}
	return endpoints, nil
}

// discover asks for the SRV records of a domain: those of etcd-client-ssl are served by https, those of etcd-client
// by http.
func discover(ctx context.Context, domain string, timeout time.Duration) (endpoints []string, err error) {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var failures []error
	for _, service := range []struct{ name, scheme string }{{"etcd-client-ssl", "https"}, {"etcd-client", "http"}} {
		_, records, err := net.DefaultResolver.LookupSRV(bounded, service.name, "tcp", domain)
		if err != nil {
			failures = append(failures, err)
		}
		for _, r := range records {
			host := net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port)))
			endpoints = append(endpoints, service.scheme+"://"+host)
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(endpoints) == 0 {
		return nil, fmt.Errorf("failed to discover etcd endpoints through SRV discovery: %w", errors.Join(failures...))
	}
	return endpoints, nil
}

func (c Config) tls() (*tls.Config, error) {
	inline, files := c.Key+c.Cert != "", c.KeyFile+c.CertFile != ""
	if err := c.checkPairs(inline, files); err != nil {
		return nil, err
	}
	if !inline && !files && c.CA == "" && c.CAFile == "" {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if err := c.versions(out); err != nil {
		return nil, err
	}
	return out, errors.Join(c.identity(out, inline, files), c.authorities(out))
}

// checkPairs refuses a certificate without its key, and files beside inline text.
func (c Config) checkPairs(inline, files bool) error {
	switch {
	case inline && (files || c.CAFile != ""), files && c.CA != "":
		return errors.New("Cannot mix inline certificate-key and certificate / key files") //nolint:staticcheck // Calico's words
	case inline && (c.Key == "" || c.Cert == ""):
		return errors.New("Certificate and Key must both be present inline.") //nolint:staticcheck // Calico's words
	case files && (c.KeyFile == "" || c.CertFile == ""):
		return errors.New("a certificate file needs its key file, and the other way round")
	}
	return nil
}

func (c Config) identity(out *tls.Config, inline, files bool) error {
	var pair tls.Certificate
	var err error
	switch {
	case inline:
		pair, err = tls.X509KeyPair([]byte(c.Cert), []byte(c.Key))
	case files:
		pair, err = tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	default:
		return nil
	}
	if err != nil {
		return fmt.Errorf("the certificate and its key cannot be used: %w", err)
	}
	out.Certificates = []tls.Certificate{pair}
	return nil
}

func (c Config) authorities(out *tls.Config) error {
	text := []byte(c.CA)
	if c.CAFile != "" {
		var err error
		if text, err = os.ReadFile(c.CAFile); err != nil {
			return err
		}
	}
	if len(text) == 0 {
		return nil
	}
	out.RootCAs = x509.NewCertPool()
	if !out.RootCAs.AppendCertsFromPEM(text) {
		return errors.New("there is no certificate in the CA certificates")
	}
	return nil
}

func (c Config) versions(out *tls.Config) error {
	switch c.MinTLSVersion {
	case "", "1.2":
	case "1.3":
		out.MinVersion = tls.VersionTLS13
	default:
		return fmt.Errorf("TLS_MIN_VERSION is %q; write 1.2 or 1.3", c.MinTLSVersion)
	}
	if c.CipherSuites == "" {
		return nil
	}
	known := map[string]uint16{}
	for _, suite := range tls.CipherSuites() {
		known[suite.Name] = suite.ID
	}
	for name := range strings.SplitSeq(c.CipherSuites, ",") {
		id, ok := known[strings.TrimSpace(name)]
		if !ok {
			return fmt.Errorf("TLS_CIPHER_SUITES has %q, which is no secure cipher suite", name)
		}
		out.CipherSuites = append(out.CipherSuites, id)
	}
	return nil
}

// Store is a connection to etcd. It implements datastore.Bulk.
type Store struct {
	client     *clientv3.Client
	endpoints  []string
	timeout    time.Duration
	tolerating datastore.Tolerating
}

var (
	_ datastore.Bulk     = (*Store)(nil)
	_ datastore.Tolerant = (*Store)(nil)
)

// Tolerate implements datastore.Tolerant.
func (s *Store) Tolerate(t datastore.Tolerance) { s.tolerating.Tolerate(t) }

// decode makes the object of a stored value.
func (s *Store) decode(key resources.Key, value []byte, revision int64) (resources.Object, error) {
	return s.tolerating.Decode(key, value, func(value []byte) (resources.Object, error) { return decode(key, value, revision) })
}

// Close implements datastore.Store.
func (s *Store) Close() error {
	if err := s.client.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return datastore.ErrorOf("close", resources.Key{}, datastore.ErrUnavailable, err.Error())
	}
	return nil
}
