package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/test/cluster"
)

// controllerUnderTest is a running "calicoctl controller run".
type controllerUnderTest struct {
	command *exec.Cmd
	metrics string
}

// startController runs the built program on the server of w.
func startController(b *testing.B, w *bench, port int) *controllerUnderTest {
	b.Helper()
	c := &controllerUnderTest{metrics: fmt.Sprintf("http://127.0.0.1:%d/metrics", port)}
	c.command = exec.CommandContext(context.WithoutCancel(b.Context()), w.binary, "controller", "run",
		"--config", w.config(), "--leader-elect=false", "--metrics-host", "127.0.0.1")
	if err := c.command.Start(); err != nil {
		b.Fatal(err)
	}
	return c
}

func (c *controllerUnderTest) stop(b *testing.B) {
	b.Helper()
	_ = c.command.Process.Signal(os.Interrupt)
	if err := c.command.Wait(); err != nil {
		b.Fatal(err)
	}
}

// value reads a metric; 0 while it cannot be read.
func (c *controllerUnderTest) value(name string) float64 {
	answer, err := http.Get(c.metrics) //nolint:noctx // a poll of this process's child
	if err != nil {
		return 0
	}
	defer func() { _ = answer.Body.Close() }()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "calicoctl_autohep_"+name+" "); ok {
			value, _ := strconv.ParseFloat(text, 64)
			return value
		}
	}
	return 0
}

// memory is the resident memory of the process, and the most it has been, in bytes.
func (c *controllerUnderTest) memory(b *testing.B) (now, peak float64) {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.command.Process.Pid))
	if err != nil {
		b.Skip("this system has no /proc")
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kilobytes, _ := strconv.ParseFloat(fields[1], 64)
		switch fields[0] {
		case "VmRSS:":
			now = kilobytes * 1024
		case "VmHWM:":
			peak = kilobytes * 1024
		}
	}
	return now, peak
}

// pollPause leaves the server time for what is measured.
const pollPause = 30 * time.Millisecond

// until polls until something is so.
func until(b *testing.B, what string, is func() bool) {
	b.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !is(); time.Sleep(pollPause) {
		if time.Now().After(deadline) {
			b.Fatalf("after 5 minutes: %s", what)
		}
	}
}

// count is how many objects a collection has.
func (a api) count(b *testing.B, collection string) int {
	b.Helper()
	var page struct {
		Metadata struct{ RemainingItemCount int }
		Items    []json.RawMessage
	}
	if err := json.Unmarshal(a.Do(b, http.MethodGet, collection+"?limit=1", nil), &page); err != nil {
		b.Fatal(err)
	}
	return len(page.Items) + page.Metadata.RemainingItemCount
}

func benchNode(i int) string { return fmt.Sprintf("bench-%05d", i) }

// bareEndpoints writes as many endpoints as the controller would, and deletes them again.
func (a api) bareEndpoints(b *testing.B, n int) (create, remove time.Duration) {
	b.Helper()
	endpoints := a.collection("hostendpoints")
	create = a.bare(b, n, http.MethodPost, "application/json", func(i int) (string, string) {
		return endpoints, fmt.Sprintf(`{"apiVersion":%q,"kind":"HostEndpoint","metadata":{"name":"bare-%05d",
"annotations":{"projectcalico.org/metadata":"{\"labels\":{\"kubernetes.io/hostname\":\"%s\",\"kubernetes.io/os\":\"linux\"}}"}},
"spec":{"node":%[3]q,"interfaceName":"*","expectedIPs":[%[4]q],"profiles":["projectcalico-default-allow"]}}`, a.group, i, benchNode(i), addressAt("10.0.0.1", i))
	})
	remove = a.bare(b, n, http.MethodDelete, "application/json", func(i int) (string, string) {
		return fmt.Sprintf("%s/bare-%05d", endpoints, i), ""
	})
	return create, remove
}

// bareNodes makes nodes as kubelets do.
func (a api) bareNodes(b *testing.B, n int) {
	b.Helper()
	a.bare(b, n, http.MethodPost, "application/json", func(i int) (string, string) {
		return "/api/v1/nodes", fmt.Sprintf(`{"apiVersion":"v1","kind":"Node","metadata":{"name":%q,
"labels":{"kubernetes.io/hostname":%[1]q,"kubernetes.io/os":"linux","kubernetes.io/arch":"amd64"},
"annotations":{"projectcalico.org/IPv4Address":"%[2]s/16","projectcalico.org/IPv4IPIPTunnelAddr":%[3]q}},
"status":{"addresses":[{"type":"InternalIP","address":%[2]q}]}}`, benchNode(i), addressAt("10.0.0.1", i), addressAt("192.168.0.1", i))
	})
}

// relabel gives all nodes another label.
func (a api) relabel(b *testing.B, n int, value string) {
	b.Helper()
	a.bare(b, n, http.MethodPatch, "application/merge-patch+json", func(i int) (string, string) {
		return "/api/v1/nodes/" + benchNode(i), `{"metadata":{"labels":{"round":"` + value + `"}}}`
	})
}

// configureController makes or changes the configuration.
func (a api) configureController(b *testing.B, port int, autoCreate, period string) {
	b.Helper()
	path := a.collection("kubecontrollersconfigurations")
	spec := fmt.Sprintf(`"spec":{"prometheusMetricsPort":%d,"controllers":{"node":{"reconcilerPeriod":%q,"hostEndpoint":{"autoCreate":%q}}}}`, port, period, autoCreate)
	head := fmt.Sprintf(`"apiVersion":%q,"kind":"KubeControllersConfiguration","metadata":{"name":"default"}`, a.group)
	if a.send(b.Context(), http.MethodGet, path+"/default", "", "") != nil {
		a.Do(b, http.MethodPost, path, []byte("{"+head+","+spec+"}"))
		return
	}
	a.Do(b, http.MethodPatch, path+"/default", []byte("{"+spec+"}"))
}

// BenchmarkController has the controller enable, relabel and disable 1,000, 5,000 and 10,000 nodes, beside the mean of
// two bare loops that write as many endpoints, before and in between, and starts it where everything is in step.
func BenchmarkController(b *testing.B) {
	eachForm(b, func(b *testing.B, w *bench, a api) {
		for _, n := range []int{small, 5 * small, medium} {
			b.Run(grouped(n), func(b *testing.B) {
				b.ReportMetric(0, "ns/op")
				for b.Loop() {
					controllerRound(b, w, a, n)
				}
			})
		}
	})
}

func controllerRound(b *testing.B, w *bench, a api, n int) {
	endpoints := a.collection("hostendpoints")
	a.clear(b, "/api/v1/nodes")
	a.clear(b, endpoints)
	a.bareNodes(b, n)
	port := cluster.FreePort(b)
	a.configureController(b, port, "Disabled", "1h")
	bareCreate, firstDelete := a.bareEndpoints(b, n)

	c := startController(b, w, port)
	until(b, "the controller has not read everything", func() bool { return c.value("synced") == 1 })
	began := time.Now()
	a.configureController(b, port, "Enabled", "1h")
	until(b, "not all nodes are protected", func() bool { return a.count(b, endpoints) == n })
	enabled := time.Since(began)

	value := strconv.FormatInt(time.Now().UnixNano(), 36)

	a.relabel(b, n, value)
	labelled := time.Now()
	until(b, "not all labels have been followed", func() bool { return c.value(`writes_total{op="update"}`) >= float64(n) })
	followed := time.Since(labelled)
	if got := strings.Count(string(a.Do(b, http.MethodGet, endpoints, nil)), value); got < n {
		b.Fatalf("the label is on %d endpoints of %d", got, n)
	}
	p99 := oneLabel(b, a, n)

	c.stop(b)
	again, bareDelete := a.bareEndpoints(b, n)
	bareCreate, bareDelete = (bareCreate+again)/2, (firstDelete+bareDelete)/2
	a.configureController(b, port, "Enabled", "2s")

	c = startController(b, w, port)
	until(b, "no pass over everything", func() bool { return c.value("full_pass_seconds_count") >= 3 })
	pass := c.value("full_pass_seconds_sum") / c.value("full_pass_seconds_count")
	resident, peak := c.memory(b)
	if written := c.value(`writes_total{op="create"}`) + c.value(`writes_total{op="update"}`) + c.value(`writes_total{op="delete"}`); written != 0 {
		b.Fatalf("%v writes where everything is in step", written)
	}
	began = time.Now()
	a.configureController(b, port, "Disabled", "1h")
	until(b, "not all endpoints are gone", func() bool { return a.count(b, endpoints) == 0 })
	disabled := time.Since(began)
	c.stop(b)

	for unit, value := range map[string]float64{
		"enable-s": enabled.Seconds(), "enable-×bare": enabled.Seconds() / bareCreate.Seconds(),
		"relabel-behind-s": followed.Seconds(), "label-p99-ms": p99.Seconds() * 1000,
		"disable-s": disabled.Seconds(), "disable-×bare": disabled.Seconds() / bareDelete.Seconds(),
		"pass-s": pass, "rss-MB": resident / mb, "peak-MB": peak / mb,
	} {
		b.ReportMetric(value, unit)
	}
	startFromNothing(b, w, a, n)
}

// startFromNothing starts the controller where no node is protected yet.
func startFromNothing(b *testing.B, w *bench, a api, n int) {
	port := cluster.FreePort(b)
	a.configureController(b, port, "Enabled", "1h")
	began := time.Now()
	c := startController(b, w, port)
	until(b, "not all nodes are protected", func() bool { return a.count(b, a.collection("hostendpoints")) == n })
	b.ReportMetric(time.Since(began).Seconds(), "start-s")
	_, peak := c.memory(b)
	b.ReportMetric(peak/mb, "start-peak-MB")
	c.stop(b)
	a.configureController(b, port, "Disabled", "1h")
}

// oneLabel changes one label after the other and gives the time in which 99 of 100 reach their endpoints.
func oneLabel(b *testing.B, a api, n int) time.Duration {
	var took []time.Duration
	for i := range 200 {
		node, value := benchNode(i*7919%n), "v"+strconv.Itoa(i)
		a.Do(b, http.MethodPatch, "/api/v1/nodes/"+node, []byte(`{"metadata":{"labels":{"one":"`+value+`"}}}`))
		began := time.Now()
		for !strings.Contains(string(a.Do(b, http.MethodGet, a.collection("hostendpoints")+"/"+node+"-auto-hep", nil)), value) {
			time.Sleep(time.Millisecond)
		}
		took = append(took, time.Since(began))
		time.Sleep(5 * time.Millisecond)
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}
