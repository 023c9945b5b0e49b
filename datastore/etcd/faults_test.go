package etcd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// canary stands for a secret wherever one can be.
const canary = "canary-of-a-secret"

// wants checks an error: what it is, what it says, and that no secret is in it.
func wants(t *testing.T, err, sentinel error, text string) {
	t.Helper()
	switch {
	case err == nil:
		t.Error("there is no error")
	case sentinel != nil && !errors.Is(err, sentinel), !strings.Contains(err.Error(), text):
		t.Errorf("%v; want %v, with %q", err, sentinel, text)
	case strings.Contains(err.Error(), canary):
		t.Errorf("a secret is told: %v", err)
	}
}

// TestUnreachable ends within the time-out and says what was tried.
func TestUnreachable(t *testing.T) {
	s := open(t, Config{Endpoints: "http://127.0.0.1:1", Username: "", Password: canary, Timeout: 300 * time.Millisecond})
	defer func() { _ = s.Close() }()
	_, err := s.Get(t.Context(), resources.Tier.Key("a"))
	wants(t, err, datastore.ErrUnavailable, "127.0.0.1:1")
	_, err = s.List(t.Context(), resources.Tier)
	wants(t, err, datastore.ErrUnavailable, "within 300ms")
	_, err = s.Watch(t.Context(), resources.Tier, "1")
	wants(t, err, datastore.ErrUnavailable, "127.0.0.1:1")
	_, err = s.Create(t.Context(), set("a"))
	wants(t, err, datastore.ErrUnavailable, "127.0.0.1:1")
	_, err = Open(t.Context(), Config{Endpoints: "http://127.0.0.1:1", Username: "u", Password: canary, Timeout: 300 * time.Millisecond})
	wants(t, err, datastore.ErrUnavailable, "127.0.0.1:1")
}

// TestConfig refuses what makes no sense, and quotes no secret.
func TestConfig(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"nothing":         {Config{}, "no etcd endpoints specified"},
		"two ways":        {Config{Endpoints: "a:1", DiscoverySRV: "b"}, `use either "etcdEndpoints" or "etcdDiscoverySrv"`},
		"a password":      {Config{Endpoints: "http://u:" + canary + "@a:1"}, "ETCD_PASSWORD"},
		"mixed":           {Config{Endpoints: "a:1", Key: canary, Cert: canary, KeyFile: "/k", CertFile: "/c"}, "Cannot mix inline certificate-key and certificate / key files"},
		"half inline":     {Config{Endpoints: "a:1", Key: canary}, "Certificate and Key must both be present inline."},
		"half a pair":     {Config{Endpoints: "a:1", CertFile: "/c"}, "needs its key file"},
		"no PEM":          {Config{Endpoints: "a:1", Key: canary, Cert: canary}, "cannot be used"},
		"no CA":           {Config{Endpoints: "a:1", CA: canary}, "there is no certificate"},
		"a missing file":  {Config{Endpoints: "a:1", CAFile: "/none/ca.pem"}, "open /none/ca.pem"},
		"TLS version":     {Config{Endpoints: "a:1", CAFile: "/none/ca.pem", MinTLSVersion: "1.0"}, "write 1.2 or 1.3"},
		"cipher suite":    {Config{Endpoints: "a:1", CAFile: "/none/ca.pem", CipherSuites: "TLS_RSA_WITH_RC4_128_SHA"}, "no secure cipher suite"},
		"SRV of a nobody": {Config{DiscoverySRV: "nosuch.invalid"}, "failed to discover etcd endpoints"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), c.config)
			wants(t, err, nil, c.want)
		})
	}
}

// TestPassword tells wrong passwords, missing ones and missing rights apart from other trouble.
func TestPassword(t *testing.T) {
	endpoint := cluster.StartEtcd(t).Endpoint
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	for _, err := range []error{
		errOf(client.UserAdd(t.Context(), "root", canary)), errOf(client.UserGrantRole(t.Context(), "root", "root")),
		errOf(client.UserAdd(t.Context(), "nobody", canary)), errOf(client.AuthEnable(t.Context())),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	good := open(t, Config{Endpoints: endpoint, Username: "root", Password: canary})
	defer func() { _ = good.Close() }()
	if _, err := good.Create(t.Context(), set("a")); err != nil {
		t.Error(err)
	}
	_, err = Open(t.Context(), Config{Endpoints: endpoint, Username: "root", Password: "x" + canary})
	wants(t, err, datastore.ErrUnauthorized, "refused the user name or the password")
	anonymous := open(t, Config{Endpoints: endpoint, Password: canary})
	defer func() { _ = anonymous.Close() }()
	_, err = anonymous.Get(t.Context(), resources.Tier.Key("a"))
	wants(t, err, datastore.ErrUnauthorized, "wants a user name")
	nobody := open(t, Config{Endpoints: endpoint, Username: "nobody", Password: canary})
	defer func() { _ = nobody.Close() }()
	_, err = nobody.List(t.Context(), resources.Tier)
	wants(t, err, datastore.ErrUnauthorized, "do not cover")
}

func errOf[T any](_ T, err error) error { return err }

// TestTLS uses certificates from files and inline, and refuses a server whose certificate it cannot verify.
func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	endpoint := "https://" + cluster.StartEtcd(t, "--cert-file="+cert, "--key-file="+key,
		"--client-cert-auth", "--trusted-ca-file="+cert).Endpoint
	certPEM, keyPEM := read(t, cert), read(t, key)
	for name, c := range map[string]Config{
		"files":  {CertFile: cert, KeyFile: key, CAFile: cert},
		"inline": {Cert: certPEM, Key: keyPEM, CA: certPEM, MinTLSVersion: "1.3"},
	} {
		t.Run(name, func(t *testing.T) {
			c.Endpoints = endpoint
			s := open(t, c)
			defer func() { _ = s.Close() }()
			if _, err := s.Create(t.Context(), set(name)); err != nil {
				t.Error(err)
			}
		})
	}
	other, otherKey := certificate(t)
	s := open(t, Config{Endpoints: endpoint, CertFile: other, KeyFile: otherKey, CAFile: other, Timeout: time.Second})
	defer func() { _ = s.Close() }()
	_, err := s.Get(t.Context(), resources.Tier.Key("a"))
	wants(t, err, datastore.ErrUnavailable, "certificate")
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// certificate writes a certificate that is its own authority, for servers and clients here, and its key.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	certFile, keyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert},
		keyFile:  {Type: "EC PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func set(name string) *v3.GlobalNetworkSet {
	o := resources.GlobalNetworkSet.New().(*v3.GlobalNetworkSet)
	o.Name = name
	return o
}

func creations(n int) []datastore.Change {
	changes := make([]datastore.Change, n)
	for i := range changes {
		o := set(fmt.Sprintf("n%05d", i))
		changes[i] = datastore.Change{Op: datastore.ChangeCreate, Key: resources.GlobalNetworkSet.Key(o.Name), Object: o}
	}
	return changes
}

// TestKilledInTheMiddle kills etcd while many objects are written. What was said to be written is there
// when it runs again, and everything else failed in a way that says so.
func TestKilledInTheMiddle(t *testing.T) {
	server := cluster.StartEtcd(t, "--unsafe-no-fsync=false")
	s := open(t, Config{Endpoints: server.Endpoint, Timeout: 2 * time.Second})
	defer func() { _ = s.Close() }()
	changes := creations(20_000)
	steps := 0
	outcomes := s.WriteAll(t.Context(), changes, func() {
		if steps++; steps == 3000 {
			server.Kill()
		}
	})
	server.Restart(t)
	list, err := s.List(t.Context(), resources.GlobalNetworkSet)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, o := range list.Items {
		there[o.GetName()] = true
	}
	written := 0
	for i, o := range outcomes {
		switch {
		case o.Err == nil && !there[changes[i].Key.Name]:
			t.Fatalf("%s was said to be written and is not there", changes[i].Key)
		case o.Err == nil:
			written++
		case !errors.Is(o.Err, datastore.ErrUnavailable):
			t.Fatalf("%s: %v", changes[i].Key, o.Err)
		}
	}
	if written < 2000 || written == len(changes) {
		t.Fatalf("%d of %d were written: etcd was not killed in the middle", written, len(changes))
	}
	w, err := s.Watch(t.Context(), resources.GlobalNetworkSet, list.ResourceVersion)
	if err != nil {
		t.Fatal(err)
	}
	server.Kill()
	server.Restart(t)
	if _, err := s.Create(t.Context(), set("after")); err != nil {
		t.Fatal(err)
	}
	if e, err := w.Next(t.Context()); err != nil || e.Object.GetName() != "after" {
		t.Errorf("after a restart the watch gives %v, %v", e.Object, err)
	}
}

// TestCompacted ends a watch whose history is gone.
func TestCompacted(t *testing.T) {
	server := cluster.StartEtcd(t)
	s := open(t, Config{Endpoints: server.Endpoint})
	defer func() { _ = s.Close() }()
	if _, err := s.Create(t.Context(), set("a")); err != nil {
		t.Fatal(err)
	}
	second, err := s.Create(t.Context(), set("b"))
	if err != nil {
		t.Fatal(err)
	}
	revision, err := parseRevision("get", resources.Key{}, second.GetResourceVersion())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.client.Compact(t.Context(), revision); err != nil {
		t.Fatal(err)
	}
	w, err := s.Watch(t.Context(), resources.GlobalNetworkSet, "1")
	if err == nil {
		_, err = w.Next(t.Context())
	}
	wants(t, err, datastore.ErrCompacted, "list again")
	if _, err := s.Watch(t.Context(), resources.GlobalNetworkSet, "999999"); !errors.Is(err, datastore.ErrCompacted) {
		t.Errorf("a revision of the future: %v", err)
	}
}
