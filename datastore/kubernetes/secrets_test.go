package kubernetes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// kubeconfigFor makes a kubeconfig with a cluster and a user, both written as YAML flow mappings.
func kubeconfigFor(cluster, user string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}],
clusters: [{name: a, cluster: %s}], users: [{name: a, user: %s}]}`, cluster, user)
}

// plugin writes a credential plugin, a shell script, and gives the user who has it.
func plugin(t *testing.T, script string) (user string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plugin")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	return fmt.Sprintf("{exec: {apiVersion: client.authentication.k8s.io/v1, command: %q, interactiveMode: Never}}", path)
}

func credential(token string) string {
	return `echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"` + token + `"}}'` + "\n"
}

// TestSecrets puts a secret in every place that can hold one, has each of them fail, and finds it in no message
// and nothing on standard error.
func TestSecrets(t *testing.T) {
	api := servers.APIServer(t)
	stderr := captureStderr(t)
	at := func(more string) string {
		return fmt.Sprintf("{server: %q, certificate-authority: %q%s}", api.URL, api.CAFile, more)
	}
	echoing := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		w.Header().Set("Warning", `299 - "`+canary+`"`)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"you are\n%s %s %s"}`,
			r.Header.Get("Authorization"), user, password)
	}))
	defer echoing.Close()
	echo := echoing.URL
	encoded := base64.StdEncoding.EncodeToString([]byte(canary))
	once := filepath.Join(t.TempDir(), "once")
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"token":                 {Config{Inline: kubeconfigFor(at(""), "{token: "+canary+"}")}, "does not accept the credentials"},
		"token told back":       {Config{Endpoint: echo, Insecure: true, Token: canary}, "you are Bearer (secret)"},
		"plugin's, told back":   {Config{Inline: kubeconfigFor("{server: '"+echo+"', insecure-skip-tls-verify: true}", plugin(t, credential(canary)))}, "you are Bearer (secret)"},
		"password":              {Config{Inline: kubeconfigFor("{server: '"+echo+"', insecure-skip-tls-verify: true}", "{username: u, password: "+canary+"}")}, " u (secret)"},
		"password in a URL":     {Config{Endpoint: strings.Replace(echo, "//", "//u:"+canary+"@", 1), Insecure: true}, " u (secret)"},
		"URL that is none":      {Config{Endpoint: "https://u:" + canary + "@a:b:c"}, "cannot be used"},
		"inline key":            {Config{Inline: kubeconfigFor(at(""), "{client-certificate-data: "+encoded+", client-key-data: "+encoded+"}")}, "cannot be used"},
		"inline key, no base64": {Config{Inline: kubeconfigFor(at(""), "{client-key-data: '"+canary+"!'}")}, "no valid kubeconfig"},
		"proxy":                 {Config{Inline: kubeconfigFor(at(", proxy-url: 'http://u:"+canary+"@127.0.0.1:1'"), "{token: a}")}, "cannot be reached"},
		"proxy that is none":    {Config{Inline: kubeconfigFor(at(", proxy-url: 'ht tp://u:"+canary+"@a'"), "{token: a}")}, "no valid kubeconfig"},
		"plugin":                {Config{Inline: kubeconfigFor(at(""), plugin(t, credential(canary)))}, "does not accept the credentials"},
		"plugin's answer":       {Config{Inline: kubeconfigFor(at(""), plugin(t, "echo "+canary))}, "no ExecCredential that can be used"},
		"plugin's status":       {Config{Inline: kubeconfigFor(at(""), plugin(t, "echo "+canary+"; exit 3"))}, "failed with exit code 3"},
		"plugin's refresh": {
			Config{Inline: kubeconfigFor(at(""), plugin(t, fmt.Sprintf("test -e %q && exit 1\ntouch %[1]q\n", once)+credential(canary)))},
			"does not accept the credentials",
		},
		"no plugin": {Config{Inline: kubeconfigFor(at(""), "{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin, interactiveMode: Never, "+
			"installHint: "+canary+"}}")}, "executable no-such-plugin not found"},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.APIGroup, c.config.Timeout = groupV3, 5*time.Second
			s, err := Open(t.Context(), c.config)
			if err == nil {
				_, err = s.Get(t.Context(), resources.Tier.Key("a"))
			}
			wants(t, err, nil, c.want)
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines: %q", err)
			}
		})
	}
	if text := stderr(); text != "" {
		t.Errorf("on standard error: %s", text)
	}
}

// captureStderr collects what the process writes to standard error until the returned function is called.
func captureStderr(t *testing.T) func() string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = file
	t.Cleanup(func() { os.Stderr = before })
	return func() string {
		os.Stderr = before
		_, err := file.Seek(0, io.SeekStart)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// TestExpiredCertificate says that it is the user's own certificate that has expired.
func TestExpiredCertificate(t *testing.T) {
	certFile, keyFile, certPEM := expiredCertificate(t)
	api := cluster.StartAPIServer(t, "--client-ca-file="+certFile)
	for name, c := range map[string]Config{
		"files": {Endpoint: api.URL, CAFile: api.CAFile, CertFile: certFile, KeyFile: keyFile},
		"inline": {Inline: kubeconfigFor(fmt.Sprintf("{server: %q, certificate-authority: %q}", api.URL, api.CAFile),
			fmt.Sprintf("{client-certificate-data: %s, client-key: %q}", base64.StdEncoding.EncodeToString(certPEM), keyFile))},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), c)
			wants(t, err, datastore.ErrUnauthorized, "the client certificate expired at 2020-01-02T00:00:00Z; get a new one")
		})
	}
}

func expiredCertificate(t *testing.T) (certFile, keyFile string, certPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	certFile, keyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for path, text := range map[string][]byte{certFile: certPEM, keyFile: pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile, certPEM
}
