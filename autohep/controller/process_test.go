package controller_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/datastore/kubernetes"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// site is a datastore on servers of its own, which can be killed.
type site struct {
	*backend
	// spec is what a configuration file says of it.
	spec string
	// etcd is set if that is the datastore.
	etcd *cluster.Etcd
	// restart kills each server as kill -9 does, and starts it again.
	restart []func(t *testing.T)
}

// sites are the datastores over a network.
func sites() map[string]func(*testing.T) *site {
	return map[string]func(*testing.T) *site{
		"etcd": func(t *testing.T) *site {
			e := cluster.StartEtcd(t)
			return &site{
				backend: newBackend(t, openEtcd(t, e), nil),
				spec:    fmt.Sprintf(`"datastoreType": "etcdv3", "etcdEndpoints": "http://%s"`, e.Endpoint),
				etcd:    e,
				restart: []func(*testing.T){func(t *testing.T) { e.Kill(); e.Restart(t) }},
			}
		},
		"kubernetes": func(t *testing.T) *site {
			api := cluster.StartAPIServer(t)
			api.InstallCRDs(t, "crd.projectcalico.org")
			api.CreateYAML(t, "/api/v1/namespaces", "{apiVersion: v1, kind: Namespace, metadata: {name: calico-system}}")
			// Load of the test itself is not to time out while servers restart.
			s, err := kubernetes.Open(t.Context(), kubernetes.Config{Kubeconfig: api.Kubeconfig(t, cluster.Admin)})
			if err != nil {
				t.Fatal(err)
			}
			return &site{
				backend: newBackend(t, s, api),
				spec:    fmt.Sprintf(`"datastoreType": "kubernetes", "kubeconfig": %q`, api.Kubeconfig(t, cluster.Admin)),
				restart: []func(*testing.T){
					func(t *testing.T) { api.Kill(); api.Restart(t) },
					func(t *testing.T) { api.Etcd().Kill(); api.Etcd().Restart(t) },
				},
			}
		},
	}
}

// child is a process that runs "calicoctl controller run".
type child struct {
	// identity is its name in the election; empty for one that does not take part.
	identity string
	command  *exec.Cmd
	log      *safeBuffer
	ended    chan struct{}
	err      error
}

// running numbers the processes, each of which has a name of its own.
var started atomic.Int64

func (s *site) run(t *testing.T, environment ...string) *child {
	t.Helper()
	identity := fmt.Sprintf("c%d", started.Add(1))
	c := s.call(t, environment, "controller", "run", "--identity", identity)
	c.identity = identity
	return c
}

// call runs the program with a configuration of the datastore.
func (s *site) call(t *testing.T, environment []string, args ...string) *child {
	t.Helper()
	config := filepath.Join(t.TempDir(), "calicoctl.json")
	text := fmt.Sprintf(`{"apiVersion": "projectcalico.org/v3", "kind": "CalicoAPIConfig", "spec": {%s}}`, s.spec)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{log: &safeBuffer{}, ended: make(chan struct{})}
	c.command = exec.Command(program, append(args, "--config", config)...)
	c.command.Env = append(append(os.Environ(), asProgram+"=1"), environment...)
	c.command.Stderr = c.log
	if err := c.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.err = c.command.Wait()
		close(c.ended)
	}()
	t.Cleanup(func() {
		c.kill()
		if t.Failed() {
			t.Logf("log of %v:\n%s", args, c.log)
		}
	})
	return c
}

func (c *child) kill() {
	_ = c.command.Process.Kill()
	<-c.ended
}

// terminate asks the process to end, and tells how long that took.
func (c *child) terminate(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	if err := c.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.ended:
	case <-time.After(patience):
		t.Fatal("the controller does not end")
	}
	if c.err != nil {
		t.Errorf("the controller ends with: %v", c.err)
	}
	return time.Since(began)
}

func (c *child) works() bool { return strings.Contains(c.log.String(), "msg=working") }

// leaderOf waits until one of two works, and gives it first.
func leaderOf(t *testing.T, a, b *child) (leader, other *child) {
	t.Helper()
	await(t, "neither controller works", func() bool { return a.works() || b.works() })
	if a.works() {
		return a, b
	}
	return b, a
}

// TestHandOver has two processes and kills the one that works: the other takes over within 15
// seconds, and at once when it stops in order. Whoever stops does so in five seconds, even
// without a datastore.
func TestHandOver(t *testing.T) {
	for name, open := range sites() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.configure(t, enabled())
			leader, other := leaderOf(t, s.run(t), s.run(t))
			wait()
			if other.works() {
				t.Fatal("both controllers work")
			}
			leader.kill()
			began := time.Now()
			await(t, "nobody takes over", other.works)
			t.Logf("after a kill: %v", time.Since(began))
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("it takes %v until the other takes over", took)
			}
			third := s.run(t)
			await(t, "the third does not stand by", func() bool { return strings.Contains(third.log.String(), "standing by") })
			drained := other.terminate(t)
			began = time.Now()
			await(t, "nobody takes over", third.works)
			t.Logf("after a stop: %v; the stop itself: %v", time.Since(began), drained)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it takes %v until the third takes over", took)
			}
			s.addNode(t, kubeNode("late", 1))
			awaitInStep(t, s.store, environment(t, nil))
		})
	}
}

func kubeNode(name string, i int) []byte {
	return fmt.Appendf(nil, `{"metadata": {"name": %q, "labels": {"a": "b"}},
"status": {"addresses": [{"type": "InternalIP", "address": "10.0.%d.%d"}]}}`, name, i/256%256, i%256)
}

// TestEndWithoutDatastore stops a controller whose datastore is away.
func TestEndWithoutDatastore(t *testing.T) {
	e := cluster.StartEtcd(t)
	s := &site{backend: newBackend(t, openEtcd(t, e), nil), spec: fmt.Sprintf(`"datastoreType": "etcdv3", "etcdEndpoints": "http://%s"`, e.Endpoint)}
	s.configure(t, enabled())
	c := s.run(t)
	await(t, "the controller does not work", c.works)
	e.Kill()
	if took := c.terminate(t); took > 5*time.Second {
		t.Errorf("it takes %v to end", took)
	}
}

// TestStartWithoutDatastore starts a controller before its datastore.
func TestStartWithoutDatastore(t *testing.T) {
	e := cluster.StartEtcd(t)
	s := &site{backend: newBackend(t, openEtcd(t, e), nil), spec: fmt.Sprintf(`"datastoreType": "etcdv3", "etcdEndpoints": "http://%s"`, e.Endpoint)}
	s.configure(t, enabled())
	s.addNode(t, kubeNode("n", 1))
	e.Kill()
	c := s.run(t)
	await(t, "the controller does not say that it waits", func() bool { return strings.Contains(c.log.String(), "datastore is unavailable") })
	e.Restart(t)
	awaitInStep(t, s.store, environment(t, nil))
}
