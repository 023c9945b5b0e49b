package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

func creations(prefix string, n int) []datastore.Change {
	changes := make([]datastore.Change, n)
	for i := range changes {
		o := set(fmt.Sprintf("%s-%04d", prefix, i))
		changes[i] = datastore.Change{Op: datastore.ChangeCreate, Key: resources.GlobalNetworkSet.Key(o.Name), Object: o}
	}
	return changes
}

// crowd counts how many requests are under way at once.
type crowd struct {
	http.RoundTripper
	now, most atomic.Int64
}

func (c *crowd) RoundTrip(r *http.Request) (*http.Response, error) {
	now := c.now.Add(1)
	defer c.now.Add(-1)
	for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
	}
	time.Sleep(5 * time.Millisecond)
	return c.RoundTripper.RoundTrip(r)
}

// TestConcurrency keeps as many requests under way as was asked for.
func TestConcurrency(t *testing.T) {
	for asked, want := range map[int]int64{0: 32, 4: 4} {
		s, p := throughProxy(t, nil)
		s.concurrency = open(t, Config{Endpoint: "http://127.0.0.1:1", APIGroup: groupV3, Concurrency: asked}).concurrency
		c := &crowd{RoundTripper: p.Transport}
		p.Transport = c
		for _, o := range s.WriteAll(t.Context(), creations(fmt.Sprint("crowd-", asked), 200), nil) {
			if o.Err != nil {
				t.Fatal(o.Err)
			}
		}
		if most := c.most.Load(); most != want {
			t.Errorf("%d requests were under way at once, want %d", most, want)
		}
	}
}

// TestOneConnection sends everything over one connection.
func TestOneConnection(t *testing.T) {
	api := servers.APIServer(t)
	address, err := url.Parse(api.URL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	var connections atomic.Int64
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go forward(context.WithoutCancel(t.Context()), in, address.Host)
		}
	}()
	s := open(t, Config{Endpoint: "https://" + listener.Addr().String(), CAFile: api.CAFile, Token: cluster.Token(cluster.Admin)})
	for _, o := range s.WriteAll(t.Context(), creations("one-connection", 200), nil) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("there were %d connections", n)
	}
}

func forward(ctx context.Context, in net.Conn, to string) {
	defer func() { _ = in.Close() }()
	out, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	go func() { _, _ = io.Copy(out, in) }()
	_, _ = io.Copy(in, out)
}

// TestServerGoesAway ends a bulk write soon after the server has stopped to answer, and reports every change.
func TestServerGoesAway(t *testing.T) {
	var requests atomic.Int64
	stuck := newServer(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		<-r.Context().Done()
	}))
	s := open(t, Config{Endpoint: stuck, APIGroup: groupV3, Timeout: 200 * time.Millisecond, Concurrency: 8})
	steps := 0
	outcomes := s.WriteAll(t.Context(), creations("away", 500), func() { steps++ })
	for i, o := range outcomes {
		if !errors.Is(o.Err, datastore.ErrUnavailable) {
			t.Fatalf("change %d: %v", i, o.Err)
		}
	}
	if n := requests.Load(); steps != 500 || n < 8 || n > 16 {
		t.Errorf("%d steps, %d requests", steps, n)
	}
}

// TestKilledInTheMiddle kills the server during a bulk write. What was said to be written is there when it runs again.
func TestKilledInTheMiddle(t *testing.T) {
	api := cluster.StartAPIServer(t)
	api.InstallCRDs(t, "projectcalico.org")
	s := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Admin)})
	changes := creations("killed", 2000)
	steps := 0
	outcomes := s.WriteAll(t.Context(), changes, func() {
		if steps++; steps == 300 {
			api.Kill()
		}
	})
	api.Restart(t)
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
	if written < 200 || written > 1900 || len(there) > written+defaultConcurrency {
		t.Errorf("%d of %d were said to be written, %d are there", written, len(changes), len(there))
	}
}

// TestCancelled stops a bulk write when its context ends, and says which changes were made.
func TestCancelled(t *testing.T) {
	s := open(t, Config{Kubeconfig: servers.APIServer(t).Kubeconfig(t, cluster.Admin)})
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	changes := creations("cancelled", 1000)
	outcomes := s.WriteAll(ctx, changes, func() {
		if steps++; steps == 100 {
			cancel()
		}
	})
	written := 0
	for i, o := range outcomes {
		switch {
		case o.Err == nil:
			written++
			if o.Object.GetName() != changes[i].Key.Name {
				t.Errorf("the outcome of %s is about %s", changes[i].Key, o.Object.GetName())
			}
		case !errors.Is(o.Err, context.Canceled):
			t.Fatal(o.Err)
		}
	}
	if written < 100-defaultConcurrency || written > 100+defaultConcurrency {
		t.Errorf("%d changes were made", written)
	}
}

// TestListRestarts begins a list anew that the server cannot go on with, and reads it in pages.
func TestListRestarts(t *testing.T) {
	var mutex sync.Mutex
	var limits []string
	refuse := 1
	s, _ := throughProxy(t, func(_ int64, r *http.Request) int {
		query := r.URL.Query()
		if r.Method != http.MethodGet {
			return 0
		}
		mutex.Lock()
		defer mutex.Unlock()
		limits = append(limits, query.Get("limit"))
		if query.Get("continue") != "" && refuse > 0 {
			refuse--
			return http.StatusGone
		}
		return 0
	})
	kind := resources.StagedGlobalNetworkPolicy
	changes := make([]datastore.Change, 600)
	for i := range changes {
		o := kind.New().(*v3.StagedGlobalNetworkPolicy)
		o.Name = fmt.Sprintf("page-%03d", i)
		kind.Default(o)
		changes[i] = datastore.Change{Op: datastore.ChangeCreate, Key: kind.Key(o.Name), Object: o}
	}
	for _, o := range s.WriteAll(t.Context(), changes, nil) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	list, err := s.List(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != len(changes) || len(limits) != 4 || limits[0] != "500" {
		t.Errorf("%d of %d objects are listed, in pages of %v", len(list.Items), len(changes), limits)
	}
	refuse = 100
	_, err = s.List(t.Context(), kind)
	wants(t, err, datastore.ErrUnavailable, "5 times")
}

// BenchmarkList10000 reads 10,000 host endpoints.
func BenchmarkList10000(b *testing.B) {
	api := cluster.StartAPIServer(b)
	api.InstallCRDs(b, cluster.Groups()...)
	for _, group := range []string{groupV1, groupV3} {
		b.Run(group, func(b *testing.B) {
			s := open(b, Config{Kubeconfig: api.Kubeconfig(b, cluster.Admin), APIGroup: group})
			for _, o := range s.WriteAll(b.Context(), endpoints(10_000), nil) {
				if o.Err != nil && !errors.Is(o.Err, datastore.ErrExists) {
					b.Fatal(o.Err)
				}
			}
			for b.Loop() {
				list, err := s.List(b.Context(), resources.HostEndpoint)
				if err != nil || len(list.Items) != 10_000 {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
		})
	}
}

func endpoints(n int) []datastore.Change {
	changes := make([]datastore.Change, n)
	for i := range changes {
		o := resources.HostEndpoint.New().(*v3.HostEndpoint)
		o.Name = fmt.Sprintf("list-%05d", i)
		o.Labels = map[string]string{"kubernetes.io/hostname": o.Name, "role": "worker"}
		o.Spec = v3.HostEndpointSpec{Node: o.Name, InterfaceName: "eth0", ExpectedIPs: []string{fmt.Sprintf("10.0.%d.%d", i/250, i%250)}}
		changes[i] = datastore.Change{Op: datastore.ChangeCreate, Key: resources.HostEndpoint.Key(o.Name), Object: o}
	}
	return changes
}
