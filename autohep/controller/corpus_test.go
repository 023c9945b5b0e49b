package controller_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/experiment"
)

func isConflict(err error) bool { return errors.Is(err, datastore.ErrConflict) }

// TestCorpus plays every recorded experiment with a controller at work, on every datastore.
// Steps in which it differs on purpose are in exceptions.txt, those that follow from the
// environment of the process in exceptions-controller.txt; one that does not differ any more
// has to leave its list.
func TestCorpus(t *testing.T) {
	for name, open := range ownBackends() {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // a server takes its time to be sure that a list is the newest
			b := open(t)
			exceptions := experiment.Exceptions(t, "exceptions.txt")
			maps.Copy(exceptions, experiment.Exceptions(t, "exceptions-controller.txt"))
			for _, e := range experiment.All(t) {
				t.Run(e.Name, func(t *testing.T) {
					b.clear(t)
					play(t, b, e, exceptions)
				})
			}
			for _, step := range slices.Sorted(maps.Keys(exceptions)) {
				t.Errorf("%s is an exception, but there is no such step", step)
			}
		})
	}
}

// play runs one experiment and takes the exceptions that it meets off the list.
func play(t *testing.T, b *backend, e *experiment.Experiment, exceptions map[string]string) {
	vars := map[string]string{}
	for name, value := range e.Env {
		if value != nil {
			vars[name] = *value
		}
	}
	lookup := func(name string) (string, bool) { value, ok := vars[name]; return value, ok }
	env, err := controller.ReadEnvironment(lookup, true)
	if e.Exited != nil && len(e.Phases) == 0 && slices.Contains([]string{"v-controllers-env-space", "v-controllers-env-unknown"}, e.Name) {
		if err == nil {
			t.Errorf("the environment %v is taken", vars)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	set(t, b, e)
	options := controller.Options{Store: b.store, Environment: env}
	if _, excepted := exceptions[e.Name+"/start"]; excepted {
		delete(exceptions, e.Name+"/start")
		if _, tolerant := b.store.(datastore.Tolerant); tolerant {
			refuse(t, b, options)
			return
		}
	}
	c := start(t, options)
	for i, wants := range e.Wants() {
		if i > 0 {
			for _, o := range e.Phases[i-1].Do {
				if o.Op == "restartController" {
					c.stop()
					c = start(t, options)
					continue
				}
				b.do(t, o)
			}
		}
		awaitInStep(t, b.store, env)
		compare(t, fmt.Sprintf("%s/%d", e.Name, i), b.endpoints(t), wants, exceptions)
	}
	compareStatus(t, b, e, exceptions)
	c.stop()
}

// refuse makes sure that a configuration is not understood, and removes it.
func refuse(t *testing.T, b *backend, o controller.Options) {
	t.Helper()
	if result, err := controller.Once(t.Context(), o); err == nil {
		t.Errorf("the configuration is understood: %+v", result)
	}
	if err := b.store.Delete(t.Context(), resources.KubeControllersConfiguration.Key(v3.DefaultName), ""); err != nil {
		t.Fatal(err)
	}
}

// set is the start of an experiment.
func set(t *testing.T, b *backend, e *experiment.Experiment) {
	for _, raw := range e.KubeNodes {
		b.addNode(t, raw)
	}
	for _, h := range e.Existing {
		if _, err := b.store.Create(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	if e.KCC != nil && string(e.KCC.Spec) != "null" {
		b.configureRaw(t, e.KCC.Spec)
	}
}

func compare(t *testing.T, step string, got []*v3.HostEndpoint, wants [][]*v3.HostEndpoint, exceptions map[string]string) {
	t.Helper()
	diff := ""
	for _, want := range wants {
		if diff = cmp.Diff(experiment.View(want), experiment.View(got), cmpopts.EquateEmpty()); diff == "" {
			break
		}
	}
	judge(t, step, diff, exceptions)
}

func judge(t *testing.T, step, diff string, exceptions map[string]string) {
	t.Helper()
	reason, excepted := exceptions[step]
	delete(exceptions, step)
	switch {
	case excepted && diff == "":
		t.Errorf("%s is as recorded; remove it from the exceptions (%s)", step, reason)
	case !excepted && diff != "":
		t.Errorf("%s (-recorded +got):\n%s", step, diff)
	}
}

// compareStatus compares what the configuration's status says at the end.
func compareStatus(t *testing.T, b *backend, e *experiment.Experiment, exceptions map[string]string) {
	t.Helper()
	if e.KCCAfter == nil || e.KCCAfter.Status == nil {
		return
	}
	want := *e.KCCAfter.Status
	key := resources.KubeControllersConfiguration.Key(v3.DefaultName)
	var diff string
	for range 200 {
		o, err := b.store.Get(t.Context(), key)
		if errors.Is(err, datastore.ErrNotFound) {
			diff = "there is no configuration yet"
			wait()
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got := o.(*v3.KubeControllersConfiguration).Status
		if b.kube != nil && got.RunningConfig != nil {
			withoutDefaults(want.RunningConfig, got.RunningConfig)
		}
		diff = cmp.Diff(want, got, cmpopts.EquateEmpty())
		if _, excepted := exceptions[e.Name+"/status"]; diff == "" || excepted {
			break
		}
		wait()
	}
	judge(t, e.Name+"/status", diff, exceptions)
}

// withoutDefaults takes out what the schema has the server fill in; that of the recorded cluster had no defaults.
func withoutDefaults(recorded, got *v3.KubeControllersConfigurationSpec) {
	if recorded.PrometheusMetricsPort == nil {
		got.PrometheusMetricsPort = nil
	}
	if here, there := recorded.Controllers.Node, got.Controllers.Node; here != nil && there != nil && here.LeakGracePeriod == nil {
		there.LeakGracePeriod = nil
	}
}

func (b *backend) configureRaw(t *testing.T, spec []byte) {
	t.Helper()
	var in v3.KubeControllersConfigurationSpec
	decode(t, spec, &in)
	b.configure(t, in)
}

func (b *backend) do(t *testing.T, o experiment.Operation) {
	t.Helper()
	switch o.Op {
	case "createNode":
		b.addNode(t, o.Object)
	case "deleteNode":
		b.deleteNode(t, o.Name)
	case "patchNode":
		b.patchNode(t, o.Name, "", o.Patch)
	case "patchNodeStatus":
		b.patchNode(t, o.Name, "/status", o.Patch)
	case "createHostEndpoint":
		h := &v3.HostEndpoint{}
		decode(t, o.Object, h)
		if _, err := b.store.Create(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	case "deleteHostEndpoint":
		if err := b.store.Delete(t.Context(), resources.HostEndpoint.Key(o.Name), ""); err != nil {
			t.Fatal(err)
		}
	case "patchHostEndpoint":
		b.edit(t, resources.HostEndpoint.Key(o.Name), func(before resources.Object) resources.Object {
			h := &v3.HostEndpoint{}
			decode(t, patched(t, encode(t, before), o.Patch), h)
			return h
		})
	case "setKubeControllersConfiguration":
		b.configureRaw(t, o.Spec)
	case "deleteKubeControllersConfiguration":
		if err := b.store.Delete(t.Context(), resources.KubeControllersConfiguration.Key(v3.DefaultName), ""); err != nil {
			t.Fatal(err)
		}
	case "wait":
	default:
		t.Fatalf("unknown operation %q", o.Op)
	}
}
