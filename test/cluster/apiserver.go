package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// APIServer is a running kube-apiserver with RBAC. Its users are those of the constants
// below; the token of a user is the user's name with "-token" after it.
type APIServer struct {
	// URL is where it serves.
	URL string
	// CAFile verifies its certificate.
	CAFile string

	folder  string
	etcd    *Etcd
	process process
	client  *http.Client
}

// The users. Only Admin may do anything before a test grants it.
const (
	Admin    = "admin"
	Reader   = "reader"
	Operator = "operator"
	Nobody   = "nobody"
	// Controller is the service account that deploy/rbac.yaml makes for the controller.
	Controller = "system:serviceaccount:calico-system:calicoctl-controller"
)

// Token is what a user authenticates with.
func Token(user string) string { return user + "-token" }

// StartAPIServer starts a kube-apiserver, and an etcd behind it, for one test. It has no custom
// resource definitions. Flags are added to its command line.
func StartAPIServer(tb testing.TB, flags ...string) *APIServer {
	tb.Helper()
	folder := throwAway(tb)
	tb.Cleanup(func() { _ = os.RemoveAll(folder) })
	a, err := runAPIServer(binary(tb, "kube-apiserver"), binary(tb, "etcd"), folder, flags)
	if err != nil {
		tb.Fatalf("start kube-apiserver: %v", err)
	}
	tb.Cleanup(a.etcd.Kill)
	tb.Cleanup(a.Kill)
	return a
}

func runAPIServer(binary, etcdBinary, folder string, flags []string) (*APIServer, error) {
	etcd, err := runEtcd(etcdBinary, folder, nil)
	if err != nil {
		return nil, err
	}
	a := &APIServer{folder: folder, etcd: etcd, CAFile: filepath.Join(folder, "apiserver.crt")}
	if err := a.start(binary, flags); err != nil {
		etcd.Kill()
		return nil, err
	}
	return a, nil
}

func (a *APIServer) start(binary string, flags []string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	tokens, key := filepath.Join(a.folder, "tokens.csv"), filepath.Join(a.folder, "accounts.key")
	if err := errors.Join(writeTokens(tokens), writeKey(key)); err != nil {
		return err
	}
	a.URL = "https://" + loopbackAt(port)
	a.process = process{
		binary: binary,
		log:    filepath.Join(a.folder, "kube-apiserver.log"),
		ready:  a.ready,
		args: append([]string{
			"--etcd-servers=http://" + a.etcd.Endpoint,
			"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(port), "--cert-dir=" + a.folder,
			"--token-auth-file=" + tokens, "--authorization-mode=RBAC",
			"--service-account-issuer=https://calicoctl.test", "--service-account-key-file=" + key, "--service-account-signing-key-file=" + key,
			"--service-cluster-ip-range=10.96.0.0/16", "--endpoint-reconciler-type=none",
			"--disable-admission-plugins=ServiceAccount",
		}, flags...),
	}
	return a.process.start()
}

func writeTokens(path string) error {
	var lines strings.Builder
	for _, user := range []string{Admin, Reader, Operator, Nobody, Controller} {
		fmt.Fprintf(&lines, "%s,%s,%[2]s", Token(user), user)
		if user == Admin {
			lines.WriteString(",system:masters")
		}
		lines.WriteString("\n")
	}
	return os.WriteFile(path, []byte(lines.String()), 0o600)
}

func writeKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

// ready waits until the server has made its certificate and serves.
func (a *APIServer) ready(ctx context.Context) error {
	if err := a.connect(); err != nil {
		return err
	}
	_, err := a.do(ctx, http.MethodGet, "/readyz", nil)
	return err
}

// connect makes the client when the server has made its certificate, which stays the same when it is restarted.
func (a *APIServer) connect() error {
	if a.client != nil {
		return nil
	}
	certificate, err := os.ReadFile(a.CAFile)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(certificate) {
		return errors.New("its certificate is not written yet")
	}
	a.client = &http.Client{
		Timeout:   time.Minute,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
	}
	return nil
}

// Kill ends the server as kill -9 does; its etcd goes on.
func (a *APIServer) Kill() { a.process.kill() }

// Restart starts the server again, at the same address.
func (a *APIServer) Restart(tb testing.TB) {
	tb.Helper()
	if err := a.process.start(); err != nil {
		tb.Fatalf("restart kube-apiserver: %v", err)
	}
}

// Kubeconfig writes a file with which a user reaches the server.
func (a *APIServer) Kubeconfig(tb testing.TB, user string) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: test, user: {token: %q}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
current-context: test
`, a.URL, a.CAFile, Token(user))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

// Etcd is the etcd behind the server.
func (a *APIServer) Etcd() *Etcd { return a.etcd }
