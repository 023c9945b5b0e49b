package commands

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// led is a datastore in which a controller works, or none.
type led struct {
	datastore.Store
	leader string
}

func (l led) Lead(ctx context.Context, _ datastore.Election, lead func(context.Context)) error {
	lead(ctx)
	return nil
}

func (l led) Leader(context.Context, datastore.Election) (string, error) { return l.leader, nil }

func (l led) Close() error { return nil }

// newLed has one node, and automatic host endpoints switched off by the configuration; reported is what the status of
// that says of the environment.
func newLed(t *testing.T, leader string, reported map[string]string) led {
	t.Helper()
	s, err := local.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	kcc := resources.NewKubeControllersConfiguration()
	kcc.Status.RunningConfig, kcc.Status.EnvironmentVars = &v3.KubeControllersConfigurationSpec{}, reported
	node := resources.Node.New().(*v3.Node)
	node.Name = "n"
	node.Spec.BGP = &v3.NodeBGPSpec{IPv4Address: "10.0.0.1/24"}
	for _, o := range []resources.Object{kcc, node} {
		if _, err := s.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	return led{s, leader}
}

// TestStatusOfLiveController has the environment of the controller that works count, and that of the command else.
func TestStatusOfLiveController(t *testing.T) {
	on, off := map[string]string{"AUTO_HOST_ENDPOINTS": "enabled"}, map[string]string{"AUTO_HOST_ENDPOINTS": "disabled"}
	type answer struct {
		Code                                  int
		AutoCreate, EnvironmentOf, Controller string
		EnvironmentVars                       map[string]string
		Create                                int
	}
	for name, test := range map[string]struct {
		leader         string
		reported, here map[string]string
		want           answer
	}{
		"works with another":     {"c1", on, nil, answer{exitNo, v3.Enabled, "controller", "c1", on, 1}},
		"works with none":        {"c1", nil, on, answer{exitDone, v3.Disabled, "controller", "c1", map[string]string{}, 0}},
		"works with its own":     {"c1", off, on, answer{exitDone, v3.Disabled, "controller", "c1", off, 0}},
		"nobody works":           {"", off, on, answer{exitNo, v3.Enabled, "command", "", on, 1}},
		"cannot be understood":   {"c1", map[string]string{"AUTO_HOST_ENDPOINTS": "what"}, on, answer{exitNo, v3.Enabled, "command", "c1", on, 1}},
		"variables of no matter": {"c1", map[string]string{"SYNC_NODE_LABELS": "x"}, nil, answer{exitDone, v3.Disabled, "controller", "c1", map[string]string{}, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLed(t, test.leader, test.reported)
			c := &controllerCall{vars: test.here, open: func(context.Context) (datastore.Store, error) { return s, nil }}
			log := c.run(t.Context(), "status", "-o", "json")
			got := answer{Code: c.code}
			if err := json.Unmarshal(c.out.text.Bytes(), &got); err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if warned := strings.Contains(log, "cannot be understood"); warned != (name == "cannot be understood") {
				t.Errorf("standard error:\n%s", log)
			}
		})
	}
}

// TestStatusSaysWhoseEnvironment reads the line for people.
func TestStatusSaysWhoseEnvironment(t *testing.T) {
	s := newLed(t, "c1", map[string]string{"AUTO_HOST_ENDPOINTS": "enabled", "LOG_LEVEL": "debug", "DATASTORE_TYPE": "kubernetes"})
	c := &controllerCall{open: func(context.Context) (datastore.Store, error) { return s, nil }}
	c.run(t.Context(), "status")
	if want := "\nEnvironment: AUTO_HOST_ENDPOINTS=enabled LOG_LEVEL=debug, of the controller\n"; !strings.Contains(c.out.String(), want) {
		t.Errorf("there is no %q in:\n%s", want, c.out.String())
	}
}

// TestOtherEnvironment warns where a command goes by another environment than the controller that works.
func TestOtherEnvironment(t *testing.T) {
	const warning = `warning: the controller "c1" works with another environment: AUTO_HOST_ENDPOINTS is "enabled" there and not set here, ` +
		`LOG_LEVEL is not set there and "debug" here; what follows goes by the one here` + "\n"
	enabled := map[string]string{"AUTO_HOST_ENDPOINTS": "enabled"}
	for name, test := range map[string]struct {
		leader string
		here   map[string]string
		want   string
	}{
		"another":      {"c1", map[string]string{"LOG_LEVEL": "debug"}, warning},
		"the same":     {"c1", enabled, ""},
		"nobody works": {"", map[string]string{"LOG_LEVEL": "debug"}, ""},
	} {
		for _, args := range [][]string{{"plan"}, {"run", "--once"}} {
			t.Run(name+"/"+args[0], func(t *testing.T) {
				s := newLed(t, test.leader, enabled)
				c := &controllerCall{vars: test.here, open: func(context.Context) (datastore.Store, error) { return s, nil }}
				if diff := cmp.Diff(test.want, c.run(t.Context(), args...)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	}
}
