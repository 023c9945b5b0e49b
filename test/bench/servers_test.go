package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/edfb3db0/calicoctl/test/cluster"
)

var servers cluster.Servers

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}

// onServer is a bench whose commands work on a server.
func onServer(b *testing.B, spec string) *bench {
	b.Helper()
	w := &bench{folder: b.TempDir(), binary: filepath.Join(b.TempDir(), "calicoctl")}
	if err := build(b.Context(), w.binary); err != nil {
		b.Fatal(err)
	}
	config := fmt.Sprintf(`{"apiVersion": "projectcalico.org/v3", "kind": "CalicoAPIConfig", "spec": {%s}}`, spec)
	if err := os.WriteFile(w.config(), []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	return w
}

// mustRun runs a command that has to print something.
func (b *bench) mustRun(tb testing.TB, want expected, args ...string) usage {
	tb.Helper()
	used, err := b.command(tb.Context(), args, want)
	if err != nil {
		tb.Fatal(err)
	}
	return used
}

// mustWrite writes a manifest and returns its path.
func (b *bench) mustWrite(tb testing.TB, c content, n int) string {
	tb.Helper()
	path, err := b.manifest(c, n)
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// sum adds up what several runs of a command used.
type sum struct {
	time   time.Duration
	memory int64
	runs   int
}

func (s *sum) add(used usage) {
	s.time += used.time
	s.memory = max(s.memory, used.memory)
	s.runs++
}

// report gives the mean time of a run and the largest memory; bare is the time of as many runs of the bare loop, or 0.
func (s *sum) report(b *testing.B, bare time.Duration) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(s.time.Seconds()/float64(s.runs), "s")
	b.ReportMetric(float64(s.memory)/mb, "MB")
	if bare > 0 {
		b.ReportMetric(bare.Seconds()/float64(s.runs), "bare-s")
		b.ReportMetric(s.time.Seconds()/bare.Seconds(), "×bare")
	}
}

// api is a kube-apiserver, with a client of the bare loop.
type api struct {
	*cluster.APIServer
	client *http.Client
	// group is the API group and version of the custom resources.
	group string
}

// eachForm runs a benchmark for both forms of custom resources.
func eachForm(b *testing.B, run func(b *testing.B, w *bench, a api)) {
	server := servers.APIServer(b)
	client, err := rest.HTTPClientFor(&rest.Config{
		Host: server.URL, BearerToken: cluster.Token(cluster.Admin), TLSClientConfig: rest.TLSClientConfig{CAFile: server.CAFile},
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, group := range []string{"crd.projectcalico.org/v1", "projectcalico.org/v3"} {
		b.Run(group, func(b *testing.B) {
			spec := fmt.Sprintf(`"datastoreType": "kubernetes", "kubeconfig": %q, "calicoAPIGroup": %q`, server.Kubeconfig(b, cluster.Admin), group)
			run(b, onServer(b, spec), api{server, client, group})
		})
	}
}

// bareConcurrency is how many requests the bare loop has under way.
const bareConcurrency = 32

// bare sends n requests as fast as this server answers anybody and returns how long that took.
func (a api) bare(b *testing.B, n int, method, contentType string, request func(i int) (path, body string)) time.Duration {
	b.Helper()
	began := time.Now()
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(bareConcurrency)
	for i := range n {
		group.Go(func() error {
			path, body := request(i)
			return a.send(ctx, method, path, contentType, body)
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

func (a api) send(ctx context.Context, method, path, contentType, body string) error {
	r, err := http.NewRequestWithContext(ctx, method, a.URL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", contentType)
	answer, err := a.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= http.StatusBadRequest {
		return errors.New(method + " " + path + ": " + answer.Status)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func (a api) collection(plural string) string { return "/apis/" + a.group + "/" + plural }

// clear deletes all objects of a collection.
func (a api) clear(b *testing.B, collection string) {
	b.Helper()
	a.Do(b, http.MethodDelete, collection, nil)
}

// barePolicies creates n policies of the same content as those of writePolicies.
func (a api) barePolicies(b *testing.B, n int) time.Duration {
	b.Helper()
	return a.bare(b, n, http.MethodPost, "application/json", func(i int) (string, string) {
		return a.collection("globalnetworkpolicies"), fmt.Sprintf(`{"apiVersion":%q,"kind":"GlobalNetworkPolicy","metadata":{"name":"bare-%06d","labels":{"team":"team"}},
"spec":{"tier":"default","order":%[2]d,"selector":"service == 'service-%06[2]d' && environment in {'dev', 'production'}","types":["Ingress","Egress"],
"ingress":[{"action":"Allow","protocol":"TCP","source":{"nets":["10.128.0.0/28"]},"destination":{"ports":[1024,"9090:9099"]}},
{"action":"Allow","protocol":"TCP","source":{"selector":"role == 'client-of-%06[2]d' || has(monitoring)"},"destination":{"ports":[443,10000]}}],
"egress":[{"action":"Allow","protocol":"UDP","destination":{"nets":["10.96.0.10/32"],"ports":[53]}}]}}`, a.group, i)
	})
}

// BenchmarkApplyOnKubernetes applies 1,000 new policies and then the same again, beside a bare loop that creates as many.
func BenchmarkApplyOnKubernetes(b *testing.B) {
	eachForm(b, func(b *testing.B, w *bench, a api) {
		file, applied := w.mustWrite(b, policies, small), expected{text: "Successfully applied 1000 "}
		var fresh, unchanged sum
		var bare time.Duration
		for b.Loop() {
			a.clear(b, a.collection("globalnetworkpolicies"))
			bare += a.barePolicies(b, small)
			a.clear(b, a.collection("globalnetworkpolicies"))
			fresh.add(w.mustRun(b, applied, "apply", "-f", file))
			unchanged.add(w.mustRun(b, applied, "apply", "-f", file))
		}
		fresh.report(b, bare)
		b.ReportMetric(unchanged.time.Seconds()/float64(unchanged.runs), "unchanged-s")
	})
}

// BenchmarkGetOnKubernetes lists 10,000 host endpoints.
func BenchmarkGetOnKubernetes(b *testing.B) {
	eachForm(b, func(b *testing.B, w *bench, a api) {
		endpoints := a.collection("hostendpoints")
		a.clear(b, endpoints)
		a.bare(b, medium, http.MethodPost, "application/json", func(i int) (string, string) {
			return endpoints, fmt.Sprintf(`{"apiVersion":%q,"kind":"HostEndpoint","metadata":{"name":"node-%05d-auto-hep","labels":{"kubernetes.io/hostname":"node-%05[2]d"}},
"spec":{"node":"node-%05[2]d","interfaceName":"*","expectedIPs":[%q],"profiles":["projectcalico-default-allow"]}}`, a.group, i, addressAt("10.0.0.1", i))
		})
		var all, one sum
		for b.Loop() {
			all.add(w.mustRun(b, aTable(medium), "get", "heps", "-owide"))
			one.add(w.mustRun(b, aTable(1), "get", "hep", "node-05000-auto-hep", "-owide"))
		}
		all.report(b, 0)
		b.ReportMetric(one.time.Seconds()/float64(one.runs), "one-s")
		a.clear(b, endpoints)
	})
}

// BenchmarkLabelOnKubernetes labels 1,000 nodes, beside a bare loop that patches as many.
func BenchmarkLabelOnKubernetes(b *testing.B) {
	eachForm(b, func(b *testing.B, w *bench, a api) {
		const nodes = "/api/v1/nodes"
		a.clear(b, nodes)
		name := func(i int) string { return fmt.Sprintf("node-%05d", i) }
		a.bare(b, small, http.MethodPost, "application/json", func(i int) (string, string) {
			return nodes, fmt.Sprintf(`{"metadata":{"name":%q}}`, name(i))
		})
		var labelled sum
		var bare time.Duration
		for b.Loop() {
			value := fmt.Sprint(labelled.runs)
			bare += a.bare(b, small, http.MethodPatch, "application/merge-patch+json", func(i int) (string, string) {
				return nodes + "/" + name(i), fmt.Sprintf(`{"metadata":{"labels":{"bare":%q}}}`, value)
			})
			labelled.add(w.mustRun(b, expected{lines: small}, "label", "nodes", "--all", "audited="+value, "--overwrite"))
		}
		labelled.report(b, bare)
		a.clear(b, nodes)
	})
}

// BenchmarkApplyOnEtcd applies 10,000 new policies and then the same again.
func BenchmarkApplyOnEtcd(b *testing.B) {
	w := onServer(b, fmt.Sprintf(`"datastoreType": "etcdv3", "etcdEndpoints": "http://%s"`, servers.Etcd(b).Endpoint))
	file, applied := w.mustWrite(b, policies, medium), expected{text: "Successfully applied 10000 "}
	var fresh, unchanged sum
	for b.Loop() {
		fresh.add(w.mustRun(b, applied, "apply", "-f", file))
		unchanged.add(w.mustRun(b, applied, "apply", "-f", file))
		w.mustRun(b, expected{text: "Successfully deleted 10000 "}, "delete", "-f", file)
	}
	fresh.report(b, 0)
	b.ReportMetric(unchanged.time.Seconds()/float64(unchanged.runs), "unchanged-s")
}
